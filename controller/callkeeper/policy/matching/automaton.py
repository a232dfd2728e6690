"""One bit-parallel automaton (Shift-And) for any number of rests at once: a step per character, whatever the list.

States are bits of one integer: a rest with k characters other than `!` owns k + 1 neighbouring bits, bit i meaning "the
first i are read". Reading a character shifts all states at once and keeps those whose character fits; a `!` is a state
that stays where it is while digits are read. There is nothing to go back to, so no list and no number makes it slow.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

DIGITS: Final = "0123456789"
SYMBOLS: Final = DIGITS + "*#"


class ShiftAnd:
    """The automaton of a sequence of rests."""

    __slots__ = ("_accepting", "_fitting", "_loops", "_owner", "_start")

    def __init__(self, rests: Sequence[str]) -> None:
        fitting: dict[str, list[int]] = {}
        loops: list[int] = []
        start: list[int] = []
        accepting: list[int] = []
        self._owner: dict[int, int] = {}
        bit = 0
        for index, rest in enumerate(rests):
            start.append(bit)
            for element in rest:
                if element == "!":
                    loops.append(bit)
                else:
                    bit += 1
                    fitting.setdefault(element, []).append(bit)
            accepting.append(bit)
            self._owner[bit] = index
            bit += 1
        self._fitting = fitting_rows({element: bits_of(bits, bit) for element, bits in fitting.items()}, 0)
        self._loops = bits_of(loops, bit)
        self._start = bits_of(start, bit)
        self._accepting = bits_of(accepting, bit)

    def hits(self, text: str) -> Iterator[int]:
        """Indexes of the rests that hit the whole of `text` (0-9, `*`, `#`), ascending."""
        state, fitting, loops = self._start, self._fitting, self._loops
        if text.isdigit():
            # Doubling is the shift by one, and of large integers the faster way to it.
            for character in text:
                state = (state + state & fitting[character]) | (state & loops)
        else:
            for character in text:
                staying = state & loops if character in DIGITS else 0
                state = (state + state & fitting[character]) | staying
        for bit in set_bits(state & self._accepting):
            yield self._owner[bit]


def fitting_rows(rows: dict[str, int], always: int) -> dict[str, int]:
    """From bits by pattern character, the bits that fit each character of a number; `always` fits them all."""
    any_symbol = rows.get(".", 0) | always
    any_digit = rows.get("X", 0) | any_symbol
    return {
        symbol: (any_digit if symbol in DIGITS else any_symbol) | rows[symbol]
        if symbol in rows
        # The same object for all that no pattern names: rows of large lists are large.
        else (any_digit if symbol in DIGITS else any_symbol)
        for symbol in SYMBOLS
    }


def bits_of(indexes: Iterable[int], size: int) -> int:
    """An integer of up to `size` bits with these bits set, in time linear in both."""
    row = bytearray((size >> 3) + 1)
    for index in indexes:
        row[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(row, "little")


def set_bits(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
