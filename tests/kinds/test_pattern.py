import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callkeeper.kinds.pattern import (
    MAX_GAPS,
    MAX_PATTERN_LENGTH,
    PATTERN_REGEX,
    PatternError,
    canonical_pattern,
    is_canonical,
)

_TEXTS = st.one_of(
    st.text(max_size=70),
    st.text(alphabet="0123456789*#Xx.!+", max_size=70),
    st.text(alphabet="+1!xX\n", max_size=8),
)


def _error(text: str) -> PatternError | None:
    try:
        canonical_pattern(text)
    except PatternError as error:
        return error
    return None


def _verdict(text: str) -> bool:
    return _error(text) is None


@pytest.mark.parametrize("text", ["+39!", "90XX", "90..", "9!", "*!", "!", "+!", "!!!!", "#31#", "0", "X" * 64])
def test_a_canonical_pattern_stays_as_it_is(text: str):
    assert canonical_pattern(text) == text


def test_a_small_x_becomes_a_large_one():
    assert canonical_pattern("+39xX!x") == "+39XX!X"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("90Y1", 3, "'Y' at position 3 is not allowed in a pattern (digits, * # X . ! and a leading +)"),
        ("9+0", 2, "'+' at position 2 is not allowed in a pattern (digits, * # X . ! and a leading +)"),
        (" 90", 1, "' ' at position 1 is not allowed in a pattern (digits, * # X . ! and a leading +)"),
        ("90\n", 3, "U+000A at position 3 is not allowed in a pattern (digits, * # X . ! and a leading +)"),
        ("٣9", 1, "'٣' (U+0663) at position 1 is not allowed in a pattern (digits, * # X . ! and a leading +)"),
        ("1!2!3!4!5!Y", 10, "'!' at position 10 is one too many: a pattern has at most 4"),
        ("", None, "a pattern cannot be empty (to hit every number write ! and +!)"),
        ("1" * 65, None, "a pattern has at most 64 characters, this one has 65"),
        ("+", 1, "a lone + hits no number (write +! for every number with a leading +)"),
    ],
)
def test_a_text_that_is_no_pattern_is_told_why_and_where(text: str, position: int | None, message: str):
    with pytest.raises(PatternError) as caught:
        canonical_pattern(text)
    assert (caught.value.message, caught.value.position, str(caught.value)) == (message, position, message)


@given(_TEXTS)
@example("1\n")
@example("+")
@example("1" * MAX_PATTERN_LENGTH)
@example("1" * (MAX_PATTERN_LENGTH + 1))
@example("!" * (MAX_GAPS + 1))
def test_the_regex_and_the_length_give_the_same_verdict_as_the_function(text: str):
    by_schema = len(text) <= MAX_PATTERN_LENGTH and re.fullmatch(PATTERN_REGEX.removesuffix("$"), text) is not None
    assert _verdict(text) == by_schema


@given(_TEXTS)
def test_re2_reads_the_regex_alike(text: str):
    re2 = pytest.importorskip("re2", reason="only a peer of the benchmarks brings it")
    if not text.isprintable():
        return  # what is no UTF-8 never reaches a schema
    assert (re2.search(PATTERN_REGEX, text) is not None and len(text) <= MAX_PATTERN_LENGTH) == _verdict(text)


@given(_TEXTS.filter(_verdict))
def test_making_canonical_twice_changes_nothing(text: str):
    assert canonical_pattern(canonical_pattern(text)) == canonical_pattern(text)


@given(_TEXTS)
def test_a_position_names_the_character_that_is_in_the_message(text: str):
    error = _error(text)
    if error is not None and error.position is not None and text != "+":
        character = text[error.position - 1]
        assert f"at position {error.position}" in error.message
        assert f"'{character}'" in error.message or f"U+{ord(character):04X}" in error.message


@given(_TEXTS)
@example("1" * (MAX_PATTERN_LENGTH + 1))
@example("39x")
def test_a_text_is_canonical_where_making_it_so_leaves_it(text: str):
    assert is_canonical(text) == (_verdict(text) and canonical_pattern(text) == text)
