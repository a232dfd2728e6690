"""The decision on a whole segment: several recorded users, what is pinned to it, and what is looked at anew."""

from dataclasses import replace

from tests.policy.calls import (
    CUSTOMER,
    FILTER,
    HOUSE,
    call,
    config,
    inbound,
    listed,
    named,
    number,
    override,
    policy,
    user,
)

from callkeeper.kinds.terms import Mode
from callkeeper.policy.call import CallKind, Consent, Direction, Scope
from callkeeper.policy.config import FilterSection
from callkeeper.policy.config_json import revision
from callkeeper.policy.decide import decide, decide_user
from callkeeper.policy.decision import Outcome, Reason, Rule, SegmentDecision
from callkeeper.policy.directory import Directory


def test_a_segment_without_a_recorded_user_is_not_recorded():
    decision = decide(config(), call(calling=CUSTOMER, called=number("+4420123456")), HOUSE)
    assert (decision.outcome, decision.reason, decision.decisions) == (Outcome.SKIP, Reason.NO_RECORDED_USER, ())
    assert (decision.source, decision.decisive) == (None, None)
    assert decision.deciding.rule is Rule.RECORDED_USER


def test_the_segment_is_recorded_if_the_decision_of_one_user_says_so():
    settings = config(policy=policy(overrides=(override("ben", Mode.ON_DEMAND),)))
    between = call(calling=number("2001"), called=number("2002"))
    decision = decide(settings, between, HOUSE)
    assert [one.outcome for one in decision.decisions] == [Outcome.RECORD, Outcome.WAIT]
    assert (decision.outcome, decision.decisive.user) == (Outcome.RECORD, "ada")
    waiting = decide(settings, call(calling=number("2003"), called=number("2002")), HOUSE)
    assert (waiting.outcome, waiting.decisive.user) == (Outcome.WAIT, "ben")


def test_a_blacklisted_party_forbids_it_for_all():
    settings = config(blacklist=listed("2001"))
    decision = decide(settings, call(calling=number("2001"), called=number("2002")), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.BLACKLISTED)
    assert {one.reason for one in decision.decisions} == {Reason.BLACKLISTED}
    recorded = decide(config(), inbound(), HOUSE).decisions[0]
    assert SegmentDecision.of((recorded, decision.decisions[0])).outcome is Outcome.SKIP
    assert SegmentDecision.of((recorded, decision.decisions[0])).reason is Reason.BLACKLISTED


def test_the_segments_reason_is_that_of_the_user_who_got_furthest():
    settings = config(filter=FilterSection(internal=False, object=FILTER))
    decision = decide(settings, call(calling=number("2003"), called=number("2001")), HOUSE)
    assert {one.user: one.reason for one in decision.decisions} == {
        "ada": Reason.FILTERED_SCOPE,
        "carla": Reason.NO_LICENCE,
    }
    assert decision.reason is Reason.FILTERED_SCOPE


def test_the_decision_carries_config_revision_directory_revision_and_facts():
    settings = config()
    decision = decide(settings, inbound(consent=Consent.GIVEN), HOUSE).decisions[0]
    assert decision.config_revision == revision(settings)
    assert decision.directory_revision == HOUSE.revision
    facts = decision.facts
    assert (facts.kind, facts.scope, facts.direction) == (CallKind.PEER_TO_PEER, Scope.EXTERNAL, Direction.INBOUND)
    assert (facts.consent, facts.shared_line) == (Consent.GIVEN, False)
    assert (decision.reason, decision.source) == (decision.deciding.reason, decision.deciding.source)


def test_running_segments_are_decided_again_under_the_config_they_were_given():
    before, after = config(), config(blacklist=listed("+39!"))
    joined = inbound(kind=CallKind.GROUP, participants=(number("+4420123456"),))
    assert decide(before, inbound(), HOUSE).outcome is Outcome.RECORD
    assert decide(after, joined, HOUSE).outcome is Outcome.SKIP
    assert decide(before, joined, HOUSE).outcome is Outcome.RECORD


def test_facts_are_not_pinned():
    settings = config()
    assert decide(settings, inbound(), HOUSE).outcome is Outcome.RECORD
    licence_gone = Directory.of([user("ada", "2001", licensed=False)])
    assert decide(settings, inbound(), licence_gone).reason is Reason.NO_LICENCE
    assert decide(settings, inbound(), HOUSE).outcome is Outcome.RECORD


def test_recording_suspends_while_a_blacklisted_party_is_in_and_resumes_when_it_has_left():
    settings = config(blacklist=listed("+44!"))
    group = inbound(kind=CallKind.GROUP, participants=(number("+4420123456"),))
    alone = replace(group, participants=())
    assert [decide(settings, one, HOUSE).outcome for one in (alone, group, alone)] == [
        Outcome.RECORD,
        Outcome.SKIP,
        Outcome.RECORD,
    ]


def test_one_user_is_decided_for_as_in_the_segment():
    between = call(calling=number("2001"), called=number("2002"))
    segment = decide(config(), between, HOUSE)
    assert [decide_user(config(), between, HOUSE, name) for name in ("ada", "BEN@example.com")] == list(
        segment.decisions
    )
    assert decide_user(config(), between, HOUSE, "nobody").reason is Reason.NO_LICENCE


def test_named_parties_are_recorded_without_any_number():
    assert decide(config(), call(calling=named("ada"), called=named("ben")), HOUSE).outcome is Outcome.RECORD
