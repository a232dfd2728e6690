"""Patterns that add nothing to a list, because another one hits every number they hit.

Such an entry is no error: it is noise in a review, and sometimes the trace of a mistake (`+39!` meant as `+390!`).
The proof is in `matching.inclusion`; here is the search, which asks only those patterns that can cover another: their
head is the beginning of its head, and they hit its examples.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from callkeeper.kinds.pattern import canonical_pattern
from callkeeper.policy.matching.between import FEW
from callkeeper.policy.matching.heads import INDEXED, head_lengths
from callkeeper.policy.matching.inclusion import contains
from callkeeper.policy.matching.positions import Positions
from callkeeper.policy.matching.rests import RestTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A pattern that another pattern of the same list makes superfluous.

    Attributes:
        pattern: the one that can go.
        by: the smallest one, in plain string order, that hits whatever it hits.
        witness: a number that both hit.
    """

    pattern: str
    by: str
    witness: str


def shadowed(patterns: Sequence[str]) -> list[Shadow]:
    """All patterns of the list that one other covers, ascending; repetitions count once.

    Of several that hit the same numbers, the smallest is never reported for the sake of the others. A pattern covered
    by two others together, but by neither alone, is not found.

    Raises:
        PatternError: one of them is no pattern.
    """
    unique = sorted({canonical_pattern(text) for text in patterns})
    candidates = _Candidates(pattern for pattern in unique if _head(pattern) != pattern)
    found = []
    for pattern in unique:
        by = next((other for other in candidates.of(pattern) if _covers(other, pattern)), None)
        if by is not None:
            found.append(Shadow(pattern=pattern, by=by, witness=example_number(pattern)))
    return found


def example_number(pattern: str) -> str:
    """A shortest number that a canonical pattern hits: `0` for each wildcard that needs a character."""
    number = pattern.translate(_PLAIN)
    return number if number.strip("+") else number + "0"


_PLAIN = str.maketrans({"X": "0", ".": "0", "!": None})
# As unlike the first example as the pattern allows, so that what hits both is worth a proof.
_BUSY = str.maketrans({"X": "7", ".": "#", "!": "5826"})


def _head(pattern: str) -> str:
    """The literal characters before the first wildcard."""
    for index, character in enumerate(pattern):
        if character in "X.!":
            return pattern[:index]
    return pattern


def _covers(outer: str, inner: str) -> bool:
    """Whether `inner` is to be reported for `outer`: of two that hit the same numbers only the larger is."""
    return outer != inner and contains(outer, inner) and (outer < inner or not contains(inner, outer))


class _Candidates:
    """The patterns with wildcards, found by what they must have to cover another."""

    def __init__(self, patterns: Iterable[str]) -> None:
        rests: dict[str, list[str]] = {}
        for pattern in patterns:
            head = _head(pattern)
            rests.setdefault(head, []).append(pattern[len(head) :])
        self._lengths, self._short = head_lengths(rests)
        self._rests: Mapping[str, Sequence[str] | RestTable] = {
            head: found if len(found) <= FEW else RestTable(found) for head, found in rests.items()
        }

    def of(self, pattern: str) -> Iterator[str]:
        """Patterns that hit two unlike examples of this one, ascending; all that cover it are among them."""
        head = _head(pattern)
        plain, busy = example_number(pattern), pattern.translate(_BUSY)
        found: list[str] = []
        for length in self._lengths.get(head[:INDEXED], self._short):
            begin = head[:length]
            rests = self._rests.get(begin) if length <= len(head) else None
            if rests is None or (not begin and plain[0] == "+"):
                continue
            hits = self._hits(rests, plain, length)
            if plain != busy and hits:
                hits &= self._hits(rests, busy, length)
            found += (begin + rest for rest in hits)
        return iter(sorted(found))

    @staticmethod
    def _hits(rests: Sequence[str] | RestTable, number: str, length: int) -> set[str]:
        """The rests that hit the whole of what a number has after a head of this length."""
        if isinstance(rests, RestTable):
            return set(rests.hits(number[length:]))
        positions = Positions(number)
        return {rest for rest in rests if positions.hit(rest, length)}
