"""A call as one text in the store: what a check decides about anew. Members that are at their default are left out."""

import json
from typing import Any

from callkeeper.policy.call import Call, CallKind, Consent, Direction, Identity, Party

PLACES = ("calling", "called", "original_called", "redirecting", "connected")
_KINDS = {word.value: word for word in CallKind}
_DIRECTIONS = {word.value: word for word in Direction}
_CONSENTS = {word.value: word for word in Consent}
_IDENTITIES = {word.value: word for word in Identity}


def call_text(call: Call) -> str:
    """The call as JSON; ids that have columns of their own are left out."""
    value: dict[str, Any] = {"kind": call.kind}
    for place in PLACES:
        party = getattr(call, place)
        if party is not None:
            value[place] = _party_value(party)
    if call.participants:
        value["participants"] = [_party_value(party) for party in call.participants]
    if call.recorded_users:
        value["recorded_users"] = call.recorded_users
    if call.direction is not None:
        value["direction"] = call.direction
    if call.consent is not Consent.NOT_ASKED:
        value["consent"] = call.consent
    return json.dumps(value, separators=(",", ":"))


def call_of(native_id: str, conversation: str, text: str) -> Call:
    """The call of this text."""
    value = json.loads(text)
    found = value.get
    direction = found("direction")
    return Call(
        native_id=native_id,
        conversation=conversation,
        kind=_KINDS[value["kind"]],
        calling=_party(found("calling")),
        called=_party(found("called")),
        original_called=_party(found("original_called")),
        redirecting=_party(found("redirecting")),
        connected=_party(found("connected")),
        participants=tuple([Party(number=n, user=u, identity=_IDENTITIES[i]) for n, u, i in found("participants", ())]),
        recorded_users=tuple(found("recorded_users", ())),
        direction=None if direction is None else _DIRECTIONS[direction],
        consent=_CONSENTS[found("consent", "notAsked")],
    )


def _party_value(party: Party) -> list[str | None]:
    return [party.number, party.user, party.identity]


def _party(value: list[Any] | None) -> Party | None:
    if value is None:
        return None
    number, user, identity = value
    return Party(number=number, user=user, identity=_IDENTITIES[identity])
