"""Rests with something between two `!` (`!5551234!`, `X!5!7`): what stands at no fixed distance from either end.

Where a literal run is long enough, the number's own substrings find the rests to look at. All others run through a
Shift-And automaton, divided by the last character so that a number runs only those that can end like it. So a list that
is built to defeat the first still costs no more than the second.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Final

from callkeeper.policy.matching.automaton import ShiftAnd, bits_of, set_bits
from callkeeper.policy.matching.positions import Positions

FEW: Final = 6
"""Up to so many rests are run one by one. One takes about half a microsecond, an automaton of a thousand about five."""

_ANCHOR: Final = 4
"""Length of the literal run a rest is found by. Of 10,000 such rests a number with 12 digits then meets about nine; one
character less, and it would meet ninety."""

_RUN: Final = re.compile(rf"[0-9*#]{{{_ANCHOR}}}")


class Between:
    """Such rests, each known by its index in the table it belongs to."""

    __slots__ = ("_anchored", "_by_anchor", "_by_last", "_rests")

    def __init__(self, rests: Mapping[int, str]) -> None:
        """Take the rests by index, ascending; indexes may be sparse."""
        self._rests = rests
        self._by_anchor: dict[str, list[int]] = {}
        anchored: list[int] = []
        by_last: dict[str, list[int]] = {}
        for index, rest in rests.items():
            run = _RUN.search(rest, rest.index("!"), rest.rindex("!"))
            if run:
                self._by_anchor.setdefault(run[0], []).append(index)
                anchored.append(index)
            else:
                by_last.setdefault(rest[-1] if rest[-1] not in "X.!" else "", []).append(index)
        self._anchored = self._group(anchored)
        self._by_last = {last: self._group(indexes) for last, indexes in by_last.items()}

    def _group(self, indexes: Sequence[int]) -> "_Group":
        return _Group(indexes, [self._rests[index] for index in indexes])

    def hits(self, waiting: int, tail: str) -> Iterator[int]:
        """Indexes of rests that hit the whole of `tail`, ascending: all of those in `waiting`, perhaps others too."""
        groups = [self._by_last[last] for last in (tail[-1], "") if last in self._by_last]
        return merge(self._found_by_anchor(waiting, tail), *(self._run(group, waiting, tail) for group in groups))

    def _found_by_anchor(self, waiting: int, tail: str) -> Iterator[int]:
        """The hits among the rests that have a literal run."""
        if not self._by_anchor:
            return iter(())
        met: set[int] = set()
        for start in range(len(tail) - _ANCHOR + 1):
            met.update(self._by_anchor.get(tail[start : start + _ANCHOR], ()))
        if len(met) > 2 * FEW:
            return self._run(self._anchored, waiting, tail)
        return self._one_by_one([index for index in sorted(met) if waiting >> index & 1], tail)

    def _run(self, group: "_Group", waiting: int, tail: str) -> Iterator[int]:
        """The hits in one group, by whichever way is shorter."""
        concerned = waiting & group.members
        if concerned.bit_count() <= FEW:
            return self._one_by_one(list(set_bits(concerned)), tail)
        return map(group.indexes.__getitem__, group.automaton.hits(tail))

    def _one_by_one(self, indexes: Sequence[int], tail: str) -> Iterator[int]:
        if not indexes:
            return iter(())
        positions = Positions(tail)
        return (index for index in indexes if positions.hit(self._rests[index], 0))


class _Group:
    """Rests that run together."""

    __slots__ = ("automaton", "indexes", "members")

    def __init__(self, indexes: Sequence[int], rests: Sequence[str]) -> None:
        self.indexes = tuple(indexes)
        self.members = bits_of(indexes, max(indexes, default=0) + 1)
        self.automaton = ShiftAnd(rests)
