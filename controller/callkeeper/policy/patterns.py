"""`PatternSet`: which pattern of a list hits a number, in microseconds for a million patterns and for hostile lists.

Each pattern goes to the one engine that answers it cheapest, by its form:

1. no wildcard: a set of exact numbers;
2. a literal head, then digits (`90XX`, `+39!`): a probe per head length (`matching.heads`);
3. `!`, then a literal tail: a probe per tail length (`matching.suffixes`);
4. anything else: by its literal head, with what follows it run exactly and without going back (`matching.rests`).

The verdict is the smallest pattern over the hits of all engines, so which engine answers is never seen outside. Reading
patterns is in `callkeeper.kinds.pattern`, reading numbers in `numbers`, comparing patterns in `shadowing`.
"""

import re
from collections.abc import Iterable
from typing import Final

from callkeeper.kinds.pattern import MAX_PATTERN_LENGTH, canonical_pattern
from callkeeper.policy.matching.heads import RESTS, Heads, with_tail
from callkeeper.policy.matching.suffixes import Suffixes

MAX_WILDCARD_FIRST: Final = 1000
"""How many patterns that begin with a wildcard one recorder takes. They have no head to be found by, so each costs a
little of every look-up: at 1,000 a number never seen before takes a few microseconds, at 10,000 some tens."""

_KEPT_VERDICTS: Final = 16_384
"""Verdicts kept per set: the numbers of a busy day of a large site, at about 130 bytes each some 2 MB. When they are
that many all are dropped: to find the least recent one would cost more at each look-up than finding it anew."""

_UNKNOWN: Final = "?"
"""No pattern and not None: what the verdict of a number not asked before is taken for."""

_SHORTEST_SURE: Final = 2
"""Any text of this length that hits a pattern has a digit, `*` or `#` in it, beside at most one `+`."""

_SPLIT: Final = re.compile(r"([^X.!]*)(X*)(!?)(.*)")
_WILDCARD: Final = re.compile(r"[X.!]")


class PatternSet:
    """A list of patterns, ready to be asked about numbers; it never changes."""

    __slots__ = ("_count", "_exact", "_heads", "_suffixes", "_verdicts", "_wildcard_first")

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns; repetitions count once.

        Raises:
            PatternError: one of them is no pattern (`callkeeper.kinds.pattern.canonical_pattern`).
        """
        exact: set[str] = set()
        wild: set[str] = set()
        codes: dict[str, int] = {}
        rests: dict[str, list[str]] = {}
        suffixes: list[str] = []
        for text in patterns:
            if text.isascii() and text.removeprefix("+").isdigit() and len(text) <= MAX_PATTERN_LENGTH:
                # Half of a list, as a rule, is plain numbers: they need no closer reading.
                exact.add(text)
                continue
            pattern = canonical_pattern(text)
            if pattern in wild:
                continue
            split = _SPLIT.match(pattern)
            assert split is not None, "every part of the expression may be empty"
            head, digits, gap, rest = split.groups()
            if head == pattern:
                exact.add(pattern)
                continue
            wild.add(pattern)
            if not rest:
                codes[head] = with_tail(codes.get(head, 0), len(digits), bool(gap))
            elif pattern[0] == "!" and not _WILDCARD.search(rest):
                suffixes.append(rest)
            else:
                rests.setdefault(head, []).append(pattern[len(head) :])
                codes[head] = codes.get(head, 0) | RESTS
        self._exact = exact
        self._suffixes = Suffixes(suffixes) if suffixes else None
        self._heads = Heads(codes, rests)
        self._verdicts: dict[str, str | None] = {}
        self._count = len(exact) + len(wild)
        self._wildcard_first = sum(pattern[0] in "X.!" for pattern in wild)

    def __len__(self) -> int:
        return self._count

    @property
    def wildcard_first(self) -> int:
        """How many of the patterns begin with a wildcard (see `MAX_WILDCARD_FIRST`)."""
        return self._wildcard_first

    def match(self, number: str) -> str | None:
        """The smallest pattern, in plain string order, that hits the whole of a normalized number, or None.

        What `normalize_number` would not return hits nothing. The time is linear in the number and, only for patterns
        without a head of their own, in the list; nothing about either makes it worse.
        """
        verdict = self._verdicts.get(number, _UNKNOWN)
        if verdict != _UNKNOWN:
            return verdict
        best = self._heads.smallest(number, number if number in self._exact else None)
        if self._suffixes is not None:
            best = self._suffixes.smallest(number, best)
        if len(number) < _SHORTEST_SURE and not number.strip("+"):
            # A `!` hits the empty text, which is no number.
            best = None
        if len(number) <= MAX_PATTERN_LENGTH:
            # Longer texts are no telephone number, and would make the bound on the count no bound on the memory.
            if len(self._verdicts) >= _KEPT_VERDICTS:
                self._verdicts.clear()
            self._verdicts[number] = best
        return best
