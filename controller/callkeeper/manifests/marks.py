"""Where each value and key of a document stands in its text.

A tree beside the document: the parser's own marks are kept as they come, which costs nothing while reading, and are
turned into line and column only for the few places somebody asks about. `Places` answers by JSON path.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from callkeeper.kinds.finding import PathPart

_WORD = re.compile(r"[^\s,\[\]{}#\"']+")
"""A plain number or boolean; none of these contains white space or a quote."""

_KNOWN_DISTANCE = 4096
"""Characters between places whose line is remembered: a few thousand of them for the largest file."""


class Mark(Protocol):
    """A place as the parser gives it: everything counts from 0, in characters, from where the parser started."""

    line: int
    column: int
    index: int


class MappingMarks:
    """The marks of a mapping: its start, and key and value of each entry."""

    __slots__ = ("entries", "mark")

    def __init__(self, mark: Mark, entries: dict[str, tuple[Mark, Any]]) -> None:
        self.mark = mark
        self.entries = entries


class SequenceMarks:
    """The marks of a sequence: its start, and each item."""

    __slots__ = ("items", "mark")

    def __init__(self, mark: Mark, items: list[Any]) -> None:
        self.mark = mark
        self.items = items


class Lines:
    """The lines of a file's text, counted by hand as far as somebody asks; they end at LF, CR LF or a lone CR."""

    __slots__ = ("_counted", "_known", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        # Where lines were counted up to before, so that many questions about a large file do not start at its top.
        self._known = [0]
        self._counted = [0]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character."""
        text = self.text
        nearest = bisect_right(self._known, index) - 1
        known = self._known[nearest]
        breaks = self._counted[nearest] + _line_breaks(text, known, index)
        if index - known > _KNOWN_DISTANCE and text[index - 1] != "\r":
            self._known.insert(nearest + 1, index)
            self._counted.insert(nearest + 1, breaks)
        line_feed = text.rfind("\n", 0, index)
        line_start = max(line_feed, text.rfind("\r", line_feed + 1, index)) + 1
        return breaks + 1, index - line_start + 1


def _line_breaks(text: str, start: int, end: int) -> int:
    line_feeds = text.count("\n", start, end)
    if text.find("\r", start, end) < 0:
        return line_feeds
    return line_feeds + text.count("\r", start, end) - text.count("\r\n", start, end)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the parser started in a file's text; a file with a broken document is read in several runs.

    Attributes:
        lines: the lines of the whole text, without a byte order mark.
        start: the character at which this run of the parser started.
        line: the number of that character's line, from 1.
        exact_lines: True when the parser's idea of a line is everybody's. YAML 1.1 also breaks lines at U+0085, U+2028
            and U+2029, which no editor or grep counts; then lines are counted by hand.
    """

    lines: Lines
    start: int
    line: int
    exact_lines: bool

    def position(self, mark: Mark) -> tuple[int, int]:
        """Line and column of a mark in the file, both from 1."""
        if self.exact_lines:
            return self.line + mark.line, mark.column + 1
        return self.lines.position(self.start + mark.index)


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one document.

    Attributes:
        root: the marks of the document's top value.
        origin: where the parser started.
    """

    root: Any
    origin: Origin

    def position(self, path: Sequence[PathPart], *, key: bool = False) -> tuple[int, int]:
        """Line and column (from 1) of what a path leads to.

        Where the path leads further than the document goes, the nearest ancestor that is there answers, with its
        field's name: a missing field is reported where the object it belongs to begins.

        Args:
            path: field names and list indexes from the document's top.
            key: True for the field's name instead of its value.
        """
        return self.origin.position(self._mark(path, key=key))

    def word(self, path: Sequence[PathPart]) -> str:
        """The number or word a path leads to, as it was written; empty where something else stands."""
        match = _WORD.match(self.origin.lines.text, self.origin.start + self._mark(path, key=False).index)
        return match[0] if match else ""

    def _mark(self, path: Sequence[PathPart], *, key: bool) -> Mark:
        node = self.root
        mark: Mark = _start(node)
        name: Mark | None = None
        for part in path:
            if isinstance(node, MappingMarks) and isinstance(part, str) and part in node.entries:
                name, node = node.entries[part]
                mark = _start(node)
            elif isinstance(node, SequenceMarks) and isinstance(part, int) and 0 <= part < len(node.items):
                name, node = None, node.items[part]
                mark = _start(node)
            else:
                key = True
                break
        return name if key and name is not None else mark


def _start(node: Any) -> Mark:
    mark: Mark = node.mark if isinstance(node, MappingMarks | SequenceMarks) else node
    return mark
