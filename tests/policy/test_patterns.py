import gc
import itertools
import random
import re
import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callkeeper.kinds.pattern import MAX_GAPS, PatternError
from callkeeper.policy import patterns as pattern_sets
from callkeeper.policy.patterns import MAX_WILDCARD_FIRST, PatternSet

_AS_REGEX = {"X": "[0-9]", ".": "[0-9*#]", "!": "[0-9]*"}


def _oracle(patterns: Iterable[str]) -> Callable[[str], str | None]:
    """The smallest pattern that hits, by one regular expression per pattern: slow, simple, and not ours."""
    compiled = [
        (pattern, re.compile("".join(_AS_REGEX.get(element, re.escape(element)) for element in pattern)))
        for pattern in sorted({pattern.replace("x", "X") for pattern in patterns})
    ]

    def smallest(number: str) -> str | None:
        return next((pattern for pattern, regex in compiled if regex.fullmatch(number)), None)

    return smallest


def _patterns(elements: str, max_size: int = 8) -> st.SearchStrategy[str]:
    body = st.text(alphabet=elements, min_size=1, max_size=max_size)
    return st.tuples(st.sampled_from(["", "", "+", "1", "+12"]), body).map("".join).filter(_legal)


def _legal(pattern: str) -> bool:
    return pattern.count("!") <= MAX_GAPS and len(pattern) <= 64


# Few different characters, so that patterns meet each other and the numbers; the last has room for literal runs.
_LISTS = st.sampled_from(["12X!", "1X!", "1.X*!", "12*#X.!x", "11112222!", "0123456789*#X.!"]).flatmap(
    lambda elements: st.lists(_patterns(elements), max_size=60)
)
_NUMBERS = st.tuples(
    st.sampled_from(["", "", "+"]),
    st.sampled_from(["1", "12", "12*", "123*#", "0123456789"]).flatmap(
        lambda alphabet: st.text(alphabet=alphabet, min_size=1, max_size=14)
    ),
).map("".join)


@pytest.mark.parametrize(
    ("pattern", "hits", "misses"),
    [
        ("+39!", ["+390212345"], ["390212345", "00390212345"]),
        ("90XX", ["9012"], ["90123", "901*", "901"]),
        ("90..", ["9012", "90*#", "901*"], ["901", "90123"]),
        ("9!", ["9", "912", "900000"], ["89", "9*1"]),
        ("*!", ["*72"], ["72", "*7#"]),
        ("!", ["1", "0039"], ["+39", "*1", "1#", ""]),
        ("+!", ["+1", "+39"], ["1", "+", "+*1"]),
        ("X", ["7"], ["77", "*", "+", "+7"]),
        (".", ["7", "*", "#"], ["+", "77"]),
        ("!5", ["5", "1235"], ["+5", "*5", "51"]),
        ("!*9", ["*9", "12*9"], ["1*29", "**9"]),
        ("90.X!5#", ["90115#", "90*1995#", "90#15#"], ["905#", "901*5#", "90115"]),
        ("1!*!2", ["1*2", "11*12"], ["12", "1**2"]),
        ("9!XX", ["912", "9123"], ["91", "91*2"]),
    ],
)
def test_a_pattern_hits_whole_numbers_only(pattern: str, hits: list[str], misses: list[str]):
    patterns = PatternSet([pattern])
    assert {number: patterns.match(number) for number in hits} == dict.fromkeys(hits, pattern)
    assert {number: patterns.match(number) for number in misses} == dict.fromkeys(misses, None)


@pytest.mark.parametrize(
    "text",
    ["", "+", "++1", "1+", "1 2", "٣", "+٣", "１", "1a", "tel:1", "1\n", "²", "\ud800"],  # noqa: RUF001  meant
)
def test_what_is_no_normalized_number_hits_nothing(text: str):
    patterns = PatternSet(["!", "+!", ".", "X!", "1!", "!1", "+1", "1X!2", ".!.", "+.!2!3!"])
    assert patterns.match(text) is None


def test_an_empty_set_hits_nothing():
    assert PatternSet([]).match("1") is None
    assert len(PatternSet([])) == 0


def test_repetitions_and_both_spellings_of_x_count_once():
    patterns = PatternSet(["9x", "9X", "9", "9", "9!", "9X!", "!9", "!9", "9X1", "9x1", "*1", "*1"])
    assert len(patterns) == 7
    assert PatternSet(iter(["9x"])).match("91") == "9X"


def test_what_begins_with_a_wildcard_is_counted():
    assert PatternSet(["!1", "!1", "X", ".1", "!", "9!", "+!", "1"]).wildcard_first == 4
    assert MAX_WILDCARD_FIRST == 1000


def test_a_text_that_is_no_pattern_is_refused():
    with pytest.raises(PatternError, match="'Y' at position 2"):
        PatternSet(["1", "1Y"])
    for text in ("1" * 65, "", "+", "٣"):
        with pytest.raises(PatternError):
            PatternSet([text])


@pytest.mark.parametrize(
    ("patterns", "number", "smallest"),
    [
        (["9X", "9!"], "91", "9!"),
        (["9X", "9X!"], "91", "9X"),
        (["9X", "9XX!"], "91", "9X"),
        (["9X", "9XX!"], "9123", "9XX!"),
        (["9XX!", "9X!", "9XXX"], "9123", "9X!"),
        (["9", "9!"], "9", "9"),
        (["9X", "91"], "91", "91"),
        (["!1", "91", "9!"], "91", "!1"),
        (["9!1", "9!"], "91", "9!"),
        (["9!1", "9X!"], "911", "9!1"),
        (["9.1", "9!1", "9X1"], "911", "9!1"),
        (["+39!", "+390!", "+3902X"], "+39021", "+39!"),
        (["1!1!1!", "1!1!"], "111", "1!1!"),
    ],
)
def test_of_several_hits_the_smallest_pattern_is_reported(patterns: list[str], number: str, smallest: str):
    for order in itertools.permutations(patterns):
        assert PatternSet(order).match(number) == smallest


@settings(max_examples=400)
@given(_LISTS, st.lists(_NUMBERS, min_size=1, max_size=30))
def test_the_verdict_is_that_of_one_regular_expression_per_pattern(patterns: list[str], numbers: list[str]):
    ours, oracle = PatternSet(patterns), _oracle(patterns)
    assert len(ours) == len({pattern.replace("x", "X") for pattern in patterns})
    assert {number: ours.match(number) for number in numbers} == {number: oracle(number) for number in numbers}


@settings(max_examples=60)
@given(st.lists(_patterns("0123456789X.!*#", 12), min_size=1, max_size=8), st.data())
def test_a_number_made_from_a_pattern_is_hit(patterns: list[str], data: st.DataObject):
    regexes = ["".join(_AS_REGEX.get(element, re.escape(element)) for element in pattern) for pattern in patterns]
    number = data.draw(st.sampled_from(regexes).flatmap(lambda regex: st.from_regex(regex, fullmatch=True)))
    if number.strip("+"):
        assert PatternSet(patterns).match(number) == _oracle(patterns)(number) is not None


@given(_LISTS, _NUMBERS)
def test_order_and_repetition_change_no_verdict(patterns: list[str], number: str):
    assert PatternSet(patterns).match(number) == PatternSet([*reversed(patterns), *patterns]).match(number)


@pytest.mark.parametrize("seed", range(12))
def test_large_lists_of_one_form_are_decided_like_the_oracle_does(seed: int):
    """Enough patterns of one form that every engine works on many at once."""
    source = random.Random(seed)
    forms = [
        "!1212!dd!",
        "!dddd!",
        "!d!d!d",
        "X!dd!d.",
        "1!d.!d",
        "!dd",
        "12.d!dd!",
        "+39d!dddd!d",
        "!*d!d",
        "dddX",
        "+39dXX!",
    ]
    alphabet = source.choice(["12", "123", "0123456789"])
    patterns = {
        "".join(source.choice(alphabet) if element == "d" else element for element in source.choice(forms[: seed + 1]))
        for _ in range(400)
    }
    ours, oracle = PatternSet(patterns), _oracle(patterns)
    for _ in range(150):
        symbols = source.choice([alphabet, alphabet, alphabet + "*"])
        begin = source.choice(["", "12", "+39", "*"])
        number = begin + "".join(source.choice(symbols) for _ in range(source.randint(1, 12)))
        assert ours.match(number) == oracle(number), number


def test_many_rests_under_one_head_are_decided_like_a_few():
    others = [f"9X!0{digit}" for digit in range(10)]
    # Between two gaps and smaller than what its two ends alone decide; and the other way round.
    assert PatternSet([*others, "9!1!2", "9X!2"]).match("9112") == "9!1!2"
    assert PatternSet([*others, "9!1!2", "9!2"]).match("9112") == "9!1!2"
    assert PatternSet([*others, "9X1!2", "9!!2", "9!2!2"]).match("9112") == "9!!2"
    # A gap covers neither `*` nor `#`, wherever they stand; a literal and a `.` do.
    for symbol in "*#":
        patterns = PatternSet([*others, "9X!5", f"9X!7{symbol}5", "9X.!6"])
        assert patterns.match(f"912{symbol}5") is None
        assert patterns.match(f"912{symbol}75") is None
        assert patterns.match(f"9127{symbol}5") == f"9X!7{symbol}5"
        assert patterns.match(f"91{symbol}26") == "9X.!6"
        assert patterns.match(f"912{symbol}6") is None


def test_a_number_longer_than_any_pattern_is_decided_too():
    patterns = PatternSet(["+39!", "XX!1", "!55512!9", "!7!77!8!"])
    assert patterns.match("+39" + "1" * 500) == "+39!"
    assert patterns.match("2" * 499 + "1") == "XX!1"
    assert patterns.match("2" * 200 + "55512" + "3" * 200 + "9") == "!55512!9"
    assert patterns.match("2" * 499 + "3") is None


def test_the_same_number_asked_again_gives_the_same_answer():
    patterns = PatternSet(["9!"])
    assert [patterns.match("91"), patterns.match("91"), patterns.match("81"), patterns.match("81")] == [
        "9!",
        "9!",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("patterns", "number"),
    [
        (["1!1!1!1!2"] + [f"1!1!1!{tail}2" for tail in range(999)], "1" * 64),
        ([f"!{digits:03}!1!1!" for digits in range(1000)], "1" * 60 + "*222"),
        ([f"{'1' * length}!1!1!.{digit}" for length in range(1, 50) for digit in range(10)], "1" * 64),
        ([f"X!{digits:04}!X" for digits in range(1000)], "0123456789" * 6),
    ],
)
def test_hostile_lists_and_numbers_are_decided_without_going_back(patterns: list[str], number: str):
    matcher = PatternSet(patterns)
    began = time.process_time()
    for last in range(20):
        matcher.match(number[:-2] + f"{last:02}")
    # What goes back takes seconds for one of these; this takes well under a millisecond.
    assert (time.process_time() - began) / 20 < 0.05


def test_a_replaced_set_is_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        patterns = PatternSet(["9!", "!1!2!", "9X1"] * 9)
        patterns.match("91")
        del patterns
        # Nothing is left for the collector: no cycle holds a list of a million while it waits for one.
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_no_more_verdicts_are_kept_than_the_bound_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pattern_sets, "_KEPT_VERDICTS", 10)
    patterns = PatternSet(["9!"])
    for number in range(100):
        assert patterns.match(f"9{number}") == "9!"
        assert patterns.match(f"8{number}") is None
    assert patterns.match("9" * 65) == "9!"
    assert len(patterns._verdicts) <= 10
    assert all(len(number) <= 64 for number in patterns._verdicts)
