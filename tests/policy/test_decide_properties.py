"""What holds of every decision: each call gets an answer, the same in any order, thread and memory."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.policy.calls import HOUSE, ada, ben, call, config, inbound, listed, override, policy

from callkeeper.kinds.terms import Mode, SampledOut
from callkeeper.policy.call import CallKind, Consent, Direction, Identity, Party
from callkeeper.policy.config import BlacklistEntry, FilterSection
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Outcome, Reason, Rule
from callkeeper.policy.directory import Directory
from callkeeper.policy.rules import Rules


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


@given(settings=CONFIGS, segments=st.lists(CALLS, min_size=1, max_size=4))
def test_a_directory_that_changes_under_settings_is_not_remembered_as_it_was(settings, segments):
    licensed, without = Directory.of([ada(), ben()]), Directory.of([ada(licensed=False), ben(licensed=False)])
    for house in (licensed, without, licensed, without):
        fresh = None if settings is None else replace(settings)
        for segment in segments:
            decision = decide(settings, segment, house)
            assert decision == decide(fresh, segment, Directory.of(house.users.values()))
            assert {one.directory_revision for one in decision.decisions} <= {house.revision}


def test_what_is_remembered_stays_bounded(monkeypatch):
    monkeypatch.setattr("callkeeper.policy.rules.REMEMBERED_ANSWERS", 3)
    monkeypatch.setattr("callkeeper.policy.rules.REMEMBERED_DECISIONS", 3)
    settings = config()
    for kind in CallKind:
        for direction in Direction:
            assert decide(settings, inbound(kind=kind, direction=direction), HOUSE).outcome is Outcome.RECORD
    assert len(Rules.of(settings).answers) <= 3
    assert len(Rules.of(settings).decided) <= 3
