"""Who a Microsoft Graph identity is to us: user, guest, federated, anonymous, service, or a number.

Facts (Graph v1.0: identitySet, communicationsIdentitySet and the communications…Identity types):
    - An identity set has one member per kind of identity (`user`, `phone`, `guest`, `applicationInstance`, …); it is an
      open type, so members come that no page lists (`acsUser`, `device`).
    - `user` carries the Entra object id and, not always, the tenant. Only the tenant tells a colleague from a user of
      another organisation. Without it the party is `unknown` with a reference, and the directory has the word.
    - A guest account of our own tenant is a user whose principal name holds `#EXT#`.
    - `phone.id` is the number (E.164); a caller who withholds it has a word in its place. `assertedIdentity` holds the
      identity the network vouches for.
    - `applicationInstance` is a resource account: a call queue, an auto attendant, or a bot. `endpointType` `voicemail`
      is the user's voicemail, not the user.
    - `applicationMetadata.botData` names people by the platform's message address: `8:orgid:<object id>`, `4:<number>`,
      `28:<application>`, `8:acs:…`, `8:teamsvisitor:…`, and others for accounts of consumers.
"""

from callkeeper.policy.call import Identity, Party
from callkeeper.policy.numbers import normalize_number
from callkeeper.recorder import bounds
from callkeeper.recorder.teams.reading import NO_GUID, Object, id_member, object_member, text_member

WITHHELD = frozenset({"anonymous", "unavailable", "restricted", "private", "unknown", "withheld"})
"""What stands in place of a number that is not shown (RFC 3323, RFC 3325 and gateways' habits)."""

EXTERNAL_ACCOUNT = "#ext#"
"""In the principal name of a guest account, whatever its case."""

_NUMBER = bounds.NUMBER_CHARACTERS
_REFERENCE = bounds.REFERENCE_CHARACTERS
_HIDDEN = ("azureCommunicationServicesUser", "acsUser", "encrypted")
_SERVICES = ("applicationInstance", "acsApplicationInstance", "application", "acsApplication", "device")

Tenants = frozenset[str]
"""The organisation's own tenants, in their one form (`reading.one_form`)."""


def party_of_set(identity: Object, path: str, tenants: Tenants, *, endpoint: str | None = None) -> Party | None:
    """The party an identity set names; None where it names nobody.

    Args:
        identity: the `identitySet` or `communicationsIdentitySet`.
        path: where it stands, for errors.
        tenants: the organisation's own.
        endpoint: `endpointType`, where it stands beside the identity set.

    Raises:
        GraphError: a member is not what the schema says.
    """
    number, withheld = _number(identity, path)
    if "voicemail" in {endpoint, text_member(identity, "endpointType", path)}:
        return Party(number=number, identity=Identity.SERVICE)
    for name in ("user", "onPremises"):
        if (user := object_member(identity, name, path)) is not None:
            return _user(user, f"{path}.{name}", tenants, number)
    if (guest := object_member(identity, "guest", path)) is not None:
        reference = id_member(guest, "id", f"{path}.guest", _REFERENCE)
        return Party(number=number, user=reference, identity=Identity.GUEST)
    for name in _SERVICES:
        if (service := object_member(identity, name, path)) is not None:
            tenant = id_member(service, "tenantId", f"{path}.{name}")
            return Party(number=number, identity=_service(tenant, tenants, resource=name == "applicationInstance"))
    return _caller(identity, path, number, withheld=withheld)


def _caller(identity: Object, path: str, number: str | None, *, withheld: bool) -> Party | None:
    """Who is known by a number at most."""
    if withheld or any(object_member(identity, name, path) is not None for name in _HIDDEN):
        return Party(number=number, identity=Identity.ANONYMOUS)
    return None if number is None else Party(number=number)


def party_of_user(user: Object, path: str, tenants: Tenants) -> Party:
    """The party a single user identity names: `associatedIdentity` of a call record, which has no set around it.

    Raises:
        GraphError: a member is not what the schema says.
    """
    return _user(user, path, tenants, None)


def party_of_address(address: str, tenant: str | None, tenants: Tenants) -> Party:
    """The party a message address of the platform names; a bare id is taken for a user's."""
    scheme, _, rest = address.partition(":")
    tenant = None if tenant == NO_GUID else tenant
    if scheme == "4":
        return Party(identity=Identity.ANONYMOUS) if _is_withheld(rest) else Party(number=rest)
    if scheme == "28":
        return Party(identity=_service(tenant, tenants, resource=rest.startswith("orgid:")))
    if address.startswith("8:acs:"):
        return Party(identity=Identity.ANONYMOUS)
    if address.startswith("8:teamsvisitor:"):
        return Party(identity=Identity.GUEST)
    if scheme in {"1", "2", "8"} and rest and not address.startswith("8:orgid:"):
        return Party(user=address, identity=Identity.FEDERATED)
    return Party(user=address.removeprefix("8:orgid:"), identity=_belonging(tenant, tenants))


def _user(user: Object, path: str, tenants: Tenants, number: str | None) -> Party:
    reference = id_member(user, "id", path, _REFERENCE)
    tenant = id_member(user, "tenantId", path)
    principal = text_member(user, "userPrincipalName", path, _REFERENCE)
    identity = _belonging(tenant, tenants)
    if principal is not None and EXTERNAL_ACCOUNT in principal.lower() and identity is not Identity.FEDERATED:
        identity = Identity.GUEST
    return Party(number=number, user=reference or principal, identity=identity)


def _belonging(tenant: str | None, tenants: Tenants) -> Identity:
    if tenant is None or tenant == NO_GUID:
        return Identity.UNKNOWN
    return Identity.USER if tenant in tenants else Identity.FEDERATED


def _service(tenant: str | None, tenants: Tenants, *, resource: bool) -> Identity:
    """A resource account is ours unless its tenant says otherwise, an application only if its tenant says so."""
    belonging = _belonging(tenant, tenants)
    return Identity.SERVICE if belonging is Identity.USER or (resource and tenant in {None, NO_GUID}) else belonging


def _number(identity: Object, path: str) -> tuple[str | None, bool]:
    """The number, and whether it is withheld: then it is the asserted one, which matches and is never displayed."""
    phone = object_member(identity, "phone", path)
    shown = None if phone is None else text_member(phone, "id", f"{path}.phone", _NUMBER)
    if shown is not None and not _is_withheld(shown):
        return shown.removeprefix("4:"), False
    asserted = object_member(identity, "assertedIdentity", path)
    number = None if asserted is None else text_member(asserted, "id", f"{path}.assertedIdentity", _NUMBER)
    # A user's or an application's identity can be asserted too; only a number is of use here.
    if number is not None and normalize_number(number) is None:
        number = None
    return number, phone is not None


def _is_withheld(number: str) -> bool:
    return number.removeprefix("4:").lower() in WITHHELD | {""}
