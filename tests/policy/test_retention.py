"""Retention and hold: semantics, the part of that name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from callkeeper.kinds.duration import DurationError
from callkeeper.policy.config import RetentionSection
from callkeeper.policy.retention import (
    RELEASE_GRACE,
    Expiry,
    Hold,
    Refusal,
    RetentionTerms,
    Why,
    clock_start,
    expiry,
    grown_minimum,
    is_held,
    may_delete,
    may_hold,
)

ENDED = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NUMBERS = count()


def terms(retention: str = "90d", extra: str = "365d", minimum: str = "none") -> RetentionTerms:
    return RetentionTerms.of(RetentionSection(retention=retention, extra_retention=extra, minimum_retention=minimum))


def hold(placed: datetime = ENDED, released: datetime | None = None) -> Hold:
    return Hold(id=f"hold-{next(NUMBERS)}", owner="ada", reason="court", placed_at=placed, released_at=released)


def expires(rule: RetentionTerms, *holds: Hold, now: datetime = ENDED, **more) -> tuple[datetime | None, Why]:
    found = expiry(ended_at=more.pop("ended_at", ENDED), rule=rule, holds=holds, now=now, **more)
    return found.at, found.why


def test_base_expiry_is_the_end_of_the_segment_plus_retention():
    assert expires(terms("90d")) == (ENDED + 90 * DAY, Why.BASE)
    assert expires(terms("12h")) == (ENDED + timedelta(hours=12), Why.BASE)


def test_a_day_is_24_hours():
    assert expires(terms("1d"))[0] == expires(terms("24h"))[0]


def test_forever_never_expires():
    assert expires(terms("forever")) == (None, Why.BASE)


def test_an_open_recording_never_expires():
    assert expires(terms("1h"), ended_at=None) == (None, Why.OPEN)
    assert not expiry(ended_at=None, rule=terms("1h"), now=ENDED + 999 * DAY).passed(ENDED + 999 * DAY)


def test_the_clock_of_an_interrupted_recording_starts_at_its_last_stored_media():
    media = ENDED - timedelta(minutes=5)
    assert clock_start(segment_ended_at=ENDED) == ENDED
    assert clock_start(segment_ended_at=None) is None
    assert clock_start(segment_ended_at=None, interrupted=True, last_media_at=media) == media
    assert clock_start(segment_ended_at=ENDED, interrupted=True, last_media_at=media) == media
    assert clock_start(segment_ended_at=ENDED, interrupted=True) == ENDED


def test_expiry_is_evaluated_against_the_rule_in_force():
    assert expires(terms("90d"))[0] > expires(terms("30d"))[0]


def test_the_instant_of_expiry_is_past_retention():
    found = expiry(ended_at=ENDED, rule=terms("90d"), now=ENDED)
    assert not found.passed(ENDED + 90 * DAY - timedelta(microseconds=1))
    assert found.passed(ENDED + 90 * DAY)


def test_36500_days_and_the_end_of_the_calendar_are_no_error():
    longest = terms("36500d", "36500d", "36500d")
    assert expires(longest)[0] == ENDED + 36_500 * DAY
    assert expires(longest, hold())[0] == ENDED + 73_000 * DAY
    late = datetime(9999, 12, 31, tzinfo=UTC)
    assert expires(terms("36500d"), ended_at=late) == (None, Why.BASE)
    assert expires(terms("1h", "36500d"), hold(), ended_at=late) == (None, Why.EXTRA)
    assert expires(terms("1h", minimum="36500d"), ended_at=late)[1] is Why.MINIMUM
    assert expires(terms("1h"), hold(released=datetime.max.replace(tzinfo=UTC)))[0] is None
    assert not may_delete(ended_at=late, rule=terms(minimum="36500d"), now=late).allowed


def test_while_held_expiry_is_base_and_extra_retention():
    assert expires(terms("90d", "365d"), hold()) == (ENDED + 455 * DAY, Why.EXTRA)


def test_while_held_without_a_limit_it_never_expires():
    assert expires(terms("90d", "unlimited"), hold()) == (None, Why.EXTRA)
    assert expires(terms("forever", "365d"), hold())[0] is None


def test_holds_stack_and_protection_ends_with_the_last_release():
    released, standing = hold(released=ENDED + DAY), hold()
    assert is_held([released, standing])
    assert expires(terms(), released, standing)[1] is Why.EXTRA
    assert not is_held([released])
    assert not is_held([])


def test_after_the_last_release_base_expiry_applies_again():
    assert expires(terms("90d"), hold(released=ENDED + 10 * DAY)) == (ENDED + 90 * DAY, Why.BASE)


def test_no_sooner_than_24_hours_after_the_last_release():
    early, late = hold(released=ENDED + 95 * DAY), hold(released=ENDED + 100 * DAY)
    assert expires(terms("90d"), early, late) == (ENDED + 101 * DAY, Why.RELEASE_GRACE)
    assert timedelta(hours=24) == RELEASE_GRACE


def test_minimum_retention_holds_off_expiry():
    assert expires(terms("30d"), minimum_until=ENDED + 60 * DAY) == (ENDED + 60 * DAY, Why.MINIMUM)


def test_minimum_retention_may_grow_and_never_shrinks_for_existing_recordings():
    first = grown_minimum(ended_at=ENDED, rule=terms(minimum="30d"))
    assert first == ENDED + 30 * DAY
    assert grown_minimum(ended_at=ENDED, rule=terms(minimum="60d"), minimum_until=first) == ENDED + 60 * DAY
    assert grown_minimum(ended_at=ENDED, rule=terms(minimum="10d"), minimum_until=first) == first
    assert grown_minimum(ended_at=ENDED, rule=terms(minimum="none"), minimum_until=first) == first
    assert grown_minimum(ended_at=ENDED, rule=terms(minimum="none")) is None
    assert grown_minimum(ended_at=None, rule=terms(minimum="30d")) is None


def test_until_the_minimum_no_role_deletes():
    rule = terms(minimum="30d")
    refused = may_delete(ended_at=ENDED, rule=rule, now=ENDED + 30 * DAY - timedelta(seconds=1))
    assert (refused.refusal, refused.allowed) == (Refusal.MINIMUM_RETENTION, False)
    assert "2026-01-31 12:00:00+00:00" in refused.message
    assert may_delete(ended_at=ENDED, rule=rule, now=ENDED + 30 * DAY).allowed
    stored = may_delete(ended_at=ENDED, rule=terms(), now=ENDED + DAY, minimum_until=ENDED + 2 * DAY)
    assert stored.refusal is Refusal.MINIMUM_RETENTION


@pytest.mark.parametrize("retention", ["90d", "forever"])
def test_while_held_nobody_deletes_also_under_forever(retention):
    verdict = may_delete(ended_at=ENDED, rule=terms(retention), now=ENDED + 999 * DAY, holds=[hold()])
    assert verdict.refusal is Refusal.HELD
    assert verdict.message


def test_an_unprotected_recording_may_be_deleted_and_so_may_one_just_released():
    assert may_delete(ended_at=ENDED, rule=terms(), now=ENDED).allowed
    released = hold(released=ENDED + DAY)
    assert may_delete(ended_at=ENDED, rule=terms(), now=ENDED + DAY, holds=[released]).allowed


def test_a_recording_that_still_runs_is_not_deleted():
    assert may_delete(ended_at=None, rule=terms(), now=ENDED).refusal is Refusal.OPEN
    assert may_delete(ended_at=None, rule=terms(), now=ENDED, holds=[hold()]).refusal is Refusal.HELD


def test_with_extra_retention_disabled_a_new_hold_is_refused():
    verdict = may_hold(ended_at=ENDED, rule=terms(extra="disabled"), now=ENDED)
    assert verdict.refusal is Refusal.HOLDS_DISABLED


def test_a_hold_after_base_expiry_is_accepted_while_base_and_extra_is_ahead():
    rule = terms("90d", "10d")
    assert may_hold(ended_at=ENDED, rule=rule, now=ENDED + 100 * DAY - timedelta(seconds=1)).allowed
    assert may_hold(ended_at=ENDED, rule=rule, now=ENDED + 100 * DAY).refusal is Refusal.GONE
    assert may_hold(ended_at=ENDED, rule=terms("90d", "unlimited"), now=ENDED + 9999 * DAY).allowed


def test_a_hold_is_gone_with_the_media():
    verdict = may_hold(ended_at=ENDED, rule=terms(), now=ENDED, media_exists=False)
    assert verdict.refusal is Refusal.GONE


def test_an_open_recording_can_be_held():
    assert may_hold(ended_at=None, rule=terms(), now=ENDED).allowed


def test_a_hold_left_unreleased_when_extra_retention_is_disabled_counts_as_released_now():
    now = ENDED + 200 * DAY
    assert expires(terms("90d", "disabled"), hold(), now=now) == (now + RELEASE_GRACE, Why.RELEASE_GRACE)


def test_words_that_are_no_duration_are_refused():
    with pytest.raises(DurationError):
        terms("90 days")


def test_terms_say_whether_holds_are_allowed_and_how_long_they_reach():
    assert [terms(extra=word).holds_allowed for word in ("disabled", "1d", "unlimited")] == [False, True, True]
    assert terms("1d", "2d").held_retention == 3 * DAY
    assert terms("forever", "2d").held_retention is None
    assert terms("1d", "unlimited").held_retention is None


RETENTIONS = st.sampled_from(["forever", "1h", "12h", "1d", "30d", "90d", "36500d"])
EXTRAS = st.sampled_from(["disabled", "1d", "30d", "365d", "unlimited"])
MINIMUMS = st.sampled_from(["none", "1h", "7d", "365d"])
TERMS = st.builds(terms, RETENTIONS, EXTRAS, MINIMUMS)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given beside
HOLDS = st.lists(st.builds(hold, INSTANTS, st.none() | INSTANTS), max_size=4)


@given(TERMS, INSTANTS, HOLDS, st.none() | INSTANTS)
def test_the_order_of_holds_makes_no_difference(rule, now, holds, minimum):
    given_order = expiry(ended_at=ENDED, rule=rule, now=now, holds=holds, minimum_until=minimum)
    turned = expiry(ended_at=ENDED, rule=rule, now=now, holds=holds[::-1], minimum_until=minimum)
    assert given_order.at == turned.at


@given(TERMS, INSTANTS, HOLDS, st.none() | INSTANTS)
def test_a_further_hold_never_brings_expiry_forward(rule, now, holds, minimum):
    before = expiry(ended_at=ENDED, rule=rule, now=now, holds=holds, minimum_until=minimum)
    after = expiry(ended_at=ENDED, rule=rule, now=now, holds=[*holds, hold()], minimum_until=minimum)
    assert not after.sooner_than(before)


@given(TERMS, INSTANTS, HOLDS, st.none() | INSTANTS)
def test_nothing_expires_before_base_minimum_and_grace(rule, now, holds, minimum):
    found = expiry(ended_at=ENDED, rule=rule, now=now, holds=holds, minimum_until=minimum)
    assume(found.at is not None)
    assert rule.retention is not None
    assert found.at >= ENDED + rule.retention
    assert minimum is None or found.at >= minimum
    assert all(found.at >= one.released_at + RELEASE_GRACE for one in holds if one.released_at is not None)


@given(TERMS, INSTANTS, HOLDS, st.integers(0, 3))
def test_releasing_a_hold_leaves_at_least_24_hours(rule, now, holds, which):
    assume(which < len(holds))
    released = [*holds[:which], replace(holds[which], released_at=now), *holds[which + 1 :]]
    found = expiry(ended_at=ENDED, rule=rule, now=now, holds=released)
    assert not found.passed(now + RELEASE_GRACE - timedelta(microseconds=1))


@given(TERMS, INSTANTS, HOLDS, st.none() | INSTANTS)
def test_what_no_role_may_delete_is_told_why(rule, now, holds, minimum):
    verdict = may_delete(ended_at=ENDED, rule=rule, now=now, holds=holds, minimum_until=minimum)
    if is_held(holds):
        assert verdict.refusal is Refusal.HELD
    elif verdict.allowed:
        assert minimum is None or now >= minimum
    assert verdict.message


def test_never_is_later_than_any_instant():
    never, soon = Expiry(at=None, why=Why.BASE), Expiry(at=ENDED, why=Why.BASE)
    assert soon.sooner_than(never)
    assert not never.sooner_than(soon)
    assert not never.sooner_than(never)
