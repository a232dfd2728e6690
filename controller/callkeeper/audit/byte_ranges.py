"""Which part of a file is asked for (RFC 9110, section 14), one range at most.

Several ranges in one request are answered with the whole, as the RFC lets a server do; players ask for one.
"""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a file.

    Attributes:
        first: its first byte.
        count: how many.
    """

    first: int
    count: int


class Unsatisfiable(ValueError):  # noqa: N818 - the RFC's word
    """The range lies behind the end."""


def asked_span(header: str | None, if_range: str | None, size: int, tag: str) -> Span | None:
    """The part that is asked for; None for the whole.

    Args:
        header: `Range`.
        if_range: `If-Range`: the range counts only for what has this entity tag.
        size: of the file.
        tag: its entity tag, with its quotes.

    Raises:
        Unsatisfiable: there is nothing there.
    """
    if header is None or (if_range is not None and if_range.strip() != tag):
        return None
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        count = min(int(suffix), size)
        if count == 0:
            raise Unsatisfiable
        return Span(first=size - count, count=count)
    begin, end = int(first), size - 1 if last is None else min(int(last), size - 1)
    if last is not None and int(last) < begin:
        # Not a range at all, and so as if it were not there.
        return None
    if begin >= size:
        raise Unsatisfiable
    return Span(first=begin, count=end - begin + 1)
