"""The chain of the decision, rule by rule: semantics, "Decision"."""

from dataclasses import replace

import pytest
from tests.policy.calls import (
    FILTER,
    HOUSE,
    OUTSIDE_95,
    POLICY,
    ada,
    ben,
    config,
    inbound,
    listed,
    override,
    policy,
    rules_of,
    user,
)

from callkeeper.kinds.terms import Mode, SampledOut
from callkeeper.policy.call import Consent, Direction
from callkeeper.policy.config import BlacklistEntry, FilterSection, RecorderConfig, Source
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Outcome, Reason, Rule
from callkeeper.policy.directory import Directory, UserStatus
from callkeeper.policy.rules import Rules


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


def test_no_message_holds_a_partys_number():
    numbers = ("+390212345", "2001", "390212345")
    blacklist = listed("+390212345", "2001")
    settings = [config(), config(blacklist=blacklist), config(filter=FilterSection(external=False)), None]
    for one in settings:
        for decision in decide(one, inbound(), HOUSE).decisions:
            for step in decision.steps:
                assert not any(text in step.message for text in numbers), step


def test_the_mode_in_force_is_found_for_any_user_of_the_directory():
    rules = Rules.of(config(policy=policy(overrides=(override("ben@example.com", Mode.ON_DEMAND),))))
    assert [rules.override_of(one) for one in (ada(), ben(), ben(email=""))] == [None, "ben@example.com", None]
