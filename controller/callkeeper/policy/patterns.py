"""`PatternSet`: which pattern of a list hits a number, in microseconds for a million patterns and for hostile lists.

Each pattern goes to the one engine that answers it cheapest, by its form:

1. no wildcard: a set of exact numbers;
2. a literal head, then digits (`90XX`, `+39!`): a probe per head length (`pattern_heads`);
3. `!`, then a literal tail: a probe per tail length (`pattern_suffixes`);
4. anything else: by its literal head, with what follows it run exactly and without going back (`pattern_rests`).

The verdict is the smallest pattern over the hits of all engines, so which engine answers is never seen outside. Reading
patterns is in `callkeeper.kinds.pattern`, reading numbers in `numbers`, comparing patterns in `shadowing`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from callkeeper.kinds.pattern import MAX_PATTERN_LENGTH, canonical_pattern
from callkeeper.policy.pattern_heads import DigitTails, HeadLengths
from callkeeper.policy.pattern_rests import FEW, Positions, RestTable
from callkeeper.policy.pattern_suffixes import Suffixes

MAX_WILDCARD_FIRST: Final = 1000
"""How many patterns that begin with a wildcard one recorder takes. They have no head to be found by, so each costs a
little of every look-up: at 1,000 a number never seen before takes a few microseconds, at 10,000 some tens."""

_CACHED_VERDICTS: Final = 16_384
"""Verdicts kept per set: the numbers of a busy day of a large site, at about 200 bytes each some 3 MB."""

_SPLIT: Final = re.compile(r"([^X.!]*)(X*)(!?)(.*)")
_NUMBER: Final = re.compile(r"\+?[0-9*#]+")
_WILDCARD: Final = re.compile(r"[X.!]")


class PatternSet:
    """A list of patterns, ready to be asked about numbers; it never changes."""

    __slots__ = ("_engines", "_verdict")

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns; repetitions count once.

        Raises:
            PatternError: one of them is no pattern (`callkeeper.kinds.pattern.canonical_pattern`).
        """
        # The cache holds the engines, not this object: no cycle keeps a replaced list in memory.
        self._engines = _Engines(patterns)
        self._verdict = lru_cache(maxsize=_CACHED_VERDICTS)(self._engines.smallest)

    def __len__(self) -> int:
        return self._engines.count

    @property
    def wildcard_first(self) -> int:
        """How many of the patterns begin with a wildcard (see `MAX_WILDCARD_FIRST`)."""
        return self._engines.wildcard_first

    def match(self, number: str) -> str | None:
        """The smallest pattern, in plain string order, that hits the whole of a normalized number, or None.

        What `normalize_number` would not return hits nothing. The time is linear in the number and, only for patterns
        without a head of their own, in the list; nothing about either makes it worse.
        """
        if len(number) > MAX_PATTERN_LENGTH:
            # Only a `!` can hit it, and such texts must not fill the cache.
            return self._engines.smallest(number)
        return self._verdict(number)


class _Engines:
    """The patterns, each in the engine for its form."""

    __slots__ = ("_exact", "_rest_lengths", "_rests", "_suffixes", "_tails", "count", "wildcard_first")

    def __init__(self, patterns: Iterable[str]) -> None:
        exact: set[str] = set()
        tails: set[tuple[str, int, bool]] = set()
        suffixes: set[str] = set()
        rests: dict[str, set[str]] = {}
        wildcard_first: set[str] = set()
        for text in patterns:
            pattern = canonical_pattern(text)
            split = _SPLIT.match(pattern)
            assert split is not None, "every part of the expression may be empty"
            head, digits, gap, rest = split.groups()
            if not head:
                wildcard_first.add(pattern)
            if rest:
                if not head and not digits and gap and not _WILDCARD.search(rest):
                    suffixes.add(rest)
                else:
                    rests.setdefault(head, set()).add(pattern[len(head) :])
            elif digits or gap:
                tails.add((head, len(digits), bool(gap)))
            else:
                exact.add(pattern)
        self._exact = exact
        self._tails = DigitTails(tails)
        self._suffixes = Suffixes(suffixes)
        self._rests = {
            head: tuple(sorted(found)) if len(found) <= FEW else RestTable(found) for head, found in rests.items()
        }
        self._rest_lengths = HeadLengths(rests)
        self.wildcard_first = len(wildcard_first)
        self.count = len(exact) + len(tails) + len(suffixes) + sum(map(len, rests.values()))

    def smallest(self, number: str) -> str | None:
        """The smallest pattern that hits, or None."""
        # `literal`: characters no `X` or `!` of a head may cover; `digits`: how many digits the number begins with.
        size = len(number)
        if number.isdigit() and number.isascii():
            literal, digits = 0, size
        elif number[:1] == "+" and number[1:].isdigit() and number.isascii():
            literal, digits = 1, 0
        elif _NUMBER.fullmatch(number):
            literal = len(number.rstrip("0123456789"))
            digits = size - len(number.lstrip("0123456789"))
        else:
            return None
        hits = self._tails.hits(number, literal)
        if number in self._exact:
            hits.append(number)
        if self._suffixes and number[0] != "+":
            hits += self._suffixes.hits(number, digits)
        if self._rests:
            self._add_rests(number, hits)
        return min(hits) if hits else None

    def _add_rests(self, number: str, hits: list[str]) -> None:
        """Add the smallest hit of each head that has more than digits after it."""
        positions = None
        signed = number[0] == "+"
        for length in self._rest_lengths.of(number):
            if length > len(number) or (signed and not length):
                continue
            head = number[:length]
            rests = self._rests.get(head)
            if rests is None:
                continue
            if isinstance(rests, RestTable):
                rest = rests.smallest(number[length:])
                if rest is not None:
                    hits.append(head + rest)
                continue
            for rest in rests:
                last = rest[-1]
                if last != number[-1] and last not in "X.!":
                    continue
                if positions is None:
                    positions = Positions(number)
                if positions.hit(rest, length):
                    hits.append(head + rest)
                    break
