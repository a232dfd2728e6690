import itertools
import random
import re
import time
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callkeeper.kinds.pattern import MAX_GAPS
from callkeeper.policy.matching import inclusion
from callkeeper.policy.matching.inclusion import contains
from callkeeper.policy.patterns import PatternSet
from callkeeper.policy.shadowing import Shadow, example_number, shadowed

_AS_REGEX = {"X": "[0-9]", ".": "[0-9*#]", "!": "[0-9]*"}
# The patterns tried name `1`, `2` and `*` only; `3` stands for all other digits, `#` for itself. Two patterns that
# both hold a `!` differ on a number as long as what else they hold together: at most six characters here.
_SHORT = ["".join(number) for size in range(1, 7) for number in itertools.product("123*", repeat=size)]
_NUMBERS = [*_SHORT, *("+" + number for number in _SHORT if len(number) < 6), "#", "#1", "1#", "+#", "11#", "#11"]
_SMALL = (
    st.tuples(st.sampled_from(["", "", "+", "1"]), st.text(alphabet="112*X.!!", min_size=1, max_size=3))
    .map("".join)
    .filter(lambda pattern: pattern.count("!") <= MAX_GAPS)
)


@lru_cache(maxsize=4096)
def _hit_by(pattern: str) -> frozenset[str]:
    regex = re.compile("".join(_AS_REGEX.get(element, re.escape(element)) for element in pattern))
    return frozenset(number for number in _NUMBERS if regex.fullmatch(number))


@settings(max_examples=300)
@given(st.lists(_SMALL, max_size=9))
def test_what_is_reported_is_what_enumerating_all_short_numbers_finds(patterns: list[str]):
    expected = {}
    for pattern in sorted(set(patterns)):
        for other in sorted(set(patterns)):
            covered = _hit_by(pattern) <= _hit_by(other)
            if other != pattern and covered and (_hit_by(pattern) != _hit_by(other) or other < pattern):
                expected[pattern] = other
                break
    found = shadowed(patterns)
    assert {shadow.pattern: shadow.by for shadow in found} == expected
    assert [shadow.pattern for shadow in found] == sorted(expected)


@settings(max_examples=300)
@given(_SMALL, _SMALL)
def test_a_proof_agrees_with_enumeration(outer: str, inner: str):
    assert contains(outer, inner) == (_hit_by(inner) <= _hit_by(outer))


@given(st.lists(_SMALL, max_size=12))
def test_a_witness_is_hit_by_both(patterns: list[str]):
    for shadow in shadowed(patterns):
        assert PatternSet([shadow.pattern]).match(shadow.witness) == shadow.pattern
        assert PatternSet([shadow.by]).match(shadow.witness) == shadow.by


@given(_SMALL)
def test_an_example_is_a_shortest_number_that_is_hit(pattern: str):
    number = example_number(pattern)
    assert PatternSet([pattern]).match(number) == pattern
    assert len(number) == min((len(short) for short in _hit_by(pattern)), default=len(number))


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["+39!", "+3902!"], [("+3902!", "+39!", "+3902")]),
        (["90XX", "9012"], [("9012", "90XX", "9012")]),
        (["90..", "90XX"], [("90XX", "90..", "9000")]),
        (["9!X", "9X!"], [("9X!", "9!X", "90")]),
        (["!", "X!", "!X"], [("!X", "!", "0"), ("X!", "!", "0")]),
        (["+!", "+X!"], [("+X!", "+!", "+0")]),
        (["!", "9*"], []),
        (["!", "+39"], []),
        (["9!", "9."], []),
        (["9XX!", "9X"], []),
        (["90XX", "90XX", "90xx"], []),
        (["9!", "90!", "901!"], [("90!", "9!", "90"), ("901!", "9!", "901")]),
        # All ten digits are named: covered only if each of them is.
        (["!X!", "!0123456789!"], [("!0123456789!", "!X!", "0123456789")]),
        (["!0!1!2!3", "X0X1X2X3"], [("X0X1X2X3", "!0!1!2!3", "00010203")]),
        (["!0123!456789!", "XXXXXXXXXX!"], [("!0123!456789!", "XXXXXXXXXX!", "0123456789")]),
        (["!0123456789!", "XXXXXXXXXXXXXXXXXXXX!"], []),
        # By two together, but by none alone.
        ([*(f"9{digit}" for digit in range(10)), "9X"], [(f"9{digit}", "9X", f"9{digit}") for digit in range(10)]),
    ],
)
def test_the_smallest_pattern_that_covers_is_named(patterns: list[str], expected: list[tuple[str, str, str]]):
    assert shadowed(patterns) == [Shadow(pattern=p, by=by, witness=witness) for p, by, witness in expected]


def test_a_list_of_many_patterns_under_one_head_is_searched_like_a_small_one():
    patterns = [f"1!{digits:02}!" for digits in range(100)] + ["1!0!", "17!", "1!X!X!"]
    found = {shadow.pattern: shadow.by for shadow in shadowed(patterns)}
    assert found["1!00!"] == "1!0!"
    assert found["1!12!"] == "1!X!X!"
    assert not {"1!0!", "17!", "1!X!X!"} & found.keys()


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        ("!" + "0123456789" * 3 + "X" * 20 + "!", "X" * 60, False),
        ("!0X1X2X3X4X5X6X7X8X9!" + "X" * 10, "!" + "X" * 30 + "!" + "X" * 20, False),
        ("!" + "X1X2X3X4X5X6X7X8X9X0" + "!", "!" + "01122334455667788990" * 2 + "!", True),
    ],
)
def test_patterns_that_name_every_digit_are_proven_in_no_time(outer: str, inner: str, covered: bool):
    began = time.process_time()
    assert contains(outer, inner) is covered
    assert time.process_time() - began < 1


def test_a_proof_that_is_given_up_reports_nothing(monkeypatch: pytest.MonkeyPatch):
    assert contains("9!", "9XXXX!")
    monkeypatch.setattr(inclusion, "_MOST_STEPS", 3)
    assert not contains("9!", "9XXXX!")


def test_a_large_list_takes_no_longer_than_its_length_demands():
    source = random.Random(4)
    patterns = [f"+39{source.randrange(10**7):07}" for _ in range(5000)]
    patterns += [f"+39{source.randrange(10**4):04}{'X' * source.randint(0, 3)}!" for _ in range(5000)]
    began = time.process_time()
    assert len(shadowed(patterns)) > 2500
    assert time.process_time() - began < 10
