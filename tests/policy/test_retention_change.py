"""What a change of the retention rule does: semantics, "Changes that need a word"."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.duration import DurationError
from callkeeper.policy.config import RetentionSection
from callkeeper.policy.retention import Hold, RetentionTerms, Why, expiry
from callkeeper.policy.retention_change import (
    RetentionEffects,
    StoredRecording,
    effects_of,
    released_by,
    retention_change,
    shortens,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(retention: str = "forever", extra: str = "disabled", minimum: str = "none") -> RetentionSection:
    return RetentionSection(retention=retention, extra_retention=extra, minimum_retention=minimum)


def recorded(days_ago: int, conversation: str = "c", **more) -> StoredRecording:
    return StoredRecording(conversation=conversation, ended_at=NOW - days_ago * DAY, **more)


def hold(name: str = "hold-1", released_at: datetime | None = None) -> Hold:
    return Hold(id=name, owner="ada", reason="court", placed_at=NOW - 300 * DAY, released_at=released_at)


def test_the_words_that_change_are_named_from_and_to():
    change = retention_change(rule("forever", "365d"), rule("90d", "disabled", "7d"))
    assert change.retention == ("forever", "90d")
    assert change.extra_retention == ("365d", "disabled")
    assert change.minimum_retention == ("none", "7d")
    assert change.shortens
    same = retention_change(rule("90d"), rule("90d"))
    assert (same.retention, same.extra_retention, same.minimum_retention, same.shortens) == (None, None, None, False)


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (rule("forever"), rule("36500d"), True),
        (rule("90d"), rule("2159h"), True),
        (rule("90d"), rule("2160h"), False),
        (rule("90d"), rule("91d"), False),
        (rule("90d"), rule("forever"), False),
        (rule("forever", "365d"), rule("forever", "disabled"), True),
        (rule("90d", "365d"), rule("90d", "364d"), True),
        (rule("90d", "unlimited"), rule("90d", "365d"), True),
        (rule("90d", "365d"), rule("90d", "unlimited"), False),
        (rule("90d", "disabled"), rule("90d", "1d"), False),
        (rule("90d", "60d"), rule("120d", "30d"), False),
        (rule("90d", "60d"), rule("120d", "29d"), True),
        (rule("forever", "unlimited"), rule("forever", "1d"), False),
        (rule("90d", minimum="30d"), rule("90d", minimum="none"), False),
    ],
)
def test_a_change_shortens_when_it_could_take_time_or_protection_away(old, new, answer):
    assert shortens(old, new) is answer


def test_words_that_are_no_duration_are_refused():
    with pytest.raises(DurationError):
        shortens(rule("soon"), rule())


def test_the_effects_count_what_moves_earlier_and_what_goes_at_once():
    recordings = [recorded(10), recorded(100), recorded(100, minimum_until=NOW + DAY)]
    assert effects_of(recordings, {}, rule("forever"), rule("90d"), NOW) == RetentionEffects(
        recordings=3, shortens=3, deletes=1, holds=0
    )


def test_open_recordings_and_those_already_expired_are_not_counted():
    recordings = [StoredRecording(conversation="c", ended_at=None), recorded(100)]
    assert effects_of(recordings, {}, rule("90d"), rule("30d"), NOW) == RetentionEffects(recordings=2)


def test_a_longer_rule_has_no_effects():
    assert effects_of([recorded(10)], {"c": [hold()]}, rule("90d", "1d"), rule("91d", "1d"), NOW) == RetentionEffects(
        recordings=1
    )


def test_holds_that_lose_extra_retention_are_counted_once_each():
    recordings = [recorded(10), recorded(20), recorded(30, "other"), recorded(30, "third")]
    holds = {"c": [hold("h1"), hold("h2"), hold("h3", NOW)], "third": [hold("h4")]}
    effects = effects_of(recordings, holds, rule("forever", "365d"), rule("forever", "disabled"), NOW)
    assert effects == RetentionEffects(recordings=4, shortens=0, deletes=0, holds=3)


def test_a_held_recording_that_would_go_at_once_counts_its_holds():
    effects = effects_of([recorded(200)], {"c": [hold()]}, rule("90d", "365d"), rule("90d", "30d"), NOW)
    assert effects == RetentionEffects(recordings=1, shortens=1, deletes=1, holds=1)


def test_holds_that_lose_extra_retention_leave_24_hours():
    old, new = rule("90d", "365d"), rule("90d", "disabled")
    holds = released_by([hold("h1"), hold("h2", NOW - 9 * DAY)], old, new, NOW)
    assert [one.released_at for one in holds] == [NOW, NOW - 9 * DAY]
    found = expiry(ended_at=NOW - 200 * DAY, rule=RetentionTerms.of(new), now=NOW + DAY / 2, holds=holds)
    assert (found.at, found.why) == (NOW + DAY, Why.RELEASE_GRACE)
    effects = effects_of([recorded(200)], {"c": [hold()]}, old, new, NOW)
    assert effects == RetentionEffects(recordings=1, shortens=1, deletes=0, holds=1)


def test_other_changes_release_nothing():
    holds = (hold(),)
    assert released_by(holds, rule("90d", "365d"), rule("90d", "1d"), NOW) == holds
    assert released_by(holds, rule("90d"), rule("30d"), NOW) == holds


RULES = st.builds(
    rule,
    st.sampled_from(["forever", "1h", "30d", "90d", "36500d"]),
    st.sampled_from(["disabled", "1d", "60d", "365d", "unlimited"]),
    st.sampled_from(["none", "1h", "40d"]),
)
INSTANTS = st.integers(-500, 100).map(lambda days: NOW + days * DAY)
RECORDINGS = st.lists(
    st.builds(
        StoredRecording,
        conversation=st.sampled_from("abc"),
        ended_at=st.none() | INSTANTS,
        minimum_until=st.none() | INSTANTS,
    ),
    max_size=6,
)
HOLDS = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.builds(hold, st.sampled_from(["h1", "h2", "h3"]), st.none() | INSTANTS), max_size=3),
)


@given(RECORDINGS, HOLDS, RULES, RULES)
def test_a_change_that_does_not_shorten_has_no_effect_on_any_recording(recordings, holds, old, new):
    if old.extra_retention == "disabled":
        # Under a rule without extra retention every hold has been released.
        holds = {name: [one for one in some if one.released_at is not None] for name, some in holds.items()}
    effects = effects_of(recordings, holds, old, new, NOW)
    assert effects.recordings == len(recordings)
    assert effects.deletes <= effects.shortens <= effects.recordings
    if not shortens(old, new):
        assert (effects.shortens, effects.deletes, effects.holds) == (0, 0, 0)


@given(RULES)
def test_no_change_has_no_effect(one):
    assert not shortens(one, one)
    assert effects_of([recorded(10)], {"c": [hold()]}, one, one, NOW) == RetentionEffects(recordings=1)


@given(RULES, RULES, RULES)
def test_what_shortens_in_neither_step_does_not_shorten_in_one(first, second, third):
    if not shortens(first, second) and not shortens(second, third) and first.extra_retention != "disabled":
        assert not shortens(first, third)
