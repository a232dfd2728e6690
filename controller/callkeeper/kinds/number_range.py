"""Ranges of numbers (`from: "+390551230000", to: "+390551239999"`) as the patterns that cover them exactly.

A range is written where a block of numbers was assigned; everything after the reading knows patterns only. So the
arithmetic is here, and nothing else: what a pattern hits is decided in `callkeeper.policy.patterns`.
"""

import re
from collections.abc import Iterator
from typing import Final

from callkeeper.kinds.pattern import MAX_PATTERN_LENGTH

RANGE_END_REGEX: Final = rf"^(\+[0-9]{{1,{MAX_PATTERN_LENGTH - 1}}}|[0-9]{{1,{MAX_PATTERN_LENGTH}}})$"
"""One end of a range, for JSON Schema; its bound is the longest pattern there may be. Under Python's `re` use
`fullmatch`, as for `PATTERN_REGEX`."""

_RANGE_END: Final = re.compile(RANGE_END_REGEX)


class RangeError(ValueError):
    """The two ends make no range.

    Attributes:
        message: what is wrong, and how it can be written instead.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def expand_range(first: str, last: str) -> tuple[str, ...]:
    """The canonical patterns that hit exactly the numbers from `first` to `last`, both included, in ascending order.

    There are as few as the grammar allows: at most 18 per digit in which the ends differ.

    Raises:
        RangeError: an end is not digits after an optional `+` (at most 64 characters), the ends differ in length, in
            the leading `+` or in the first digit, or `first` is above `last`.
    """
    for name, end in (("from", first), ("to", last)):
        if _RANGE_END.fullmatch(end) is None:
            raise RangeError(
                f"{name} must be digits after an optional leading +, at most {MAX_PATTERN_LENGTH} characters in all"
            )
    plus = "+" if first.startswith("+") else ""
    if last.startswith("+") != bool(plus):
        raise RangeError("from and to must both have a leading +, or neither")
    low, high = first.removeprefix("+"), last.removeprefix("+")
    if len(low) != len(high):
        raise RangeError(f"from and to must have the same number of digits, not {len(low)} and {len(high)}")
    if low[0] != high[0]:
        raise RangeError("from and to must begin with the same digit (write one range for each first digit)")
    if low > high:
        raise RangeError("from is above to (exchange the two)")
    return tuple(plus + pattern for pattern in _cover(low, high))


def _cover(low: str, high: str) -> Iterator[str]:
    """Patterns for the digit strings `low` to `high`, which have one length; low ≤ high."""
    length = len(low)
    # Digits that the ends share, then as one block what is free in both: 50000..59999 is 5XXXX.
    shared = next((index for index in range(length) if low[index] != high[index]), length)
    low_zeros = length - len(low[shared:].rstrip("0"))
    high_nines = length - len(high[shared:].rstrip("9"))
    if min(low_zeros, high_nines) >= length:
        yield low[:shared] + "X" * (length - shared)
        return
    head, lowest, highest = low[:shared], int(low[shared]), int(high[shared])
    low_rest, high_rest = low[shared + 1 :], high[shared + 1 :]
    if low_rest.strip("0"):
        yield from _from(head + low[shared], low_rest)
        lowest += 1
    if high_rest.strip("9"):
        highest -= 1
    for digit in range(lowest, highest + 1):
        yield f"{head}{digit}" + "X" * len(low_rest)
    if high_rest.strip("9"):
        yield from _up_to(head + high[shared], high_rest)


def _from(head: str, low: str) -> Iterator[str]:
    """Patterns for `head` followed by anything from `low` to all nines."""
    significant = len(low.rstrip("0"))
    for index in range(significant - 1, -1, -1):
        # The last significant digit itself begins a free block; those before it are already covered from below.
        start = int(low[index]) + (0 if index == significant - 1 else 1)
        for digit in range(start, 10):
            yield f"{head}{low[:index]}{digit}" + "X" * (len(low) - index - 1)


def _up_to(head: str, high: str) -> Iterator[str]:
    """Patterns for `head` followed by anything from all zeros to `high`."""
    significant = len(high.rstrip("9"))
    for index in range(significant):
        end = int(high[index]) - (0 if index == significant - 1 else 1)
        for digit in range(end + 1):
            yield f"{head}{high[:index]}{digit}" + "X" * (len(high) - index - 1)
