"""Patterns that are `!` and a literal tail (`!5551234`, `!*9`): any digits, then exactly this.

They begin with a wildcard, so no head finds them; looked at from the number's end they are literals again, and cost a
set probe for each tail length that exists under the number's last character.
"""

from collections.abc import Iterable


class Suffixes:
    """The set of literal tails after a leading `!`."""

    __slots__ = ("_lengths", "_tails")

    def __init__(self, tails: Iterable[str]) -> None:
        self._tails = frozenset(tails)
        lengths: dict[str, set[int]] = {}
        for tail in self._tails:
            lengths.setdefault(tail[-1], set()).add(len(tail))
        self._lengths = {last: tuple(sorted(found)) for last, found in lengths.items()}

    def smallest(self, number: str, best: str | None) -> str | None:
        """The smaller of `best` and the smallest of these patterns that hits the number; None when there is neither."""
        for length in self._lengths.get(number[-1:], ()):
            if number[-length:] in self._tails:
                covered = number[:-length]
                pattern = "!" + number[-length:]
                if (not covered or (covered.isdigit() and covered.isascii())) and (best is None or pattern < best):
                    best = pattern
        return best
