from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.audit.errors import RangeError
from callkeeper.audit.time_words import parse_instant, parse_range, show

NOW = datetime(2026, 11, 23, 15, 30, 20, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("now", "2026-11-23T15:30:20.123456Z", "2026-11-23T15:30:20.123456Z"),
        ("today", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        ("yesterday", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
        (" Yesterday ", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
        ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-10", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2028-02-29", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("-24h", "2026-11-22T15:30:20.123456Z", "2026-11-22T15:30:20.123456Z"),
        ("-7d", "2026-11-16T15:30:20.123456Z", "2026-11-16T15:30:20.123456Z"),
        ("-30m", "2026-11-23T15:00:20.123456Z", "2026-11-23T15:00:20.123456Z"),
        ("-2w", "2026-11-09T15:30:20.123456Z", "2026-11-09T15:30:20.123456Z"),
        ("2026-10-03T14:00:00+02:00", "2026-10-03T12:00:00Z", "2026-10-03T12:00:00Z"),
        ("2026-10-03T14:00:00 02:00", "2026-10-03T12:00:00Z", "2026-10-03T12:00:00Z"),
        ("2026-10-03t14:00:00z", "2026-10-03T14:00:00Z", "2026-10-03T14:00:00Z"),
        ("2026-10-03 14:00:00-05:30", "2026-10-03T19:30:00Z", "2026-10-03T19:30:00Z"),
        ("2026-10-03T14:00", "2026-10-03T14:00:00Z", "2026-10-03T14:00:00Z"),
        ("2026-10-03T14:00:00.5Z", "2026-10-03T14:00:00.500000Z", "2026-10-03T14:00:00.500000Z"),
    ],
)
def test_words_for_time_are_read_in_utc(text, start, end):
    assert show(parse_instant(text, NOW)) == start
    assert show(parse_instant(text, NOW, end=True)) == end


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-13", "2026-02-30", "26-10-03", "2026-10-03T25:00:00Z", "-7", "-7y", "7d", "2026-10-03T14:00:60Z",
     "1969", "9999", "-999999w", "2026-10-03T14:00:00+99:00", "٢٠٢٦", "2026-1-1", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_text_and_what_can_be_written(text):
    with pytest.raises(RangeError) as refusal:
        parse_instant(text, NOW)
    assert repr(text) in str(refusal.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        instant = parse_instant(text, NOW)
    except RangeError:
        return
    assert instant.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants the bounds naive
def test_what_is_shown_can_be_read_back(instant):
    assert parse_instant(show(instant), NOW) == instant


def test_a_month_as_both_ends_is_that_month():
    first, limit = parse_range("2026-10", "2026-10", NOW)
    assert (show(first), show(limit)) == ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")


@pytest.mark.parametrize(("start", "end"), [("2026-11", "2026-10"), ("now", "-1h"), ("-1h", "-1h")])
def test_a_reversed_or_empty_range_is_refused(start, end):
    with pytest.raises(RangeError, match="give the earlier end first"):
        parse_range(start, end, NOW)
