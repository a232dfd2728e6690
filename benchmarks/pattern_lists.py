"""Lists of patterns and numbers to measure matching with: like real ones, and hostile ones. The seed is fixed.

A real list is half exact numbers, a fifth numbers with trailing `X`, a fifth a head and `!`, a tenth anything else, of
which at most 500 begin with a wildcard (a recorder takes 1,000). A hostile list holds one form only, chosen to make
engines that go back, or that build states as they go, slow or large.
"""

import random
from collections.abc import Callable
from typing import Final

SEED: Final = 20_261_123
_COUNTRIES: Final = ("+39", "+44", "+49", "+33", "+1", "+41", "+351", "0039", "00", "0", "8")
_WILDCARD_FIRST: Final = 500


def _digits(source: random.Random, count: int) -> str:
    return f"{source.randrange(10**count):0{count}}"


def _number(source: random.Random) -> str:
    return source.choice(_COUNTRIES) + _digits(source, source.randint(6, 10))


def real_patterns(count: int) -> list[str]:
    """`count` different patterns in the proportions of real lists, in the order a compiled config holds them."""
    source = random.Random(SEED)
    patterns: set[str] = set()
    for share, make in ((0.5, _number), (0.7, _trailing), (0.9, _head)):
        while len(patterns) < count * share:
            patterns.add(make(source))
    first = 0
    while len(patterns) < count:
        pattern = _other(source)
        if pattern[0] in "X.!":
            first += 1
            if first > _WILDCARD_FIRST:
                continue
        patterns.add(pattern)
    return sorted(patterns)


def _trailing(source: random.Random) -> str:
    number = _number(source)
    free = source.randint(1, 4)
    return number[:-free] + "X" * free


def _head(source: random.Random) -> str:
    return source.choice(_COUNTRIES) + _digits(source, source.randint(3, 8)) + "!"


def _other(source: random.Random) -> str:
    head = source.choice(_COUNTRIES) + _digits(source, source.randint(3, 6))
    form = source.randrange(6)
    return (
        head + ".." + "." * source.randrange(3),
        head + "X" + _digits(source, 2) + "XX",
        head + "!" + _digits(source, 3),
        head + "X!" + _digits(source, 1) + "X",
        "*" + _digits(source, 3) + "*!" + "#",
        "!" + _digits(source, 6),
    )[form]


def hostile_patterns(name: str, count: int) -> list[str]:
    """`count` different patterns of one hostile form (`HOSTILE`)."""
    source = random.Random(SEED)
    make = HOSTILE[name]
    patterns: set[str] = set()
    while len(patterns) < count:
        patterns.add(make(source))
    return sorted(patterns)


def _of_digits(form: str) -> Callable[[random.Random], str]:
    """Patterns of a form in which each `d` is a digit drawn anew."""
    return lambda source: "".join(source.choice("0123456789") if character == "d" else character for character in form)


MONOTONOUS: Final = "one digit over and over"

HOSTILE: Final[dict[str, Callable[[random.Random], str]]] = {
    "a wildcard at both ends": _of_digits("!ddddd!"),
    "several gaps": _of_digits("!d!d!d!d"),
    "gaps and classes": _of_digits("X!ddX!d.!dd"),
    "one head, many gaps": _of_digits("1!ddd!d..!d"),
    MONOTONOUS: lambda source: "1!1!1!1!" + "".join(source.choices("3456", k=6)),
    "states that multiply": lambda source: (
        "!" + source.choice("0123456789") + "".join(source.choice("XX.0123456789") for _ in range(12))
    ),
}


def numbers_for(patterns: list[str], count: int) -> list[str]:
    """`count` different numbers: half made from patterns of the list, half of the same countries at random."""
    source = random.Random(SEED + 1)
    numbers: dict[str, None] = {}
    while len(numbers) < count:
        numbers[_number(source) if len(numbers) % 2 else _hit(source, source.choice(patterns))] = None
    return list(numbers)


def hostile_numbers(name: str, patterns: list[str], count: int) -> list[str]:
    """`count` different numbers that are the worst for a hostile list."""
    if name != MONOTONOUS:
        return numbers_for(patterns, count)
    source = random.Random(SEED + 1)
    numbers: dict[str, None] = {}
    while len(numbers) < count:
        numbers["1" * source.randint(16, 26) + "".join(source.choices("3456", k=6))] = None
    return list(numbers)


def _hit(source: random.Random, pattern: str) -> str:
    """A number that the pattern hits."""
    made = []
    for element in pattern:
        if element == "!":
            made.append(_digits(source, source.randint(2, 6)))
        else:
            made.append(_digits(source, 1) if element in "X." else element)
    return "".join(made)
