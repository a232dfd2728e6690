"""Instants: the expression against the calendar itself."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.instant import INSTANT_REGEX, InstantError, parse_instant


def test_a_date_is_midnight_utc():
    assert parse_instant("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)


def test_offsets_are_taken_into_account():
    assert parse_instant("2026-11-23T01:00:00+01:00") == parse_instant("2026-11-23")


def test_digits_beyond_the_microsecond_are_dropped():
    assert parse_instant("2026-11-23T00:00:00.123456789Z").microsecond == 123456


@given(year=st.integers(1900, 3100), month=st.integers(0, 13), day=st.integers(0, 32))
def test_the_expression_knows_the_calendar(year: int, month: int, day: int):
    try:
        date(year, month, day)
    except ValueError:
        there_is = False
    else:
        there_is = 1970 <= year <= 2999
    assert (re.fullmatch(INSTANT_REGEX, f"{year:04}-{month:02}-{day:02}") is not None) is there_is


def test_every_leap_day_is_there_and_no_other():
    for year in range(1970, 3000):
        leap = (date(year, 3, 1) - timedelta(days=1)).day == 29
        assert (re.fullmatch(INSTANT_REGEX, f"{year}-02-29") is not None) is leap


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 12, 31)),  # noqa: DTZ001 - the zone is next
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_what_python_writes_is_read_back(moment: datetime, minutes: int):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_instant(aware.isoformat()) == aware


@pytest.mark.parametrize("text", ["", "2026-11-23\n", "2026-11-23T24:00:00Z", "2016-12-31T23:59:60Z", "yesterday"])
def test_anything_else_is_refused(text: str):
    with pytest.raises(InstantError):
        parse_instant(text)
