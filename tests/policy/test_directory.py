"""The user directory and its look-ups."""

import pytest
from tests.policy.calls import HOUSE, ada, ben, pair, user

from callkeeper.policy.directory import Directory, Licence, Line, User, UserStatus, line, user_to_json


def test_a_user_is_found_by_id_or_by_email_address_without_regard_to_case():
    assert HOUSE.find("ada") == HOUSE.find("ADA@EXAMPLE.COM") == ada()
    assert HOUSE.find("nobody") is None
    assert HOUSE.find("") is None
    assert Directory.of([ada(email="")]).find("") is None


def test_an_id_goes_before_an_email_address():
    odd = user("ben@example.com", "2009", email="")
    assert Directory.of([ben(), odd]).find("ben@example.com") == odd


def test_the_owners_of_a_number_are_in_the_order_of_their_ids():
    house = Directory.of([user("zoe", "2900"), user("ada", "2900")])
    assert [one.id for one in house.owners("2900")] == ["ada", "zoe"]
    assert house.owners("2901") == ()


def test_a_number_listed_twice_by_one_user_has_one_owner():
    house = Directory.of([ada(lines=(pair("2001", "+3901"), pair("2001", "+3902")))])
    assert [one.id for one in house.owners("2001")] == ["ada"]
    assert house.twins("2001") == {"+3901", "+3902"}


def test_twins_are_the_two_forms_of_one_line():
    assert HOUSE.twins("2001") == {"+390551232001"}
    assert HOUSE.twins("+390551232001") == {"2001"}
    assert HOUSE.twins("2101") == frozenset()


def test_the_revision_is_independent_of_the_order_and_changes_with_any_user():
    assert Directory.of([ada(), ben()]).revision == Directory.of([ben(), ada()]).revision
    assert Directory.of([ada()]).revision != Directory.of([ada(surname="Lovelace")]).revision


def test_of_two_users_with_one_id_the_later_stands():
    assert Directory.of([ada(name="first"), ada(name="second")]).users["ada"].name == "second"


@pytest.mark.parametrize(
    ("changes", "recordable"),
    [({}, True), ({"licences": frozenset({Licence.VOICE_ANALYTICS})}, False), ({"status": UserStatus.DISABLED}, False)],
)
def test_only_a_licensed_user_in_service_is_recordable(changes, recordable):
    assert ada(**changes).recordable is recordable


def test_a_user_is_plain_json_with_sorted_lists():
    shown = user_to_json(User(id="u", licences=frozenset(Licence), lines=(Line(extension="1"),)))
    assert shown["licences"] == ["CallRecording", "VoiceAnalytics"]
    assert shown["lines"] == [{"extension": "1", "e164": None}]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"extension": "20x1"}, "extension is not a number"),
        ({"e164": "no"}, "e164 is not a number"),
        ({"e164": "390551"}, "e164 has no leading +"),
    ],
)
def test_a_line_is_made_of_numbers(numbers, message):
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        line(**numbers)
    assert line(extension=" 20-01 ", e164="tel:+39-055") == Line(extension="2001", e164="+39055")
