"""The always-on limit in the chain of the decision: semantics, "Always-on limit"."""

from tests.policy.calls import (
    HOUSE,
    INSIDE_5,
    OUTSIDE_95,
    POLICY,
    config,
    inbound,
    outbound,
    override,
    policy,
    rules_of,
)

from callkeeper.kinds.terms import Mode, SampledOut
from callkeeper.policy.config import Source
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Outcome, Reason, Rule


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
