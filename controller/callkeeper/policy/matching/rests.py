"""Many rests of one head, when more than digits may follow it: `X!5#` in `90X!5#`, or whole patterns without a head.

A table with one bit per rest: the parts before the first and after the last `!` stand at fixed distances from the ends,
so a row for each position and character decides most lists in a dozen `&`. What stands between two `!` is in
`matching.between`; a few rests need no table (`matching.positions`).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from callkeeper.policy.matching.automaton import bits_of, fitting_rows, set_bits
from callkeeper.policy.matching.between import Between


class RestTable:
    """Many rests of one head, one bit for each in ascending order, so that the lowest bit is the smallest hit."""

    __slots__ = ("_between", "_first", "_last", "_sizes", "_waiting", "rests")

    def __init__(self, rests: Iterable[str]) -> None:
        self.rests: Final = tuple(sorted(set(rests)))
        parts = [rest.split("!") for rest in self.rests]
        self._sizes = _sizes(parts)
        self._first = _Rows([part[0] for part in parts])
        # Without a `!` there is no last part of its own: the first is the whole.
        self._last = _Rows([part[-1][::-1] if len(part) > 1 else "" for part in parts])
        between = {index: self.rests[index] for index, part in enumerate(parts) if any(part[1:-1])}
        self._waiting = bits_of(between, len(parts))
        self._between = Between(between)

    def smallest(self, tail: str) -> str | None:
        """The smallest rest that hits the whole of `tail` (0-9, `*`, `#`), or None."""
        alive = self._alive(tail)
        waiting = alive & self._waiting
        decided = alive ^ waiting
        best = (decided & -decided).bit_length() - 1
        if decided:
            waiting &= (1 << best) - 1
        if waiting:
            confirmed = next(self._between.hits(waiting, tail), best)
            best = min(best, confirmed) if decided else confirmed
        return self.rests[best] if best >= 0 else None

    def hits(self, tail: str) -> list[str]:
        """All rests that hit the whole of `tail`, ascending."""
        alive = self._alive(tail)
        waiting = alive & self._waiting
        found = set(set_bits(alive ^ waiting))
        if waiting:
            found.update(self._between.hits(waiting, tail))
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
                    alive &= self._first.reaching(index) | self._last.reaching(length - 1 - index) | self._waiting
        return alive


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
