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
from callkeeper.policy.pattern_automaton import DIGITS
from callkeeper.policy.pattern_heads import RESTS, Heads, with_tail
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

    __slots__ = ("_exact", "_heads", "_suffixes", "count", "wildcard_first")

    def __init__(self, patterns: Iterable[str]) -> None:
        unique = set(map(canonical_pattern, patterns))
        exact: set[str] = set()
        codes: dict[str, int] = {}
        rests: dict[str, list[str]] = {}
        suffixes: list[str] = []
        self.wildcard_first = 0
        for pattern in unique:
            if pattern.removeprefix("+").isdigit():
                # Half of a list, as a rule; the other exact ones hold a `*` or `#`.
                exact.add(pattern)
                continue
            split = _SPLIT.match(pattern)
            assert split is not None, "every part of the expression may be empty"
            head, digits, gap, rest = split.groups()
            self.wildcard_first += not head
            if rest:
                if pattern[0] == "!" and not _WILDCARD.search(rest):
                    suffixes.append(rest)
                else:
                    rests.setdefault(head, []).append(pattern[len(head) :])
                    codes[head] = codes.get(head, 0) | RESTS
            elif digits or gap:
                codes[head] = with_tail(codes.get(head, 0), len(digits), bool(gap))
            else:
                exact.add(pattern)
        self.count = len(unique)
        self._exact = exact
        self._suffixes = Suffixes(suffixes)
        self._heads = Heads(codes, rests)

    def smallest(self, number: str) -> str | None:
        """The smallest pattern that hits, or None."""
        if number.isascii() and number.isdigit():
            literal, digits = 0, len(number)
        elif number.isascii() and number[:1] == "+" and number[1:].isdigit():
            literal, digits = 1, 0
        elif _NUMBER.fullmatch(number):
            literal = len(number.rstrip(DIGITS))
            digits = len(number) - len(number.lstrip(DIGITS))
        else:
            return None
        hits = self._heads.hits(number, literal)
        if number in self._exact:
            hits.append(number)
        if self._suffixes and number[0] != "+":
            hits += self._suffixes.hits(number, digits)
        if not hits:
            return None
        return min(hits) if len(hits) > 1 else hits[0]
