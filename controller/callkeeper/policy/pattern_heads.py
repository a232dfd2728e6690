"""Patterns that are a literal head followed by digits: `+3905512XX`, `90!`, `+44XX!`.

Most lists are made of them, so they cost a dictionary probe for each head length that exists among the heads with the
number's first characters, and nothing for all others. What else may follow a head is in `pattern_rests`.
"""

from collections.abc import Iterable
from typing import Final

_INDEXED: Final = 5
"""How many first characters decide which head lengths are worth a probe. Country code and area code are about five
(`+3905`): fewer leave too many lengths to probe, more make the index itself large (one entry per such prefix)."""

_GAPS: Final = int("10" * 65, 2)
"""The odd bits of a tail code: 64 characters of a pattern, and the one beyond."""


class HeadLengths:
    """Which lengths of head may begin a number, by the number's first characters."""

    __slots__ = ("_by_prefix", "_short")

    def __init__(self, heads: Iterable[str]) -> None:
        by_prefix: dict[str, set[int]] = {}
        short: set[str] = set()
        for head in heads:
            if len(head) < _INDEXED:
                short.add(head)
            else:
                prefix = head[:_INDEXED]
                if prefix in by_prefix:
                    by_prefix[prefix].add(len(head))
                else:
                    by_prefix[prefix] = {len(head)}
        for prefix, lengths in by_prefix.items():
            lengths.update(length for length in range(_INDEXED) if prefix[:length] in short)
        # A few distinct tuples serve all prefixes.
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._by_prefix: dict[str, tuple[int, ...]] = {}
        for prefix, lengths in by_prefix.items():
            ordered = tuple(sorted(lengths))
            self._by_prefix[prefix] = shared.setdefault(ordered, ordered)
        self._short = tuple(sorted({len(head) for head in short}))

    def of(self, number: str) -> tuple[int, ...]:
        """The lengths to probe, ascending; some may exceed the number's own."""
        return self._by_prefix.get(number[:_INDEXED], self._short)


class DigitTails:
    """Heads with the counts of digits that may follow them.

    Facts: all that may follow one head is one integer, its tail code. With k digits after the head, bit 2k says that
    head + `X` * k is in the list, and bit 2k + 1 that a pattern head + `X` * m + `!` with m ≤ k is. Above the least
    such m all bits are ones: there that pattern is the smallest hit in any case, because `!` sorts before `X`. The
    code is then a negative number, so the ones never end and a tail of any length is answered by one shift.
    """

    __slots__ = ("_codes", "_lengths")

    def __init__(self, tails: Iterable[tuple[str, int, bool]]) -> None:
        """Take (head, how many `X`, whether a `!` ends the pattern) for each pattern."""
        codes: dict[str, int] = {}
        shared: dict[int, int] = {}
        for head, count, gap in tails:
            code = codes.get(head, 0)
            bit = 2 * count
            if not gap:
                code |= 1 << bit
            elif not code >> bit & 2:
                code = (code & ((1 << bit + 1) - 1)) | (2 << bit) | (-1 << bit + 2)
            codes[head] = shared.setdefault(code, code)
        self._codes = codes
        self._lengths = HeadLengths(codes)

    def hits(self, number: str, literal: int) -> list[str]:
        """The smallest hit under each head; empty when none hits.

        Args:
            number: normalized.
            literal: how many first characters no wildcard for digits may cover (up to the last that is no digit).
        """
        found: list[str] = []
        code_of = self._codes.get
        for length in self._lengths.of(number):
            code = code_of(number[:length])
            if code and literal <= length <= len(number):
                count = len(number) - length
                answer = code >> 2 * count & 3
                if answer:
                    found.append(number[:length] + _smallest_tail(code, count, answer))
        return found


def _smallest_tail(code: int, count: int, answer: int) -> str:
    """The smallest tail of those a code answers for `count` digits."""
    if answer == 1:
        return "X" * count
    gaps = code & _GAPS
    least = ((gaps & -gaps).bit_length() - 2) // 2
    return "X" * count if least == count and answer == 3 else "X" * least + "!"  # noqa: PLR2004  both bits are set
