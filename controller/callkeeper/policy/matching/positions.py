"""One pattern against one number, bit-parallel over the positions of the number: exact, and never going back.

The right way for a pattern or a few; for many at once see `matching.automaton`.
"""

from typing import Final

_NOWHERE: Final = dict.fromkeys("0123456789*#+", 0)


def _bits(size: int) -> tuple[int, ...]:
    return tuple(1 << position for position in range(size))


_BITS: Final = _bits(64)
"""Enough for any number in use; longer ones are legal and make their own."""


class Positions:
    """A number as bits, one per position: where its digits are, and where each character."""

    __slots__ = ("_digits", "_end", "_symbols", "_where")

    def __init__(self, number: str) -> None:
        where = _NOWHERE.copy()
        size = len(number)
        for character, bit in zip(number, _BITS if size <= len(_BITS) else _bits(size), strict=False):
            where[character] |= bit
        self._where = where
        self._end = 1 << size
        self._symbols = self._end - 1 - where["+"]
        self._digits = self._symbols - where["*"] - where["#"]

    def hit(self, rest: str, start: int) -> bool:
        """Whether the pattern characters `rest` hit the number from position `start` to its end."""
        reached = 1 << start
        digits, where = self._digits, self._where
        for element in rest:
            if element == "X":
                reached = (reached & digits) << 1
            elif element == "!":
                # Adding a bit to a run of ones carries through the run: every position up to its end is reached.
                reached |= ((reached & digits) + digits) ^ digits
            elif element == ".":
                reached = (reached & self._symbols) << 1
            else:
                reached = (reached & where[element]) << 1
            if not reached:
                return False
        return reached & self._end != 0
