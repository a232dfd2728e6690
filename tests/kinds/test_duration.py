"""The words for spans of time, their bounds, and the expressions that hold the same bounds."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds import duration
from callkeeper.kinds.duration import (
    DurationError,
    parse_audit_retention,
    parse_extra_retention,
    parse_minimum_retention,
    parse_retention,
)

Parser = Callable[[str], timedelta | None]
FORMS: list[tuple[Parser, str, set[str], str]] = [
    (parse_retention, duration.RETENTION_REGEX, {"forever"}, "dh"),
    (parse_extra_retention, duration.EXTRA_RETENTION_REGEX, {"disabled", "unlimited"}, "d"),
    (parse_minimum_retention, duration.MINIMUM_RETENTION_REGEX, {"none"}, "dh"),
    (parse_audit_retention, duration.AUDIT_RETENTION_REGEX, {"forever"}, "d"),
]


def test_a_day_has_24_hours():
    assert parse_retention("90d") == timedelta(hours=90 * 24) == parse_retention("2160h")


def test_without_end_is_none_and_nothing_is_zero():
    assert parse_retention("forever") is None
    assert parse_extra_retention("unlimited") is None
    assert parse_audit_retention("forever") is None
    assert parse_extra_retention("disabled") == parse_minimum_retention("none") == timedelta(0)


def test_the_longest_is_36500_days_in_either_unit():
    assert parse_retention("36500d") == parse_retention("876000h") == timedelta(days=36_500)


@pytest.mark.parametrize(("parse", "regex", "words", "units"), FORMS)
@given(
    number=st.integers(0, 10**7) | st.integers(875_990, 876_010) | st.integers(36_490, 36_510),
    unit=st.sampled_from("dhwm"),
)
def test_the_expression_holds_the_bounds_exactly(
    parse: Parser, regex: str, words: set[str], units: str, number: int, unit: str
):
    largest = {"d": 36_500, "h": 876_000}.get(unit, 0)
    right = unit in units and 1 <= number <= largest
    text = f"{number}{unit}"
    assert (re.fullmatch(regex, text) is not None) is right
    if right:
        assert parse(text) == (timedelta(days=number) if unit == "d" else timedelta(hours=number))
    else:
        with pytest.raises(DurationError):
            parse(text)


@pytest.mark.parametrize(("parse", "regex", "words", "units"), FORMS)
@given(
    text=st.text(max_size=10)
    | st.sampled_from(["forever", "disabled", "unlimited", "none", "90d\n", "090d", "٩d", "+9d"])
)
def test_any_other_text_is_refused(parse: Parser, regex: str, words: set[str], units: str, text: str):
    if text in words:
        parse(text)
    elif re.fullmatch(f"[1-9][0-9]{{0,5}}[{units}]", text, re.ASCII) is None:
        with pytest.raises(DurationError):
            parse(text)


def test_the_message_names_what_is_taken():
    with pytest.raises(DurationError, match=re.escape("`12w` is not a duration this setting takes (`forever`, `<n>d`")):
        parse_retention("12w")
