"""Patterns with a literal head: `+3905512XX`, `90!`, `+44XX!`, `90.X!5#`; also those whose head is empty.

A number costs a dictionary probe for each head length that exists among the heads with its first characters, whatever
the list. Under most heads only digits may follow, and one integer tells how many; what else may follow is in
`pattern_rests`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from callkeeper.policy.pattern_automaton import SYMBOLS
from callkeeper.policy.pattern_between import FEW
from callkeeper.policy.pattern_positions import Positions
from callkeeper.policy.pattern_rests import RestTable

RESTS: Final = 1
"""The code of a head that has rests only; in other codes, the bit that says there are rests as well."""

_GAPS: Final = sum(4 << 2 * count for count in range(65))
"""The bits of a code that stand for `!`: one for each count of digits in a pattern, which has at most 64."""


@lru_cache(maxsize=4096)
def with_tail(code: int, count: int, gap: bool) -> int:
    """The code of a head when head + `X` * count (+ `!` with `gap`) joins the list; 0 is the code of a new head.

    Facts: whatever digits may follow one head is one integer. With k digits after the head, bit 2k + 1 says that head +
    `X` * k is in the list, and bit 2k + 2 that a pattern head + `X` * m + `!` with m ≤ k is. Above the least such m all
    bits are ones: there that pattern is the smallest hit in any case, because `!` sorts before `X`. The code is then a
    negative number, so the ones never end and a tail of any length is answered by one shift.

    Cached because lists repeat a few codes, and so that equal codes are one object.
    """
    bit = 2 * count + 1
    if not gap:
        return code | 1 << bit
    if code >> bit & 2:
        return code
    return (code & (1 << bit + 1) - 1) | 2 << bit | -1 << bit + 2


def _smallest_tail(code: int, count: int) -> str:
    """The smallest of the tails that a code has for `count` digits; there is one."""
    answer = code >> 2 * count + 1 & 3
    if answer == 1:
        return "X" * count
    gaps = code & _GAPS
    least = (gaps & -gaps).bit_length() // 2 - 1
    return "X" * count if least == count and answer & 1 else "X" * least + "!"


class Heads:
    """All heads of a list, each with what may follow it."""

    __slots__ = ("_codes", "_lengths", "_rests")

    def __init__(self, codes: dict[str, int], rests: Mapping[str, Sequence[str]]) -> None:
        """Index the heads.

        Args:
            codes: by head, what `with_tail` made, with the bit `RESTS` where there are rests; kept, not copied.
            rests: what else may follow, by head.
        """
        self._codes = codes
        self._lengths = HeadLengths(codes)
        self._rests = {
            head: tuple(sorted(found)) if len(found) <= FEW else RestTable(found) for head, found in rests.items()
        }

    def smallest(self, number: str, best: str | None) -> str | None:
        """The smaller of `best` and the smallest pattern with a head that hits the number; None when there is neither.

        Only what meets a head is looked at closer: most numbers meet none, and this is the path they all take.
        """
        lengths = self._lengths.by_second.get(number[:_SECOND])
        if lengths is None:
            lengths = self._lengths.by_first.get(number[:_FIRST], self._lengths.short)
        code_of = self._codes.get
        size = len(number)
        for length in lengths:
            code = code_of(number[:length])
            if code is not None and length <= size and (code & RESTS or code >> 2 * (size - length) + 1 & 3):
                best = self._smallest_under(code, number, length, best)
        return best

    def _smallest_under(self, code: int, number: str, length: int, best: str | None) -> str | None:
        """The smaller of `best` and the smallest pattern with the head that is the number's first characters."""
        tail = number[length:]
        count = len(tail)
        if code >> 2 * count + 1 & 3 and (not tail or (tail.isdigit() and tail.isascii())):
            pattern = number[:length] + _smallest_tail(code, count)
            if best is None or pattern < best:
                best = pattern
        if code & RESTS:
            rest = self._smallest_rest(number[:length], number, tail)
            if rest is not None and (best is None or number[:length] + rest < best):
                best = number[:length] + rest
        return best

    def _smallest_rest(self, head: str, number: str, tail: str) -> str | None:
        """The smallest rest under a head that hits the whole of the tail."""
        rests = self._rests[head]
        if isinstance(rests, RestTable):
            # Tables and positions know the characters of numbers only.
            return rests.smallest(tail) if not tail.strip(SYMBOLS) else None
        positions = None
        for rest in rests:
            # Most cannot end like the number, or are of another length: no need to look closer.
            if (number.endswith(rest[-1]) or rest[-1] in "X.!") and (len(rest) == len(tail) or "!" in rest):
                if positions is None:
                    if tail.strip(SYMBOLS):
                        return None
                    positions = Positions(tail)
                if positions.hit(rest, 0):
                    return rest
        return None


_FIRST: Final = 5
_SECOND: Final = 8
_CROWDED: Final = 3
"""The first five characters of a number, about country and area code (`+3905`), say which head lengths are worth a
probe; where they leave more than three, as in lists of 100,000, the first eight say it, at an entry per such prefix."""


class HeadLengths:
    """Which lengths of head may begin a number, by the number's first characters.

    Attributes:
        by_second: under crowded prefixes, the lengths by the number's first `_SECOND` characters.
        by_first: else the lengths by the first `_FIRST`.
        short: else these.
    """

    __slots__ = ("by_first", "by_second", "short")

    def __init__(self, heads: Collection[str]) -> None:
        by_first: dict[str, int] = {}
        for head in heads:
            prefix = head[:_FIRST]
            by_first[prefix] = by_first.get(prefix, 0) | 1 << len(head)
        short = {prefix for prefix in by_first if len(prefix) < _FIRST}
        self.short = tuple(sorted(set(map(len, short))))
        for prefix in by_first:
            for length in self.short:
                if prefix[:length] in short:
                    by_first[prefix] |= 1 << length
        crowded = {prefix for prefix, mask in by_first.items() if mask.bit_count() > _CROWDED}
        by_second = _divided(heads, crowded, by_first) if crowded else {}
        self.by_first = {prefix: _lengths(mask) for prefix, mask in by_first.items() if len(prefix) == _FIRST}
        self.by_second = {prefix: _lengths(mask) for prefix, mask in by_second.items()}

    def of(self, number: str) -> tuple[int, ...]:
        """The lengths to probe, ascending; some may exceed the number's own."""
        lengths = self.by_second.get(number[:_SECOND])
        return lengths if lengths is not None else self.by_first.get(number[:_FIRST], self.short)


def _divided(heads: Iterable[str], crowded: AbstractSet[str], by_first: dict[str, int]) -> dict[str, int]:
    """The lengths under crowded prefixes by longer prefix; those of long heads are taken out of `by_first`."""
    middle: set[str] = set()
    by_second: dict[str, int] = {}
    for head in heads:
        if head[:_FIRST] in crowded:
            if len(head) < _SECOND:
                middle.add(head)
            else:
                prefix = head[:_SECOND]
                by_second[prefix] = by_second.get(prefix, 0) | 1 << len(head)
    short_lengths = (1 << _FIRST) - 1
    for prefix, long_lengths in by_second.items():
        mask = long_lengths | (by_first[prefix[:_FIRST]] & short_lengths)
        for length in range(_FIRST, _SECOND):
            if prefix[:length] in middle:
                mask |= 1 << length
        by_second[prefix] = mask
    for prefix in crowded:
        by_first[prefix] &= (1 << _SECOND) - 1
    return by_second


@lru_cache(maxsize=4096)
def _lengths(mask: int) -> tuple[int, ...]:
    """The lengths in a mask, ascending; cached so that prefixes with the same lengths share one tuple."""
    return tuple(length for length in range(mask.bit_length()) if mask >> length & 1)
