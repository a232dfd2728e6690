"""Patterns with a literal head: `+3905512XX`, `90!`, `+44XX!`, `90.X!5#`; also those whose head is empty.

A number costs a dictionary probe for each head length that exists among the heads with its first characters, whatever
the list. Under most heads only digits may follow, and one integer tells how many; what else may follow is in
`pattern_rests`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

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

    def hits(self, number: str, literal: int) -> list[str]:
        """The smallest hits under each head; empty when none hits.

        Args:
            number: normalized.
            literal: how many first characters no wildcard for digits may cover (up to the last that is no digit).
        """
        found: list[str] = []
        size = len(number)
        code_of = self._codes.get
        for length in self._lengths.of(number):
            head = number[:length]
            code = code_of(head)
            if code is not None and length <= size:
                if length >= literal and code >> 2 * (size - length) + 1 & 3:
                    found.append(head + _smallest_tail(code, size - length))
                if code & RESTS:
                    rest = self._smallest_rest(head, number)
                    if rest is not None:
                        found.append(head + rest)
        return found

    def _smallest_rest(self, head: str, number: str) -> str | None:
        """The smallest rest under a head that hits the whole of what the number has after it."""
        if not head and number[0] == "+":
            # Only a literal `+` hits a `+`.
            return None
        rests = self._rests[head]
        if isinstance(rests, RestTable):
            return rests.smallest(number[len(head) :])
        length = len(number) - len(head)
        last = number[-1]
        positions = None
        for rest in rests:
            # Most cannot end like the number, or are of another length: no need to look closer.
            if (rest[-1] == last or rest[-1] in "X.!") and (len(rest) == length or "!" in rest):
                if positions is None:
                    positions = Positions(number)
                if positions.hit(rest, len(head)):
                    return rest
        return None


class HeadLengths:
    """Which lengths of head may begin a number, by the number's first characters.

    The first five, about country and area code (`+3905`), say which lengths are worth a probe; where they leave more
    than three, as in lists of 100,000, the first eight say it, at the cost of an entry for each such prefix.
    """

    __slots__ = ("_by_first", "_by_second", "_short")

    _FIRST: Final = 5
    _SECOND: Final = 8
    _MANY: Final = 3

    def __init__(self, heads: Iterable[str]) -> None:
        by_first: dict[str, int] = {}
        for head in heads:
            prefix = head[: self._FIRST]
            by_first[prefix] = by_first.get(prefix, 0) | 1 << len(head)
        short = {prefix for prefix in by_first if len(prefix) < self._FIRST}
        self._short = tuple(sorted(set(map(len, short))))
        for prefix in by_first:
            for length in self._short:
                if prefix[:length] in short:
                    by_first[prefix] |= 1 << length
        by_second: dict[str, int] = {}
        crowded = {prefix for prefix, mask in by_first.items() if mask.bit_count() > self._MANY}
        if crowded:
            self._divide(heads, crowded, by_first, by_second)
        self._by_first = {prefix: _lengths(mask) for prefix, mask in by_first.items() if len(prefix) == self._FIRST}
        self._by_second = {prefix: _lengths(mask) for prefix, mask in by_second.items()}

    def _divide(
        self, heads: Iterable[str], crowded: set[str], by_first: dict[str, int], by_second: dict[str, int]
    ) -> None:
        """Move the lengths of long heads under crowded prefixes to `by_second`."""
        middle: set[str] = set()
        for head in heads:
            first = head[: self._FIRST]
            if first in crowded:
                if len(head) < self._SECOND:
                    middle.add(head)
                else:
                    prefix = head[: self._SECOND]
                    by_second[prefix] = by_second.get(prefix, 0) | 1 << len(head)
        below = (1 << self._SECOND) - 1
        for first in crowded:
            by_first[first] &= below
        always = (1 << self._FIRST) - 1
        between = range(self._FIRST, self._SECOND)
        for prefix in by_second:
            mask = by_first[prefix[: self._FIRST]] & always
            for length in between:
                if prefix[:length] in middle:
                    mask |= 1 << length
            by_second[prefix] |= mask

    def of(self, number: str) -> tuple[int, ...]:
        """The lengths to probe, ascending; some may exceed the number's own."""
        lengths = self._by_second.get(number[: self._SECOND])
        return lengths if lengths is not None else self._by_first.get(number[: self._FIRST], self._short)


@lru_cache(maxsize=4096)
def _lengths(mask: int) -> tuple[int, ...]:
    """The lengths in a mask, ascending; cached so that prefixes with the same lengths share one tuple."""
    return tuple(length for length in range(mask.bit_length()) if mask >> length & 1)
