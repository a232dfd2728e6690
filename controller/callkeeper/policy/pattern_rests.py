"""What may follow a head when it is more than digits: `X!5#` in `90X!5#`, or a whole pattern without a head.

Two exact ways, neither of which ever goes back. A few rests are run one by one, bit-parallel over the positions of the
number (`Positions`). Many are held in a table with one bit per rest (`RestTable`): the parts before the first and after
the last `!` stand at fixed distances from the ends, so a row for each position and character decides most lists in a
dozen `&`; only rests with something between two `!` need more than that.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from callkeeper.policy.pattern_automaton import ShiftAnd, bits_of, fitting_rows, set_bits

FEW: Final = 6
"""Up to so many rests are run one by one. One takes about half a microsecond, a table about two however small it is,
and a table's memory would be spent on every head that has a rest or two."""


class Positions:
    """A number as bits, one per position: where its digits are, and where each character."""

    __slots__ = ("_digits", "_end", "_symbols", "_where")

    def __init__(self, number: str) -> None:
        where: dict[str, int] = {}
        bit = 1
        for character in number:
            where[character] = where.get(character, 0) | bit
            bit <<= 1
        self._where = where
        self._end = bit
        self._symbols = bit - 1 - where.get("+", 0)
        self._digits = self._symbols - where.get("*", 0) - where.get("#", 0)

    def hit(self, rest: str, start: int) -> bool:
        """Whether the pattern characters `rest` hit the number from position `start` to its end."""
        reached = 1 << start
        digits = self._digits
        for element in rest:
            if element == "X":
                reached = (reached & digits) << 1
            elif element == "!":
                # Adding a bit to a run of ones carries through the run: every position up to its end is reached.
                reached |= ((reached & digits) + digits) ^ digits
            elif element == ".":
                reached = (reached & self._symbols) << 1
            else:
                reached = (reached & self._where.get(element, 0)) << 1
            if not reached:
                return False
        return reached & self._end != 0


class RestTable:
    """Many rests of one head, one bit for each in ascending order, so that the lowest bit is the smallest hit."""

    __slots__ = ("_automaton", "_between", "_between_indexes", "_first", "_last", "_sizes", "rests")

    def __init__(self, rests: Iterable[str]) -> None:
        self.rests: Final = tuple(sorted(set(rests)))
        parts = [rest.split("!") for rest in self.rests]
        self._sizes = _sizes(parts)
        self._first = _Rows([part[0] for part in parts])
        # Without a `!` there is no last part of its own: the first is the whole.
        self._last = _Rows([part[-1][::-1] if len(part) > 1 else "" for part in parts])
        self._between_indexes = tuple(index for index, part in enumerate(parts) if any(part[1:-1]))
        self._between = bits_of(self._between_indexes, len(parts))
        self._automaton = (
            ShiftAnd([self.rests[index] for index in self._between_indexes])
            if len(self._between_indexes) > FEW
            else None
        )

    def smallest(self, tail: str) -> str | None:
        """The smallest rest that hits the whole of `tail` (0-9, `*`, `#`), or None."""
        alive = self._alive(tail)
        waiting = alive & self._between
        decided = alive ^ waiting
        best = (decided & -decided).bit_length() - 1
        if decided:
            waiting &= (1 << best) - 1
        if waiting:
            confirmed = next(self._confirmed(waiting, tail), best)
            best = min(best, confirmed) if decided else confirmed
        return self.rests[best] if best >= 0 else None

    def hits(self, tail: str) -> list[str]:
        """All rests that hit the whole of `tail`, ascending."""
        alive = self._alive(tail)
        waiting = alive & self._between
        found = {*set_bits(alive ^ waiting), *self._confirmed(waiting, tail)}
        return [self.rests[index] for index in sorted(found)]

    def _alive(self, tail: str) -> int:
        """The rests whose length, first part and last part fit; that is the verdict where nothing is between."""
        length = len(tail)
        alive = self._sizes[min(length, len(self._sizes) - 1)]
        for row, character in zip(self._first.fitting, tail, strict=False):
            alive &= row[character]
            if not alive:
                return 0
        for row, character in zip(self._last.fitting, reversed(tail), strict=False):
            alive &= row[character]
            if not alive:
                return 0
        if tail and not tail.isdigit():
            # A `!` covers digits only: every other character must stand in a part.
            for index, character in enumerate(tail):
                if character in "*#":
                    alive &= self._first.reaching(index) | self._last.reaching(length - 1 - index) | self._between
        return alive

    def _confirmed(self, waiting: int, tail: str) -> Iterator[int]:
        """Of the rests with something between two `!`, those that hit, ascending; at least those in `waiting`."""
        if self._automaton is None or waiting.bit_count() <= FEW:
            positions = Positions(tail)
            return (index for index in set_bits(waiting) if positions.hit(self.rests[index], 0))
        return (self._between_indexes[order] for order in self._automaton.hits(tail))


class _Rows:
    """For each position of a part, counted from its end of the number, which rests fit which character there.

    A rest whose part does not reach the position fits everything.
    """

    __slots__ = ("_reaching", "fitting")

    def __init__(self, parts: Sequence[str]) -> None:
        count = len(parts)
        everything = (1 << count) - 1
        by_position: list[dict[str, list[int]]] = [{} for _ in range(max(map(len, parts), default=0))]
        for index, part in enumerate(parts):
            for elements, element in zip(by_position, part, strict=False):
                elements.setdefault(element, []).append(index)
        self._reaching: list[int] = []
        self.fitting: list[dict[str, int]] = []
        for elements in by_position:
            rows = {element: bits_of(indexes, count) for element, indexes in elements.items()}
            reaching = 0
            for row in rows.values():
                reaching |= row
            self._reaching.append(reaching)
            self.fitting.append(fitting_rows(rows, everything ^ reaching))

    def reaching(self, position: int) -> int:
        """The rests whose part reaches this position."""
        return self._reaching[position] if position < len(self._reaching) else 0


def _sizes(parts: Sequence[Sequence[str]]) -> list[int]:
    """By length of a tail, the rests that can have it; the last entry stands for all greater lengths too."""
    exactly: dict[int, list[int]] = {}
    at_least: dict[int, list[int]] = {}
    for index, part in enumerate(parts):
        (exactly if len(part) == 1 else at_least).setdefault(sum(map(len, part)), []).append(index)
    sizes: list[int] = []
    growing = 0
    for length in range(max((*exactly, *at_least), default=0) + 2):
        growing |= bits_of(at_least.get(length, ()), len(parts))
        sizes.append(growing | bits_of(exactly.get(length, ()), len(parts)))
    return sizes
