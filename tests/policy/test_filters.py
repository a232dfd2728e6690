"""Scope, direction and the filter: semantics, "Filter"."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.calls import CUSTOMER, FILTER, HOUSE, call, config, inbound, named, number, outbound

from callkeeper.kinds.terms import UnknownDirection
from callkeeper.policy.call import Call, CallKind, Direction, Identity, Party, Scope
from callkeeper.policy.config import FilterSection, Source
from callkeeper.policy.decide import decide, decide_user
from callkeeper.policy.decision import Outcome, Reason
from callkeeper.policy.filters import REFUSALS, refusal

COLLEAGUE = number("2002")


def facts_of(segment: Call, *, name: str = "ada", internal: tuple[str, ...] = ()):
    settings = config(filter=FilterSection(internal_numbers=internal, object=FILTER))
    return decide_user(settings, segment, HOUSE, name).facts


def filtered(segment: Call, **toggles: object) -> tuple[Reason, str]:
    decision = decide(config(filter=FilterSection(object=FILTER, **toggles)), segment, HOUSE)
    return decision.reason, decision.source.entry


@pytest.mark.parametrize(
    ("other", "scope"),
    [
        (number("2002"), Scope.INTERNAL),
        (number("2003"), Scope.INTERNAL),
        (named("ben"), Scope.INTERNAL),
        (number("tel:2002;phone-context=example.com"), Scope.INTERNAL),
        (Party(identity=Identity.USER), Scope.INTERNAL),
        (number("7777", Identity.SERVICE), Scope.INTERNAL),
        (number("4123"), Scope.INTERNAL),
        (number("+390212345"), Scope.EXTERNAL),
        (number("2002", Identity.GUEST), Scope.EXTERNAL),
        (number("4123", Identity.FEDERATED), Scope.EXTERNAL),
        (number("2002", Identity.ANONYMOUS), Scope.EXTERNAL),
        (Party(user="ben", identity=Identity.ANONYMOUS), Scope.EXTERNAL),
        (Party(), Scope.EXTERNAL),
        (number("no number at all"), Scope.EXTERNAL),
    ],
)
def test_a_call_is_internal_when_every_party_belongs_to_the_organisation(other, scope):
    assert facts_of(call(calling=number("2001"), called=other), internal=("4XXX",)).scope is scope


def test_one_external_participant_makes_the_call_external():
    group = call(kind=CallKind.GROUP, calling=number("2001"), called=COLLEAGUE, participants=(CUSTOMER,))
    assert facts_of(group).scope is Scope.EXTERNAL


def test_who_was_dialled_at_first_or_diverted_takes_no_part_in_the_scope():
    diverted = call(calling=COLLEAGUE, called=number("2001"), original_called=CUSTOMER, redirecting=CUSTOMER)
    assert facts_of(diverted).scope is Scope.INTERNAL


def test_who_answered_counts_instead_of_the_one_called():
    picked_up = call(calling=COLLEAGUE, called=CUSTOMER, connected=number("2001"))
    assert facts_of(picked_up).scope is Scope.INTERNAL


def test_a_call_without_known_parties_is_external():
    assert facts_of(call()).scope is Scope.EXTERNAL


@pytest.mark.parametrize(
    ("segment", "direction"),
    [
        (inbound(), Direction.INBOUND),
        (outbound(), Direction.OUTBOUND),
        (call(calling=CUSTOMER, called=COLLEAGUE, connected=number("2001")), Direction.INBOUND),
        (call(calling=CUSTOMER, called=number("2001"), connected=COLLEAGUE), Direction.INBOUND),
        (call(calling=named("ADA@example.com"), called=CUSTOMER), Direction.OUTBOUND),
        (call(calling=CUSTOMER, called=COLLEAGUE), Direction.UNKNOWN),
        (call(calling=CUSTOMER), Direction.UNKNOWN),
        (inbound(direction=Direction.OUTBOUND), Direction.OUTBOUND),
        (inbound(direction=Direction.UNKNOWN), Direction.UNKNOWN),
        (inbound(kind=CallKind.UNPARKED), Direction.INBOUND),
        (inbound(kind=CallKind.GROUP), Direction.UNKNOWN),
        (inbound(kind=CallKind.MEETING, direction=Direction.INBOUND), Direction.UNKNOWN),
    ],
)
def test_direction_is_seen_from_the_recorded_user(segment, direction):
    assert facts_of(segment).direction is direction


def test_each_user_of_one_call_sees_it_from_their_own_end():
    decision = decide(config(), call(calling=number("2001"), called=COLLEAGUE), HOUSE)
    assert {one.user: one.facts.direction for one in decision.decisions} == {
        "ada": Direction.OUTBOUND,
        "ben": Direction.INBOUND,
    }


def test_somebody_unknown_to_the_directory_sees_no_direction():
    assert facts_of(inbound(), name="nobody").direction is Direction.UNKNOWN


@pytest.mark.parametrize("kind", [CallKind.GROUP, CallKind.MEETING, CallKind.UNPARKED])
def test_group_meeting_and_unparked_calls_need_their_toggle(kind):
    assert filtered(inbound(kind=kind), group_meeting_and_unparked=False) == (
        Reason.FILTERED_KIND,
        "groupMeetingAndUnparked",
    )
    assert decide(config(), inbound(kind=kind), HOUSE).outcome is Outcome.RECORD
    peer_to_peer = decide(config(filter=FilterSection(group_meeting_and_unparked=False)), inbound(), HOUSE)
    assert peer_to_peer.outcome is Outcome.RECORD


@pytest.mark.parametrize("kind", [CallKind.GROUP, CallKind.MEETING])
def test_group_and_meeting_calls_have_no_direction_and_skip_that_test(kind):
    closed = FilterSection(inbound=False, outbound=False, unknown_direction=UnknownDirection.SKIP)
    assert decide(config(filter=closed), inbound(kind=kind), HOUSE).outcome is Outcome.RECORD


@pytest.mark.parametrize(
    ("segment", "toggles", "reason", "field"),
    [
        (call(calling=number("2001"), called=COLLEAGUE), {"internal": False}, Reason.FILTERED_SCOPE, "internal"),
        (inbound(), {"external": False}, Reason.FILTERED_SCOPE, "external"),
        (inbound(), {"inbound": False}, Reason.FILTERED_DIRECTION, "inbound"),
        (outbound(), {"outbound": False}, Reason.FILTERED_DIRECTION, "outbound"),
        (inbound(kind=CallKind.UNPARKED), {"inbound": False}, Reason.FILTERED_DIRECTION, "inbound"),
        (
            inbound(direction=Direction.UNKNOWN),
            {"unknown_direction": UnknownDirection.SKIP},
            Reason.FILTERED_DIRECTION,
            "unknownDirection",
        ),
    ],
)
def test_a_closed_box_stops_the_call_and_is_named(segment, toggles, reason, field):
    assert filtered(segment, **toggles) == (reason, field)


def test_both_scope_boxes_off_records_nothing():
    closed = config(filter=FilterSection(internal=False, external=False))
    for kind, segment in itertools.product(CallKind, (inbound, outbound)):
        assert decide(closed, segment(kind=kind), HOUSE).outcome is Outcome.SKIP


def test_both_direction_boxes_off_leaves_group_meeting_and_undirected_calls():
    closed = config(filter=FilterSection(inbound=False, outbound=False))
    left = [
        decide(closed, inbound(kind=kind, direction=direction), HOUSE).outcome is Outcome.RECORD
        for kind in (CallKind.PEER_TO_PEER, CallKind.UNPARKED, CallKind.GROUP, CallKind.MEETING)
        for direction in (Direction.INBOUND, Direction.UNKNOWN)
    ]
    assert left == [False, True, False, True, True, True, True, True]


def test_the_filter_as_a_whole_is_named_where_it_lets_a_call_pass():
    decision = decide(config(filter=FilterSection(object=FILTER)), inbound(), HOUSE).decisions[0]
    assert Source(object=FILTER) in [step.source for step in decision.steps]


SECTIONS = st.builds(
    FilterSection,
    group_meeting_and_unparked=st.booleans(),
    internal=st.booleans(),
    external=st.booleans(),
    inbound=st.booleans(),
    outbound=st.booleans(),
    unknown_direction=st.sampled_from(UnknownDirection),
)


@given(SECTIONS, st.sampled_from(CallKind), st.sampled_from(Scope), st.sampled_from(Direction))
def test_or_inside_a_pair_and_across_pairs(section, kind, scope, direction):
    toggle = kind is CallKind.PEER_TO_PEER or section.group_meeting_and_unparked
    in_scope = (section.internal and scope is Scope.INTERNAL) or (section.external and scope is Scope.EXTERNAL)
    in_direction = (
        kind in {CallKind.GROUP, CallKind.MEETING}
        or (section.inbound and direction is Direction.INBOUND)
        or (section.outbound and direction is Direction.OUTBOUND)
        or (section.unknown_direction is UnknownDirection.RECORD and direction is Direction.UNKNOWN)
    )
    assert (refusal(section, kind, scope, direction) is None) == (toggle and in_scope and in_direction)


def test_every_refusal_names_a_field_of_its_own():
    assert len({one.field for one in REFUSALS}) == len(REFUSALS) == 6
