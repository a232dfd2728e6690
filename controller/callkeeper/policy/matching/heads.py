"""Patterns with a literal head: `+3905512XX`, `90!`, `+44XX!`, `90.X!5#`; also those whose head is empty.

A number costs a dictionary probe for each head length that exists among the heads with its first characters, whatever
the list. Under most heads only digits may follow, and one integer tells how many; what else may follow is in
`matching.rests`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from callkeeper.policy.matching.automaton import SYMBOLS
from callkeeper.policy.matching.between import FEW
from callkeeper.policy.matching.positions import Positions
from callkeeper.policy.matching.rests import RestTable

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

    __slots__ = ("_codes", "_lengths", "_rests", "_short")

    def __init__(self, codes: dict[str, int], rests: Mapping[str, Sequence[str]]) -> None:
        """Index the heads.

        Args:
            codes: by head, what `with_tail` made, with the bit `RESTS` where there are rests; kept, not copied.
            rests: what else may follow, by head.
        """
        self._codes = codes
        self._lengths, self._short = head_lengths(codes)
        self._rests = {
            head: tuple(sorted(found)) if len(found) <= FEW else RestTable(found) for head, found in rests.items()
        }

    def smallest(self, number: str, best: str | None) -> str | None:
        """The smaller of `best` and the smallest pattern with a head that hits the number; None when there is neither.

        Only what meets a head is looked at closer: most numbers meet none, and this is the path they all take.
        """
        lengths = self._lengths.get(number[:INDEXED], self._short)
        code_of = self._codes.get
        size = len(number)
        for length in lengths:
            head = number[:length]
            code = code_of(head)
            if code is not None and length <= size and (code & RESTS or code >> 2 * (size - length) + 1 & 3):
                best = self._smallest_under(head, code, number[length:], best)
        return best

    def _smallest_under(self, head: str, code: int, tail: str, best: str | None) -> str | None:
        """The smaller of `best` and the smallest pattern with this head that hits the number, head and tail."""
        count = len(tail)
        if code >> 2 * count + 1 & 3 and (not tail or (tail.isdigit() and tail.isascii())):
            pattern = head + _smallest_tail(code, count)
            if best is None or pattern < best:
                best = pattern
        if code & RESTS:
            rest = self._smallest_rest(head, tail)
            if rest is not None and (best is None or head + rest < best):
                best = head + rest
        return best

    def _smallest_rest(self, head: str, tail: str) -> str | None:
        """The smallest rest under a head that hits the whole of the tail."""
        rests = self._rests[head]
        if isinstance(rests, RestTable):
            # Tables and positions know the characters of numbers only.
            return rests.smallest(tail) if not tail.strip(SYMBOLS) else None
        positions = None
        for rest in rests:
            # Most are of another length, or end otherwise: no need to look closer.
            if (len(rest) == len(tail) or "!" in rest) and _may_end(rest, tail):
                if positions is None:
                    if tail.strip(SYMBOLS):
                        return None
                    positions = Positions(tail)
                if positions.hit(rest, 0):
                    return rest
        return None


def _may_end(rest: str, tail: str) -> bool:
    """Whether the literal characters after the last `!` of a rest are those the tail ends in."""
    for element, character in zip(reversed(rest), reversed(tail), strict=False):
        if element != character and element not in "X.":
            return element == "!"
    return True


INDEXED: Final = 6
"""How many first characters, about country and area code (`+39055`), say which head lengths are worth a probe. Fewer
leave more lengths, more make an index as large as what it indexes; between five and seven it hardly matters."""


def head_lengths(heads: Iterable[str]) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """The lengths of head that may begin a number, ascending: by its first `INDEXED` characters, and for all others.

    Some may exceed the number's own length.
    """
    masks: dict[str, int] = {}
    for head in heads:
        prefix = head[:INDEXED]
        masks[prefix] = masks.get(prefix, 0) | 1 << len(head)
    short = {prefix for prefix in masks if len(prefix) < INDEXED}
    short_lengths = tuple(sorted(set(map(len, short))))
    for prefix in masks:
        for length in short_lengths:
            if prefix[:length] in short:
                masks[prefix] |= 1 << length
    return {prefix: _lengths(mask) for prefix, mask in masks.items() if len(prefix) == INDEXED}, short_lengths


@lru_cache(maxsize=4096)
def _lengths(mask: int) -> tuple[int, ...]:
    """The lengths in a mask, ascending; cached so that prefixes with the same lengths share one tuple."""
    return tuple(length for length in range(mask.bit_length()) if mask >> length & 1)
