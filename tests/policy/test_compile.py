"""compile: what several objects mean together, and what stays in force while something is wrong."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.objects import RECORDER, blacklist, policy, reading, recorder, retention, user_policy

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import Mode
from callkeeper.policy.compile import AcceptedReason, Compiled, Hold, Lost
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import from_json, revision, to_json


def compiled(*objects, in_force=None, effects=None) -> Compiled:
    return compile_objects(objects, recorder=RECORDER, in_force=in_force, effects=effects)


def config(*objects, in_force=None, effects=None) -> RecorderConfig:
    found = compiled(*objects, in_force=in_force, effects=effects).config
    assert found is not None
    return found


def reason(outcome: Compiled, kind: str, name: str = "main") -> AcceptedReason:
    return outcome.results[ObjectKey(kind=kind, namespace="voice", name=name)].reason


def patterns(found: RecorderConfig) -> list[str]:
    return [entry.pattern for entry in found.blacklist]


def modes(found: RecorderConfig) -> dict[str, Mode]:
    return {override.user: override.mode for override in found.policy.overrides}


def test_without_settings_the_defaults_are_in_force():
    assert config(recorder()) == RecorderConfig()


def test_settings_attach_to_the_recorder_of_their_own_namespace_and_name():
    elsewhere = blacklist("other", ["112"], ref="another")
    assert patterns(config(recorder(), blacklist("mine", ["911"]), elsewhere)) == ["911"]


def test_every_entry_names_the_object_it_comes_from():
    found = config(recorder(), blacklist("a", ["90xx"]), policy(defaultMode="AlwaysOn"))
    assert found.blacklist[0].pattern == "90XX"
    assert found.blacklist[0].object == "Blacklist/voice/a"
    assert found.policy.object == "RecordingPolicy/voice/main"


def test_several_blacklists_are_united_and_ranges_become_patterns():
    ranged = reading("Blacklist", "b", ranges=[{"from": "+390551230000", "to": "+390551239999"}])
    assert patterns(config(recorder(), blacklist("a", ["911"]), ranged)) == ["+39055123XXXX", "911"]


def test_the_order_inside_lists_has_no_effect_on_the_revision():
    one = config(recorder(), blacklist("a", ["1", "2", "3"]))
    other = config(recorder(), blacklist("a", ["3", "1", "2"]))
    assert revision(one) == revision(other)


def test_the_oldest_singleton_stays_and_the_newer_one_names_the_winner():
    old = policy("zulu", created="2026-01-01T00:00:00Z", defaultMode="AlwaysOn")
    new = policy("alpha", created="2026-02-01T00:00:00Z")
    outcome = compiled(recorder(), new, old)
    assert outcome.config is not None
    assert outcome.config.policy.object == "RecordingPolicy/voice/zulu"
    assert reason(outcome, "RecordingPolicy", "alpha") is AcceptedReason.CONFLICTED
    key = ObjectKey(kind="RecordingPolicy", namespace="voice", name="alpha")
    assert "RecordingPolicy/voice/zulu" in outcome.results[key].message


def test_in_a_directory_the_one_in_force_stays_and_the_name_decides_only_at_first():
    first = config(recorder(), policy("m"))
    later = config(recorder(), policy("a"), policy("m"), in_force=first)
    assert later.policy.object == "RecordingPolicy/voice/m"
    fresh = config(recorder(), policy("a"), policy("m"))
    assert fresh.policy.object == "RecordingPolicy/voice/a"


def test_one_user_with_two_modes_keeps_the_mode_in_force_and_nothing_else_is_withheld():
    before = config(recorder(), user_policy("a", {"ada": "AlwaysOn"}))
    outcome = compiled(
        recorder(),
        user_policy("a", {"ada": "AlwaysOn"}),
        user_policy("b", {"ADA": "OnDemand", "bob": "AlwaysOn"}),
        in_force=before,
    )
    assert outcome.config is not None
    assert modes(outcome.config) == {"ada": Mode.ALWAYS_ON, "bob": Mode.ALWAYS_ON}
    assert reason(outcome, "UserPolicy", "a") is AcceptedReason.ACCEPTED
    assert reason(outcome, "UserPolicy", "b") is AcceptedReason.PARTLY_CONFLICTED
    assert outcome.results[ObjectKey(kind="UserPolicy", namespace="voice", name="b")].accepted


def test_at_the_first_start_the_oldest_objects_mode_is_taken():
    old = user_policy("z", {"ada": "OnDemand"}, created="2026-01-01T00:00:00Z")
    new = policy(created="2026-02-01T00:00:00Z", overrides=[{"user": "ada", "mode": "AlwaysOn"}])
    assert modes(config(recorder(), new, old)) == {"ada": Mode.ON_DEMAND}


def test_a_conflict_over_a_user_without_an_override_in_force_leaves_the_default_mode():
    before = config(recorder())
    found = config(
        recorder(), user_policy("a", {"ada": "OnDemand"}), user_policy("b", {"ada": "AlwaysOn"}), in_force=before
    )
    assert modes(found) == {}


def test_default_beside_always_on_elsewhere_is_no_conflict():
    outcome = compiled(recorder(), user_policy("a", {"ada": "Default"}), user_policy("b", {"ada": "AlwaysOn"}))
    assert outcome.config is not None
    assert modes(outcome.config) == {"ada": Mode.ALWAYS_ON}
    assert reason(outcome, "UserPolicy", "a") is AcceptedReason.ACCEPTED


def test_an_invalid_object_keeps_what_it_had_in_force_and_the_rest_goes_on():
    before = config(recorder(), blacklist("a", ["911"]), blacklist("b", ["112"]))
    outcome = compiled(recorder(), blacklist("a", ["9Y1"]), blacklist("b", ["112", "113"]), in_force=before)
    assert outcome.config is not None
    assert patterns(outcome.config) == ["112", "113", "911"]
    assert reason(outcome, "Blacklist", "a") is AcceptedReason.INVALID
    assert reason(outcome, "Blacklist", "b") is AcceptedReason.ACCEPTED


def test_an_invalid_blacklist_with_nothing_in_force_before_it_lets_nothing_be_recorded():
    found = config(recorder(), blacklist("a", ["9Y1"]), policy(defaultMode="AlwaysOn"))
    assert found.missing == ("Blacklist/voice/a",)


def test_what_is_waited_for_stays_waited_for_until_it_is_valid_or_gone():
    bad = blacklist("a", ["9Y1"])
    first = config(recorder(), bad)
    assert config(recorder(), bad, in_force=first).missing == ("Blacklist/voice/a",)
    assert config(recorder(), blacklist("a", ["911"]), in_force=first).missing == ()
    assert config(recorder(), in_force=first).missing == ()


def test_what_is_waited_for_is_waited_for_under_another_name_too():
    first = config(recorder(), blacklist("a", ["9Y1"]))
    assert config(recorder(), blacklist("b", ["9Y1"]), in_force=first).missing == ("Blacklist/voice/b",)


def test_the_first_start_lasts_until_nothing_is_missing():
    first = config(recorder(), blacklist("a", ["9Y1"]), user_policy("u", {"ada": "OnDemand"}))
    objects = (blacklist("a", ["911"]), user_policy("u", {"ada": "Never"}), user_policy("v", {"bob": "Never"}))
    assert config(recorder(), *objects, in_force=first).missing == ("UserPolicy/voice/v",)


def test_a_new_invalid_blacklist_beside_what_is_in_force_stops_nothing():
    before = config(recorder(), blacklist("a", ["911"]))
    found = config(recorder(), blacklist("a", ["911"]), blacklist("b", ["9Y1"]), in_force=before)
    assert found == before


def test_an_invalid_retention_rule_at_the_first_start_keeps_everything_for_ever():
    found = config(recorder(), retention(retention="90 days"))
    assert found.retention.retention == "forever"
    assert found.missing == ()


def test_an_object_renamed_and_broken_in_one_step_loses_nothing_of_what_was_in_force():
    before = config(
        recorder(),
        blacklist("a", ["911"]),
        reading("RecordingFilter", "a", external=False),
        user_policy("a", {"ada": "OnDemand"}),
        policy("a", defaultMode="OnDemand", alwaysOnLimitPercent=5),
    )
    broken = (
        blacklist("b", ["9Y1"]),
        reading("RecordingFilter", "b", external="no"),
        user_policy("b", {"ada": "Sometimes"}),
        policy("b", alwaysOnLimitPercent=7),
    )
    assert config(recorder(), *broken, in_force=before) == before


def test_removing_a_settings_object_returns_its_settings_to_the_defaults():
    before = config(recorder(), policy(defaultMode="AlwaysOn"), reading("RecordingFilter", external=False))
    assert config(recorder(), in_force=before) == RecorderConfig()


def test_the_same_key_twice_is_invalid_whichever_text_came_first():
    outcome = compiled(recorder(), blacklist("a", ["911"]), blacklist("a", ["112"]))
    assert reason(outcome, "Blacklist", "a") is AcceptedReason.INVALID
    assert outcome.config is not None
    assert outcome.config.missing == ("Blacklist/voice/a",)


def test_the_same_key_twice_is_invalid_for_both_recorders_that_the_two_name():
    twice = (blacklist("a", ["911"]), blacklist("a", ["112"], ref="other"))
    other = ObjectKey(kind="Recorder", namespace="voice", name="other")
    for key in (RECORDER, other):
        outcome = compile_objects(twice, recorder=key)
        assert reason(outcome, "Blacklist", "a") is AcceptedReason.INVALID
        assert outcome.config is not None
        assert patterns(outcome.config) == []


def test_an_object_whose_recorder_cannot_be_read_holds_up_every_recorder_of_its_namespace():
    assert config(recorder(), reading("Blacklist", "a", ref=7)).missing == ("Blacklist/voice/a",)


def test_nothing_is_programmed_while_the_recorder_is_being_deleted():
    before = config(recorder(), blacklist("a", ["911"]))
    outcome = compiled(recorder(deleting=True), in_force=before)
    assert outcome.hold is Hold.RECORDER_DELETING
    assert outcome.config == before


def test_a_suspended_recorder_still_says_what_would_be_in_force():
    outcome = compiled(recorder(suspend=True), blacklist("a", ["911"]))
    assert outcome.hold is Hold.SUSPENDED
    assert outcome.config is not None
    assert patterns(outcome.config) == ["911"]


def test_when_what_is_in_force_is_lost_nothing_is_programmed_until_every_object_is_valid():
    lost = Lost(revision="0" * 64)
    bad = compiled(recorder(), blacklist("a", ["9Y1"]), in_force=lost)
    assert (bad.hold, bad.config) == (Hold.IN_FORCE_LOST, None)
    good = compiled(recorder(), blacklist("a", ["911"]), in_force=lost)
    assert good.hold is None
    assert good.config is not None


def test_patterns_that_start_with_a_wildcard_are_limited_and_those_in_force_come_first():
    many = [f"!{number:04}" for number in range(600)]
    more = [f".{number:04}" for number in range(600)]
    first = config(recorder(), blacklist("z", many))
    outcome = compiled(recorder(), blacklist("a", more), blacklist("z", many), in_force=first)
    assert outcome.config is not None
    assert reason(outcome, "Blacklist", "a") is AcceptedReason.TOO_MANY_PATTERNS
    assert reason(outcome, "Blacklist", "z") is AcceptedReason.ACCEPTED
    assert outcome.config == first


def test_who_adds_too_many_such_patterns_is_refused_and_not_who_had_them():
    many = [f"!{number:04}" for number in range(600)]
    some = [f".{number:04}" for number in range(400)]
    more = [f"X{number:04}" for number in range(600)]
    first = config(recorder(), blacklist("a", some), blacklist("z", many))
    outcome = compiled(recorder(), blacklist("a", [*some, *more]), blacklist("z", many), in_force=first)
    assert outcome.config == first
    assert reason(outcome, "Blacklist", "a") is AcceptedReason.TOO_MANY_PATTERNS
    assert reason(outcome, "Blacklist", "z") is AcceptedReason.ACCEPTED
    swapped = compiled(recorder(), blacklist("a", [*some[1:], more[0]]), blacklist("z", many), in_force=first)
    assert reason(swapped, "Blacklist", "a") is AcceptedReason.ACCEPTED


def test_the_json_form_reads_back_as_the_same_config():
    found = config(
        recorder(),
        blacklist("a", ["911", "+39!"]),
        user_policy("u", {"ada": "AlwaysOn"}),
        reading("RecordingFilter", internal=False, internalNumbers=[{"pattern": "2xxx"}]),
        retention(retention="90d", extraRetention="unlimited", minimumRetention="12h"),
        reading("AuditLog", applicationName="switchboard"),
    )
    assert from_json(to_json(found)) == found


PATTERNS = st.sampled_from(["1", "2", "90XX", "+39!", "9Y", "", "!", "112"])
USERS = st.dictionaries(
    st.sampled_from(["ada", "bob", "eve"]), st.sampled_from(["AlwaysOn", "OnDemand", "Default", "X"])
)
CREATED = st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"])
OBJECTS = st.one_of(
    st.builds(
        lambda n, p, c: blacklist(n, p, created=c), st.sampled_from("abc"), st.lists(PATTERNS, max_size=3), CREATED
    ),
    st.builds(lambda n, u, c: user_policy(n, u, created=c), st.sampled_from("abc"), USERS, CREATED),
    st.builds(
        lambda n, m, p, c: policy(n, defaultMode=m, alwaysOnLimitPercent=p, created=c),
        st.sampled_from("abc"),
        st.sampled_from(["AlwaysOn", "OnDemand", "Nonsense"]),
        st.sampled_from([0, 5, 7, 100]),
        CREATED,
    ),
    st.builds(
        lambda n, r, c: retention(n, retention=r, created=c),
        st.sampled_from("ab"),
        st.sampled_from(["forever", "90d", "1h", "soon"]),
        CREATED,
    ),
)
SETS = st.lists(OBJECTS, max_size=7)


@settings(max_examples=150)
@given(SETS, SETS, st.randoms())
def test_the_order_of_the_input_has_no_meaning(before, after, random):
    in_force = config(recorder(), *before)
    shuffled = [recorder(), *after]
    random.shuffle(shuffled)
    assert compiled(recorder(), *after, in_force=in_force) == compiled(*shuffled, in_force=in_force)


@settings(max_examples=150)
@given(SETS, SETS)
def test_compiling_again_with_the_result_in_force_changes_nothing(before, after):
    in_force = config(recorder(), *before)
    once = config(recorder(), *after, in_force=in_force)
    assert config(recorder(), *after, in_force=once) == once


@settings(max_examples=150)
@given(SETS, SETS)
def test_every_object_is_answered_and_no_bad_object_takes_a_good_one_along(before, after):
    in_force = config(recorder(), *before)
    outcome = compiled(recorder(), *after, in_force=in_force)
    assert {entry.key for entry in after} | {RECORDER} == set(outcome.results)
    assert outcome.config is not None
    keys = [entry.key for entry in after]
    for entry in after:
        if entry.key.kind == "Blacklist" and entry.resource is not None and keys.count(entry.key) == 1:
            assert outcome.results[entry.key].accepted
            assert {item.pattern for item in entry.resource.spec.numbers} <= set(patterns(outcome.config))
