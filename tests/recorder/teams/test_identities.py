"""Who a Graph identity is to us, kind by kind."""

import pytest

from callkeeper.policy.call import Identity, Party
from callkeeper.recorder.teams.identities import party_of_address, party_of_set
from callkeeper.recorder.teams.reading import NO_GUID, GraphError, one_form

OWN = "1f0c7a52-5b1e-4a57-9d0e-6a2f4f0f9c01"
OTHER = "7b6d2e90-31c4-4f3c-8a55-0f9e2d7c4b02"
ADA = "a0a00000-0000-4000-8000-00000000ada0"
TENANTS = frozenset({OWN})
HIDDEN = Party(identity=Identity.ANONYMOUS)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"user": {"id": ADA, "tenantId": OWN}}, Party(user=ADA, identity=Identity.USER)),
        ({"user": {"id": ADA.upper(), "tenantId": OWN.upper()}}, Party(user=ADA, identity=Identity.USER)),
        ({"user": {"id": ADA, "tenantId": OTHER}}, Party(user=ADA, identity=Identity.FEDERATED)),
        ({"user": {"id": ADA}}, Party(user=ADA, identity=Identity.UNKNOWN)),
        ({"user": {"id": ADA, "tenantId": NO_GUID}}, Party(user=ADA, identity=Identity.UNKNOWN)),
        (
            {"user": {"id": ADA, "tenantId": OWN, "userPrincipalName": "x_y.org#EXT#@z.example"}},
            Party(user=ADA, identity=Identity.GUEST),
        ),
        (
            {"user": {"userPrincipalName": "ada@contoso.example", "tenantId": OWN}},
            Party(user="ada@contoso.example", identity=Identity.USER),
        ),
        (
            {"user": {"id": ADA, "tenantId": OWN}, "phone": {"id": "+39021"}},
            Party(user=ADA, number="+39021", identity=Identity.USER),
        ),
        ({"onPremises": {"id": ADA}}, Party(user=ADA, identity=Identity.UNKNOWN)),
        ({"guest": {"id": "g-1", "displayName": "V"}}, Party(user="g-1", identity=Identity.GUEST)),
        ({"phone": {"id": "+390212345678"}}, Party(number="+390212345678")),
        ({"phone": {"id": "4:+390212345678"}}, Party(number="+390212345678")),
        ({"phone": {"id": "Anonymous"}}, HIDDEN),
        ({"phone": {"id": ""}}, HIDDEN),
        ({"phone": {}}, HIDDEN),
        (
            {"phone": {"id": "anonymous"}, "assertedIdentity": {"id": "+39021"}},
            Party(number="+39021", identity=Identity.ANONYMOUS),
        ),
        ({"user": {"id": ADA}, "assertedIdentity": {"id": OTHER}}, Party(user=ADA)),
        ({"encrypted": {"id": "x"}}, HIDDEN),
        ({"acsUser": {"id": "8:acs:1_2"}}, HIDDEN),
        ({"azureCommunicationServicesUser": {"id": "8:acs:1_2"}}, HIDDEN),
        ({"applicationInstance": {"id": ADA}}, Party(identity=Identity.SERVICE)),
        ({"applicationInstance": {"id": ADA, "tenantId": OTHER}}, Party(identity=Identity.FEDERATED)),
        ({"application": {"id": ADA, "tenantId": OWN}}, Party(identity=Identity.SERVICE)),
        ({"application": {"id": ADA}}, Party(identity=Identity.UNKNOWN)),
        ({"user": {"id": ADA, "tenantId": OWN}, "endpointType": "voicemail"}, Party(identity=Identity.SERVICE)),
        ({}, None),
        ({"user": None, "phone": None}, None),
        ({"conversation": {"id": "19:x"}}, None),
    ],
)
def test_an_identity_set_is_a_party(identity: dict[str, object], expected: Party | None) -> None:
    assert party_of_set(identity, "identity", TENANTS) == expected


@pytest.mark.parametrize(
    ("address", "tenant", "expected"),
    [
        (f"8:orgid:{ADA}", OWN, Party(user=ADA, identity=Identity.USER)),
        (ADA, OTHER, Party(user=ADA, identity=Identity.FEDERATED)),
        (f"8:orgid:{ADA}", None, Party(user=ADA)),
        ("4:+390212345678", NO_GUID, Party(number="+390212345678")),
        ("4:anonymous", None, HIDDEN),
        ("4:", None, HIDDEN),
        (f"28:orgid:{ADA}", NO_GUID, Party(identity=Identity.SERVICE)),
        (f"28:{ADA}", None, Party(identity=Identity.UNKNOWN)),
        ("8:acs:1_2", None, HIDDEN),
        ("8:teamsvisitor:1", None, Party(identity=Identity.GUEST)),
        ("8:live:somebody", None, Party(user="8:live:somebody", identity=Identity.FEDERATED)),
    ],
)
def test_a_message_address_is_a_party(address: str, tenant: str | None, expected: Party) -> None:
    assert party_of_address(address, tenant, TENANTS) == expected


def test_an_error_names_the_place_and_not_the_value() -> None:
    with pytest.raises(GraphError) as caught:
        party_of_set({"phone": {"id": {"number": "+390212345678"}}}, "source.identity", TENANTS)
    assert (caught.value.path, caught.value.message) == ("source.identity.phone.id", "expected a text")


@pytest.mark.parametrize("written", [ADA, ADA.upper(), ADA.replace("-", ""), ADA.replace("-", "").upper()])
def test_an_id_has_one_form(written: str) -> None:
    assert one_form(written) == ADA


@pytest.mark.parametrize("written", ["8:live:A", "", "A" * 32 + "B", "19:Meeting_X@thread.v2"])
def test_what_is_no_guid_is_left_as_it_is(written: str) -> None:
    assert one_form(written) == written
