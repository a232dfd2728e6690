"""Who is recorded and whose numbers match: semantics, "Numbers" and "Edge cases"."""

import pytest
from tests.policy.calls import CUSTOMER, HOUSE, ada, ben, call, config, inbound, listed, named, number, pair, user

from callkeeper.policy import recognition
from callkeeper.policy.call import CallKind, Direction, Identity, Party
from callkeeper.policy.config import FilterSection
from callkeeper.policy.decide import decide, decide_user, recorded_users
from callkeeper.policy.decision import Outcome, Reason
from callkeeper.policy.directory import Directory, UserStatus
from callkeeper.policy.facts import survey
from callkeeper.policy.recognition import View
from callkeeper.policy.rules import Rules

SHARED = Directory.of(
    [
        user("ada", "2900"),
        user("ben", "2900"),
        user("carla", "2900", licensed=False),
        user("dan", "2900", status=UserStatus.DISABLED),
    ]
)


def reason(segment, *patterns, directory=HOUSE):
    return decide(config(blacklist=listed(*patterns)), segment, directory).reason


@pytest.mark.parametrize("end", ["calling", "called", "original_called", "redirecting", "connected"])
def test_every_number_signalled_for_the_segment_is_matched(end):
    segment = call(**{"recorded_users": ("ada",), "calling": CUSTOMER, "called": CUSTOMER, end: number("tel:+44-20-1")})
    assert reason(segment, "+44201") is Reason.BLACKLISTED
    assert reason(segment, "+44202") is Reason.ALWAYS_ON


def test_participants_are_matched():
    segment = inbound(kind=CallKind.MEETING, participants=(number("+44201"),))
    assert reason(segment, "+44201") is Reason.BLACKLISTED


@pytest.mark.parametrize(("signalled", "listed_as"), [("2001", "+390551232001"), ("+390551232001", "2001")])
def test_the_other_form_of_the_same_line_matches_where_the_directory_pairs_them(signalled, listed_as):
    assert reason(inbound(called=number(signalled)), listed_as) is Reason.BLACKLISTED


def test_a_users_other_lines_do_not_match():
    assert reason(inbound(), "2101") is Reason.ALWAYS_ON
    assert reason(inbound(called=named("ada")), "2001") is Reason.ALWAYS_ON


def test_what_is_no_number_never_matches():
    for text in ("extension 12a", "anonymous@invalid", "", "+"):
        assert reason(call(calling=number(text), called=named("ada")), "!", "+!") is Reason.ALWAYS_ON


def test_the_recorded_users_are_those_the_source_names():
    between = call(calling=number("2001"), called=number("2002"), recorded_users=("BEN@example.com", "ben"))
    assert [one.reference for one in recorded_users(between, HOUSE)] == ["ben"]


def test_else_they_are_the_directory_users_among_the_parties():
    between = call(calling=number("2002"), called=named("ada"), participants=(number("2003"), CUSTOMER))
    assert [one.reference for one in recorded_users(between, HOUSE)] == ["ada", "ben", "carla"]


def test_who_was_dialled_at_first_is_not_recorded_on_a_call_somebody_else_answered():
    picked_up = call(calling=CUSTOMER, called=number("2001"), connected=number("2002"))
    assert [one.reference for one in recorded_users(picked_up, HOUSE)] == ["ben"]
    diverted = call(calling=CUSTOMER, called=number("2002"), original_called=number("2001"))
    assert [one.reference for one in recorded_users(diverted, HOUSE)] == ["ben"]


def test_a_reference_goes_before_a_number_and_an_unknown_one_leaves_the_number():
    known = call(calling=CUSTOMER, called=Party(number="2002", user="ada"))
    unknown = call(calling=CUSTOMER, called=Party(number="2002", user="somebody"))
    assert [one.reference for one in recorded_users(known, HOUSE)] == ["ada"]
    assert [one.reference for one in recorded_users(unknown, HOUSE)] == ["ben"]


@pytest.mark.parametrize("identity", [Identity.GUEST, Identity.FEDERATED, Identity.SERVICE])
def test_guests_federated_users_and_services_are_never_taken_for_a_user(identity):
    segment = call(calling=CUSTOMER, called=Party(number="2001", user="ada", identity=identity))
    assert recorded_users(segment, HOUSE) == ()


def test_a_user_who_withholds_the_number_is_known_by_reference_only():
    by_number = call(calling=number("2001", Identity.ANONYMOUS), called=CUSTOMER)
    by_reference = call(calling=Party(user="ada", identity=Identity.ANONYMOUS), called=CUSTOMER)
    assert recorded_users(by_number, HOUSE) == ()
    assert [one.reference for one in recorded_users(by_reference, HOUSE)] == ["ada"]


def test_an_anonymous_caller_is_external_and_matches_nothing():
    segment = inbound(calling=Party(identity=Identity.ANONYMOUS), called=named("ada"))
    assert reason(segment, "!", "+!") is Reason.ALWAYS_ON
    closed = config(filter=FilterSection(external=False))
    assert decide(closed, segment, HOUSE).reason is Reason.FILTERED_SCOPE


def test_an_asserted_identity_under_privacy_does_match():
    assert reason(inbound(calling=number("+390212345", Identity.ANONYMOUS)), "+39!") is Reason.BLACKLISTED


def test_on_a_shared_line_the_recorded_user_is_who_answered():
    answered = call(calling=CUSTOMER, called=number("2900"), connected=Party(number="2900", user="ben"))
    barged_in = call(calling=CUSTOMER, called=number("2900"), recorded_users=("ada",))
    for segment, name in ((answered, "ben"), (barged_in, "ada")):
        (decision,) = decide(config(), segment, SHARED).decisions
        assert (decision.user, decision.facts.shared_line) == (name, False)
        assert decision.facts.direction is Direction.INBOUND


def test_on_a_shared_line_with_nobody_known_every_licensed_owner_is_recorded_and_the_decision_says_so():
    decisions = decide(config(), call(calling=CUSTOMER, called=number("2900")), SHARED).decisions
    assert [one.user for one in decisions] == ["ada", "ben"]
    assert all(one.facts.shared_line for one in decisions)
    assert {one.facts.direction for one in decisions} == {Direction.INBOUND}


def test_an_owner_of_the_shared_line_who_is_known_to_be_on_the_call_is_no_mere_owner():
    segment = call(calling=named("ben"), called=number("2900"))
    assert {one.user: one.facts.shared_line for one in decide(config(), segment, SHARED).decisions} == {
        "ada": True,
        "ben": False,
    }


def test_a_shared_line_without_licensed_owners_has_no_recorded_user():
    directory = Directory.of([user("ada", "2900", licensed=False), user("ben", "2900", licensed=False)])
    segment = call(calling=CUSTOMER, called=number("2900"))
    assert decide(config(), segment, directory).reason is Reason.NO_RECORDED_USER


def test_behind_a_queue_the_agent_is_the_recorded_user_and_the_call_is_inbound():
    queue = number("7000", Identity.SERVICE)
    answered = call(calling=CUSTOMER, called=queue, original_called=queue, connected=named("ada"))
    named_by_source = call(calling=CUSTOMER, called=queue, original_called=queue, recorded_users=("ada",))
    for segment in (answered, named_by_source):
        (decision,) = decide(config(), segment, HOUSE).decisions
        assert (decision.user, decision.facts.direction) == ("ada", Direction.INBOUND)
    assert reason(answered, "7000") is Reason.BLACKLISTED


def test_a_retrieval_from_park_inherits_the_direction():
    retrieved = call(kind=CallKind.UNPARKED, calling=number("2001"), called=CUSTOMER, direction=Direction.INBOUND)
    assert decide_user(config(), retrieved, HOUSE, "ada").facts.direction is Direction.INBOUND


def test_after_a_transfer_the_new_segment_is_decided_for_those_who_are_on_it():
    before, after = inbound(), inbound(native_id="native-2", called=number("2002"))
    assert [[one.user for one in decide(config(), leg, HOUSE).decisions] for leg in (before, after)] == [
        ["ada"],
        ["ben"],
    ]


def test_a_third_party_who_joins_makes_it_a_group_call_that_is_decided_again():
    settings = config(filter=FilterSection(group_meeting_and_unparked=False))
    joined = inbound(kind=CallKind.GROUP, participants=(number("2002"),))
    assert decide(settings, inbound(), HOUSE).outcome is Outcome.RECORD
    assert decide(settings, joined, HOUSE).reason is Reason.FILTERED_KIND


def test_emergency_numbers_are_ordinary_numbers():
    assert reason(call(calling=number("2001"), called=number("112")), "112") is Reason.BLACKLISTED
    assert reason(call(calling=number("2001"), called=number("112"))) is Reason.ALWAYS_ON


def test_remembered_parties_stay_bounded(monkeypatch):
    monkeypatch.setattr(recognition, "REMEMBERED", 10)
    settings, directory = config(), Directory.of([ada(), ben()])
    for last in range(50):
        segment = inbound(calling=number(f"+39021{last}"))
        assert decide(settings, segment, directory).outcome is Outcome.RECORD
    assert len(Rules.of(settings).view(directory)._memory) <= 10


def test_a_line_that_lists_one_form_only_has_no_twin():
    directory = Directory.of([ada(lines=(pair(None, "+390551232001"), pair("2001", None)))])
    assert reason(inbound(), "+390551232001", directory=directory) is Reason.ALWAYS_ON


def test_the_parties_of_a_call_are_who_takes_part_and_the_signalled_are_all():
    one, two, three, four, five, six = (number(f"200{last}") for last in range(6))
    segment = call(
        calling=one, called=two, original_called=three, redirecting=four, connected=five, participants=(six,)
    )
    assert segment.parties == (one, five, six)
    assert segment.signalled == (one, two, three, four, five, six)
    view = View(directory=HOUSE)
    seen = survey(segment, view)
    assert seen.parties == [view.recognize(party) for party in segment.parties]
    assert sorted(map(id, seen.signalled)) == sorted(id(view.recognize(party)) for party in segment.signalled)
    assert call(called=two).parties == call(called=two).signalled == (two,)
