import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.number_range import RangeError, expand_range
from callkeeper.kinds.pattern import canonical_pattern


def _numbers(pattern: str) -> list[str]:
    """All numbers that a pattern of digits and trailing `X` hits."""
    size = len(pattern)
    return [f"{value:0{size}}" for value in range(int(pattern.replace("X", "0")), int(pattern.replace("X", "9")) + 1)]


@st.composite
def _ranges(draw: st.DrawFn, max_digits: int) -> tuple[str, str]:
    size = draw(st.integers(1, max_digits))
    values = [draw(st.integers(0, 10**size - 1)) for _ in range(2)]
    low, high = (f"{value:0{size}}" for value in sorted(values))
    return low, max(low[0] + high[1:], low)


def test_every_range_of_two_digits_is_covered_exactly():
    for low in range(100):
        for high in range(low, low - low % 10 + 10):
            covered = [number for pattern in expand_range(f"{low:02}", f"{high:02}") for number in _numbers(pattern)]
            assert covered == [f"{value:02}" for value in range(low, high + 1)]


@given(_ranges(4))
def test_a_range_covers_each_of_its_numbers_once_in_order_and_no_other(ends: tuple[str, str]):
    low, high = ends
    covered = [number for pattern in expand_range(low, high) for number in _numbers(pattern)]
    assert covered == [f"{value:0{len(low)}}" for value in range(int(low), int(high) + 1)]


@given(_ranges(62), st.sampled_from(["", "+"]))
def test_the_blocks_of_a_long_range_join_without_gap_from_end_to_end(ends: tuple[str, str], plus: str):
    patterns = expand_range(plus + ends[0], plus + ends[1])
    assert all(canonical_pattern(pattern) == pattern for pattern in patterns)
    assert all(re.fullmatch(r"\+?[0-9]+X*|X+", pattern) for pattern in patterns)
    next_value = int(ends[0])
    for pattern in patterns:
        assert len(pattern) == len(plus + ends[0])
        assert int(pattern.replace("X", "0")) == next_value
        next_value = int(pattern.replace("X", "9")) + 1
    assert next_value == int(ends[1]) + 1
    assert len(patterns) <= 18 * len(ends[0])


def test_a_whole_block_is_one_pattern():
    assert expand_range("+390551230000", "+390551239999") == ("+39055123XXXX",)
    assert expand_range("9000", "9000") == ("9000",)
    assert expand_range("2000", "2199") == ("20XX", "21XX")


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("39!", "390", "from must be digits after an optional leading +, at most 64 characters in all"),
        ("390", "", "to must be digits after an optional leading +, at most 64 characters in all"),
        ("390\n", "391", "from must be digits after an optional leading +, at most 64 characters in all"),
        ("٣", "٤", "from must be digits after an optional leading +, at most 64 characters in all"),
        (
            "+" + "1" * 64,
            "+" + "1" * 64,
            "from must be digits after an optional leading +, at most 64 characters in all",
        ),
        ("+39", "39", "from and to must both have a leading +, or neither"),
        ("39", "390", "from and to must have the same number of digits, not 2 and 3"),
        ("39", "40", "from and to must begin with the same digit (write one range for each first digit)"),
        ("395", "391", "from is above to (exchange the two)"),
    ],
)
def test_ends_that_make_no_range_are_told_why(first: str, last: str, message: str):
    with pytest.raises(RangeError) as caught:
        expand_range(first, last)
    assert caught.value.message == str(caught.value) == message
