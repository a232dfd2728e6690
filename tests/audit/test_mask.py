import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.audit.mask import NumberMask

MASK = NumberMask(b"k" * 32)


def test_a_number_shows_its_last_three_digits_and_a_keyed_hash():
    assert re.fullmatch(r"…345#[0-9a-f]{12}", MASK.mask("+390212345"))
    assert MASK.mask("+390212345") == MASK.mask("+390212345")
    assert MASK.mask("+390212345") != MASK.mask("390212345")
    assert MASK.mask("+390212345") != NumberMask(b"l" * 32).mask("+390212345")


@pytest.mark.parametrize(
    ("number", "shown"), [("", ""), ("9", ""), ("90", "0"), ("2001", "01"), ("90123", "23"), ("*72", "2")]
)
def test_a_short_number_shows_at_most_half_of_its_digits(number, shown):
    assert MASK.mask(number).startswith(f"…{shown}#")


@given(st.text(alphabet="+0123456789*#", min_size=7))
def test_a_masked_number_does_not_hold_the_number(number):
    assert number not in MASK.mask(number)


@pytest.mark.parametrize("pattern", ["+39!", "90XX", "9!", "123456", "+123456X"])
def test_a_pattern_of_few_digits_is_shown(pattern):
    assert MASK.mask_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["+390212345", "1234567", "+3902123X5!"])
def test_a_pattern_that_could_name_a_subscriber_is_masked(pattern):
    assert MASK.mask_pattern(pattern) == MASK.mask(pattern)
    assert pattern not in MASK.mask_pattern(pattern)


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="15 bytes"):
        NumberMask(b"k" * 15)
