"""The chain of the decision: semantics, "Decision" and "Always-on limit"."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.calls import (
    CUSTOMER,
    FILTER,
    HOUSE,
    POLICY,
    ada,
    ben,
    call,
    config,
    inbound,
    listed,
    named,
    number,
    outbound,
    override,
    policy,
    user,
)

from callkeeper.kinds.terms import Mode, SampledOut
from callkeeper.policy.call import CallKind, Consent, Direction, Identity, Party, Scope
from callkeeper.policy.config import BlacklistEntry, FilterSection, RecorderConfig, Source
from callkeeper.policy.config_json import revision
from callkeeper.policy.decide import decide, decide_user
from callkeeper.policy.decision import Outcome, Reason, Rule, SegmentDecision
from callkeeper.policy.directory import Directory, UserStatus
from callkeeper.policy.rules import Rules
from callkeeper.policy.sampling import inside_limit

INSIDE_5 = next(name for name in map(str, range(1000)) if inside_limit(name, 5))
OUTSIDE_95 = next(name for name in map(str, range(1000)) if not inside_limit(name, 95))


def rules_of(decision: SegmentDecision) -> list[Rule]:
    return [step.rule for step in decision.decisions[0].steps]


def test_without_a_config_nothing_is_recorded():
    decision = decide(None, inbound(), HOUSE)
    assert (decision.outcome, decision.reason, decision.source) == (Outcome.SKIP, Reason.NO_CONFIG, None)
    assert decision.decisions[0].config_revision == ""
    assert decision.decisions[0].facts.direction is Direction.INBOUND


def test_while_settings_are_incomplete_nothing_is_recorded_and_the_objects_are_named():
    missing = ("RecordingFilter/voice/b", "Blacklist/voice/a")
    decision = decide(config(missing=missing), inbound(), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.SETTINGS_INCOMPLETE)
    assert all(name in decision.deciding.message for name in missing)
    assert decision.source == Source(object="Blacklist/voice/a")


def test_a_refused_consent_stops():
    decision = decide(config(), inbound(consent=Consent.REFUSED), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.CONSENT_REFUSED)


@pytest.mark.parametrize("consent", [Consent.GIVEN, Consent.NOT_ASKED])
def test_a_consent_given_or_not_asked_for_passes(consent):
    assert decide(config(), inbound(consent=consent), HOUSE).outcome is Outcome.RECORD


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([user("ada", "2001", licensed=False)], "no Call Recording licence"),
        ([ada(status=UserStatus.DISABLED)], "disabled"),
        ([], "not in the directory"),
    ],
)
def test_a_user_without_a_licence_is_not_recorded(users, message):
    decision = decide(config(), inbound(recorded_users=("ada",)), Directory.of(users))
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.NO_LICENCE)
    assert message in decision.deciding.message


def test_a_blacklisted_number_stops_and_names_object_and_entry():
    blacklist = (BlacklistEntry(pattern="+39021234X", object="Blacklist/voice/a", entry="+390212340-+390212349"),)
    decision = decide(config(blacklist=blacklist), inbound(), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.BLACKLISTED)
    assert decision.source == Source(object="Blacklist/voice/a", entry="+390212340-+390212349")


def test_of_several_hits_the_smallest_pattern_is_reported():
    blacklist = listed("200X", "+39!", "+3902!", "2001")
    decision = decide(config(blacklist=blacklist), inbound(), HOUSE)
    assert decision.source == Source(object="Blacklist/voice/main", entry="+39!")


def test_of_several_objects_with_the_same_pattern_the_smallest_is_reported():
    blacklist = listed("+39!", where="Blacklist/voice/z") + listed("+39!", where="Blacklist/voice/b")
    assert decide(config(blacklist=blacklist), inbound(), HOUSE).source == Source(
        object="Blacklist/voice/b", entry="+39!"
    )


def test_a_filtered_call_stops_and_names_the_field():
    filters = FilterSection(external=False, object=FILTER)
    decision = decide(config(filter=filters), inbound(), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.FILTERED_SCOPE)
    assert decision.source == Source(object=FILTER, entry="external")


def test_a_default_decides_without_a_source():
    decision = decide(RecorderConfig(), inbound(), HOUSE)
    assert (decision.outcome, decision.reason, decision.source) == (Outcome.WAIT, Reason.ON_DEMAND, None)


def test_the_default_mode_of_the_policy_is_named():
    decision = decide(config(), inbound(), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.RECORD, Reason.ALWAYS_ON)
    assert decision.source == Source(object=POLICY, entry="defaultMode")


@pytest.mark.parametrize("name", ["ada", "ada@example.com"])
def test_the_users_override_goes_before_the_default(name):
    settings = config(policy=policy(overrides=(override(name, Mode.ON_DEMAND),)))
    decision = decide(settings, inbound(), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.WAIT, Reason.ON_DEMAND)
    assert decision.source == Source(object="UserPolicy/voice/sales", entry=name)


def test_an_override_by_directory_id_goes_before_one_by_email_address():
    overrides = (override("ada", Mode.ON_DEMAND), override("ada@example.com", Mode.ALWAYS_ON))
    decision = decide(config(policy=policy(overrides=overrides)), inbound(), HOUSE)
    assert decision.reason is Reason.ON_DEMAND


def test_overrides_of_others_do_not_count():
    settings = config(policy=policy(overrides=(override("ben@example.com", Mode.ON_DEMAND),)))
    assert decide(settings, inbound(), HOUSE).outcome is Outcome.RECORD
    without_address = Directory.of([ada(email="")])
    assert decide(settings, inbound(), without_address).outcome is Outcome.RECORD


def test_always_on_inside_the_limit_is_recorded():
    settings = config(policy=policy(always_on_limit_percent=5))
    decision = decide(settings, inbound(conversation=INSIDE_5), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.RECORD, Reason.ALWAYS_ON)
    assert decision.source == Source(object=POLICY, entry="alwaysOnLimitPercent")


def test_always_on_outside_the_limit_is_not_recorded_where_sampled_out_is_deny():
    settings = config(policy=policy(always_on_limit_percent=95))
    decision = decide(settings, inbound(conversation=OUTSIDE_95), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.SKIP, Reason.OUTSIDE_LIMIT)
    assert decision.source == Source(object=POLICY, entry="alwaysOnLimitPercent")


def test_always_on_outside_the_limit_waits_where_sampled_out_is_on_demand():
    settings = config(policy=policy(always_on_limit_percent=95, sampled_out=SampledOut.ON_DEMAND))
    decision = decide(settings, inbound(conversation=OUTSIDE_95), HOUSE)
    assert (decision.outcome, decision.reason) == (Outcome.WAIT, Reason.ON_DEMAND)
    assert decision.source == Source(object=POLICY, entry="sampledOut")
    assert Reason.OUTSIDE_LIMIT in [step.reason for step in decision.decisions[0].steps]


def test_the_limit_applies_to_inherited_and_overridden_always_on_alike():
    overridden = policy(
        default_mode=Mode.ON_DEMAND, always_on_limit_percent=0, overrides=(override("ada", Mode.ALWAYS_ON),)
    )
    for section in (policy(always_on_limit_percent=0), overridden):
        assert decide(config(policy=section), inbound(), HOUSE).reason is Reason.OUTSIDE_LIMIT


def test_the_limit_does_not_touch_calls_on_demand():
    settings = config(policy=policy(default_mode=Mode.ON_DEMAND, always_on_limit_percent=0))
    decision = decide(settings, inbound(), HOUSE)
    assert decision.outcome is Outcome.WAIT
    assert Rule.LIMIT not in rules_of(decision)


def test_legs_of_a_transfer_share_the_conversation_and_the_limits_answer():
    settings = config(policy=policy(always_on_limit_percent=50))
    first = decide(settings, inbound(conversation="shared"), HOUSE)
    second = decide(settings, outbound(conversation="shared", native_id="other"), HOUSE)
    assert first.outcome is second.outcome


def test_blacklist_and_filter_bind_on_demand_recording_too():
    by_blacklist = decide(config(always_on=False, blacklist=listed("+39!")), inbound(), HOUSE)
    by_filter = decide(config(always_on=False, filter=FilterSection(inbound=False)), inbound(), HOUSE)
    assert (by_blacklist.outcome, by_filter.outcome) == (Outcome.SKIP, Outcome.SKIP)


STOPPERS = {
    Reason.SETTINGS_INCOMPLETE: (lambda s, c: (replace(s, missing=("Blacklist/v/a",)), c)),
    Reason.CONSENT_REFUSED: (lambda s, c: (s, replace(c, consent=Consent.REFUSED))),
    Reason.NO_LICENCE: (lambda s, c: (s, replace(c, recorded_users=("carla",)))),
    Reason.BLACKLISTED: (lambda s, c: (replace(s, blacklist=listed("+39!")), c)),
    Reason.FILTERED_SCOPE: (lambda s, c: (replace(s, filter=FilterSection(external=False)), c)),
    Reason.OUTSIDE_LIMIT: (lambda s, c: (replace(s, policy=policy(always_on_limit_percent=0)), c)),
}


@pytest.mark.parametrize("first", range(len(STOPPERS)))
def test_the_first_rule_that_stops_wins(first):
    settings, segment = config(), inbound()
    expected = list(STOPPERS)[first]
    for reason in list(STOPPERS)[first:]:
        settings, segment = STOPPERS[reason](settings, segment)
    decision = decide(settings, segment, HOUSE)
    assert decision.reason is expected
    assert [step.stops for step in decision.decisions[0].steps].count(True) == 1
    assert decision.decisions[0].steps[-1].stops


def test_every_step_on_the_way_is_told_in_the_order_of_the_rules():
    settings = config(policy=policy(always_on_limit_percent=95, sampled_out=SampledOut.ON_DEMAND))
    decision = decide(settings, inbound(conversation=OUTSIDE_95), HOUSE)
    assert rules_of(decision) == [rule for rule in Rule if rule is not Rule.RECORDED_USER]


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


def test_no_message_holds_a_partys_number():
    numbers = ("+390212345", "2001", "390212345")
    blacklist = listed("+390212345", "2001")
    settings = [config(), config(blacklist=blacklist), config(filter=FilterSection(external=False)), None]
    for one in settings:
        for decision in decide(one, inbound(), HOUSE).decisions:
            for step in decision.steps:
                assert not any(text in step.message for text in numbers), step


def test_a_new_config_with_equal_settings_decides_alike():
    assert decide(config(), inbound(), HOUSE) == decide(config(), inbound(), HOUSE)


def test_what_is_derived_is_made_once_per_config_and_directory():
    settings = config()
    assert Rules.of(settings) is Rules.of(settings)
    assert settings == config()
    assert hash(settings) == hash(config())


def test_threads_that_meet_at_the_first_use_get_the_same_decision():
    for _ in range(20):
        settings, house = config(blacklist=listed("+44!")), Directory.of([ada(), ben()])
        with ThreadPoolExecutor(8) as pool:
            decisions = list(pool.map(lambda _, s=settings, h=house: decide(s, inbound(), h), range(16)))
        assert len({decision.outcome for decision in decisions}) == 1


@given(
    patterns=st.lists(st.sampled_from(["+39!", "200X", "2001", "+3902!", "+44!", "9!"]), min_size=1, max_size=6),
    data=st.data(),
)
def test_the_order_of_a_blacklist_makes_no_difference(patterns, data):
    blacklist = tuple(
        BlacklistEntry(pattern=pattern, object=f"Blacklist/voice/{place}", entry=pattern)
        for place, pattern in enumerate(patterns)
    )
    shuffled = tuple(data.draw(st.permutations(blacklist)))
    decisions = [decide(config(blacklist=one), inbound(), HOUSE) for one in (blacklist, shuffled)]
    assert decisions[0] == decisions[1]


PARTIES = st.builds(
    Party,
    number=st.none() | st.sampled_from(["2001", "2002", "2003", "+390212345", "tel:+44-20-1234", "no number", ""]),
    user=st.none() | st.sampled_from(["ada", "BEN@example.com", "nobody"]),
    identity=st.sampled_from(Identity),
)
CALLS = st.builds(
    call,
    conversation=st.text(),
    kind=st.sampled_from(CallKind),
    calling=st.none() | PARTIES,
    called=st.none() | PARTIES,
    connected=st.none() | PARTIES,
    redirecting=st.none() | PARTIES,
    original_called=st.none() | PARTIES,
    participants=st.lists(PARTIES, max_size=3).map(tuple),
    recorded_users=st.lists(st.sampled_from(["ada", "Ada@example.com", "carla", "nobody"]), max_size=2).map(tuple),
    direction=st.none() | st.sampled_from(Direction),
    consent=st.sampled_from(Consent),
)
CONFIGS = st.none() | st.builds(
    config,
    policy=st.builds(
        policy,
        default_mode=st.sampled_from(Mode),
        always_on_limit_percent=st.integers(0, 20).map(lambda step: step * 5),
        sampled_out=st.sampled_from(SampledOut),
        overrides=st.sampled_from([(), (override("ada", Mode.ON_DEMAND), override("ben@example.com", Mode.ALWAYS_ON))]),
    ),
    filter=st.builds(
        FilterSection,
        internal=st.booleans(),
        external=st.booleans(),
        inbound=st.booleans(),
        outbound=st.booleans(),
        group_meeting_and_unparked=st.booleans(),
        internal_numbers=st.sampled_from([(), ("+44!",)]),
    ),
    blacklist=st.sampled_from([(), listed("+44!"), listed("2001", "+39!")]),
    missing=st.sampled_from([(), ("Blacklist/voice/a",)]),
)


@given(settings=CONFIGS, segment=CALLS)
def test_every_call_gets_an_answer_that_ends_with_the_step_that_stopped(settings, segment):
    decision = decide(settings, segment, HOUSE)
    assert decision == decide(settings, segment, HOUSE)
    assert decision.reason is not Reason.PASSED
    users = [one.user for one in decision.decisions]
    assert users == sorted(set(users))
    for one in decision.decisions:
        assert one.steps[-1].stops
        assert not any(step.stops for step in one.steps[:-1])
        order = list(Rule)
        places = [order.index(step.rule) for step in one.steps]
        assert places == sorted(set(places))
        assert (one.outcome is Outcome.RECORD) == (one.reason is Reason.ALWAYS_ON)
        assert (one.outcome is Outcome.WAIT) == (one.reason is Reason.ON_DEMAND)
    if settings is None or settings.missing or segment.consent is Consent.REFUSED:
        assert decision.outcome is Outcome.SKIP


@given(settings=CONFIGS, segment=CALLS, data=st.data())
def test_a_warm_memory_answers_as_a_cold_one(settings, segment, data):
    decide(settings, data.draw(CALLS), HOUSE)
    fresh = None if settings is None else replace(settings)
    assert decide(settings, segment, HOUSE) == decide(fresh, segment, Directory.of(HOUSE.users.values()))


def test_named_parties_are_recorded_without_any_number():
    assert decide(config(), call(calling=named("ada"), called=named("ben")), HOUSE).outcome is Outcome.RECORD


def test_the_mode_in_force_is_found_for_any_user_of_the_directory():
    rules = Rules.of(config(policy=policy(overrides=(override("ben@example.com", Mode.ON_DEMAND),))))
    assert [rules.override_of(one) for one in (ada(), ben(), ben(email=""))] == [None, "ben@example.com", None]


def test_remembered_answers_stay_bounded(monkeypatch):
    monkeypatch.setattr("callkeeper.policy.rules.REMEMBERED_ANSWERS", 3)
    settings = config()
    for kind in CallKind:
        for direction in Direction:
            assert decide(settings, inbound(kind=kind, direction=direction), HOUSE).outcome is Outcome.RECORD
    assert len(Rules.of(settings).answers) <= 3
