"""Whether one pattern hits every number that another hits: a proof, not a sample.

Both patterns are walked together: the inner one element by element, the outer one as the set of states it can be in.
The inner pattern's worst choice of character decides, and a smaller set of outer states is always worse, so only the
smallest sets need to be followed. Where the outer pattern does not name some digit, that digit is the worst choice at
every wildcard, and the walk is a straight line.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callkeeper.policy.matching.automaton import DIGITS, fitting_rows

_MOST_STEPS: Final = 20_000
"""Where a proof is given up. Patterns as people write them take under a hundred steps; only one that names all ten
digits between wildcards, over and over, could need more."""


def contains(outer: str, inner: str) -> bool:
    """Whether `outer` hits every number that `inner` hits; both canonical.

    False as well where it could not be shown within bounds, which takes a pattern made for the purpose.
    """
    walk = _compiled(outer)
    elements, loops = _elements(inner)
    # The sets of outer states met so far at each place of the inner pattern; those that hold a met one are no news.
    met: list[list[int]] = [[] for _ in range(len(elements) + 1)]
    pending = [(0, 1)]
    for _ in range(_MOST_STEPS):
        if not pending:
            return True
        place, states = pending.pop()
        if not states:
            # The inner pattern can be completed from anywhere; the outer one no longer.
            return False
        if any(known & states == known for known in met[place]):
            continue
        met[place].append(states)
        if place == len(elements):
            if not states & walk.accepting:
                return False
        else:
            pending += [(place + 1, walk.step(states, character)) for character in walk.worst(elements[place])]
        if place in loops:
            pending += [(place, walk.step(states, character)) for character in walk.worst("X")]
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The outer pattern, ready to be walked.

    Attributes:
        fitting: by character, the states that are entered by reading it.
        loops: the states that stay while digits are read.
        accepting: the last state.
        digits: the digits worth trying at an `X` or `!` of the inner pattern.
        symbols: the characters worth trying at a `.` of the inner pattern.
    """

    fitting: dict[str, int]
    loops: int
    accepting: int
    digits: str
    symbols: str

    def step(self, states: int, character: str) -> int:
        """The states after reading one more character."""
        entered = states << 1 & self.fitting[character]
        return entered | (states & self.loops) if character in DIGITS else entered

    def worst(self, element: str) -> str:
        """The characters to try for an element of the inner pattern."""
        if element == "X":
            return self.digits
        return self.symbols if element == "." else element


@lru_cache(maxsize=1024)
def _compiled(outer: str) -> _Walk:
    elements, loops = _elements(outer)
    rows: dict[str, int] = {}
    for index, element in enumerate(elements, start=1):
        rows[element] = rows.get(element, 0) | 1 << index
    # A digit that the pattern does not name enters the fewest states of all digits, a symbol it does not name the
    # fewest of all characters.
    quiet_digit = next((digit for digit in DIGITS if digit not in rows), None)
    quiet_symbol = next((symbol for symbol in "*#" if symbol not in rows), None)
    digits = quiet_digit or DIGITS
    return _Walk(
        fitting={**fitting_rows(rows, 0), "+": rows.get("+", 0)},
        loops=sum(1 << place for place in loops),
        accepting=1 << len(elements),
        digits=digits,
        symbols=quiet_symbol or digits + "*#",
    )


def _elements(pattern: str) -> tuple[str, frozenset[int]]:
    """The pattern without its `!`, and after how many elements there is one.

    A pattern of nothing but `!` (after a `+`) hits no empty number, so one digit of it is certain.
    """
    if not pattern.strip("+!"):
        pattern = pattern.replace("!", "X!", 1)
    elements = pattern.replace("!", "")
    loops: set[int] = set()
    place = 0
    for element in pattern:
        if element == "!":
            loops.add(place)
        else:
            place += 1
    return elements, frozenset(loops)
