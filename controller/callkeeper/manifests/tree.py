"""One YAML document's events turned into plain values and their marks.

The C parser's events are built into dicts, lists and scalars as kubectl would send them, beside a tree of marks (see
`marks`). Everything that can be made to grow has a bound: nesting, the values of a file, what aliases repeat. Splitting
a file into documents, and going on after a broken one, is in `documents`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from callkeeper.manifests.marks import MappingMarks, Mark, SequenceMarks
from callkeeper.manifests.scalars import (
    FIRST_CHARACTERS,
    STANDARD_TAG,
    Scalar,
    ScalarError,
    key_text,
    resolve_plain,
    resolve_tagged,
    to_json,
)

MAX_DEPTH = 64
"""Levels of nesting. The deepest setting has six; 64 leaves room for any object of another group, and far below it lies
Python's own limit on recursion."""

MAX_ALIAS_VALUES = 100_000
"""Values that the aliases of one document may repeat. A whole object that the API server can store has hardly more; a
bomb of nine levels of nine has 387 million."""

MAX_DEFECTS = 500
"""Defects of one document that are given out, as many as `kinds` gives out about one object; a last one says so."""

_MERGE_TAG = STANDARD_TAG + "merge"


class DocumentError(Exception):
    """A document that cannot be read any further.

    Attributes:
        rule: the finding's rule id.
        message: what is wrong.
        hint: what to do next, or None.
        mark: where.
    """

    def __init__(self, rule: str, message: str, *, mark: Mark, hint: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.hint = hint
        self.mark = mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something wrong in a document that does not end its reading.

    Attributes:
        rule: the finding's rule id.
        message: what is wrong.
        hint: what to do next, or None.
        mark: where.
        path: the field it is about.
        warning: True when kubectl takes the document, though hardly as it was meant.
    """

    rule: str
    message: str
    mark: Mark
    path: tuple[str | int, ...]
    hint: str | None = None
    warning: bool = False


class Budget:
    """How many more values may be read from a file; shared by its documents.

    Attributes:
        values: how many are left; the builder counts them down itself, being in a hurry.
    """

    __slots__ = ("values",)

    def __init__(self, values: int) -> None:
        self.values = values

    def spend(self, values: int, mark: Mark) -> None:
        """Count something that costs as much as so many values.

        Raises:
            DocumentError: there is not so much left.
        """
        self.values -= values
        if self.values < 0:
            self.exceeded(mark)

    def exceeded(self, mark: Mark) -> NoReturn:
        """End the reading of the file.

        Raises:
            DocumentError: always.
        """
        raise DocumentError(
            "yaml.too-large",
            "this file holds more values than are read from one file",
            mark=mark,
            hint="split it into several files",
        )


class _Anchor:
    """What an alias stands for.

    Attributes:
        value: what it was set at, once that is complete.
        marks: its marks.
        values: how many values it holds, itself included, aliases counted in full.
        depth: its levels of nesting; a scalar has none.
        complete: False while the anchored value is still being read.
    """

    __slots__ = ("complete", "depth", "marks", "value", "values")

    def __init__(self, value: Any = None, marks: Any = None, *, complete: bool = False) -> None:
        self.value = value
        self.marks = marks
        self.values = 1
        self.depth = 0
        self.complete = complete


class TreeBuilder:
    """Builds one document; use a new one for each.

    Attributes:
        next_event: gives the parser's next event.
        budget: how much of the file may still be read.
        defects: what was found on the way.
        repeated: how many values came from aliases.
    """

    __slots__ = ("_anchors", "_deepest", "_path", "budget", "defects", "next_event", "repeated")

    def __init__(self, next_event: Callable[[], Any], budget: Budget) -> None:
        self.next_event = next_event
        self.budget = budget
        self.defects: list[Defect] = []
        self.repeated = 0
        self._anchors: dict[str, _Anchor] = {}
        self._path: list[str | int] = []
        self._deepest = 0

    def build(self, event: Any) -> tuple[Any, Any]:
        """Read the value that starts with this event.

        Returns:
            The value and its marks.

        Raises:
            DocumentError: a bound is exceeded, or an alias leads nowhere.
            ruamel.yaml.error.YAMLError: from the parser.
        """
        kind = type(event)
        if kind is ScalarEvent:
            value = self._scalar(event)
            mark = event.start_mark
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value, mark, complete=True)
            return value, mark
        if kind is AliasEvent:
            return self._alias(event)
        assert kind is MappingStartEvent or kind is SequenceStartEvent
        return self._container(event)

    def _container(self, event: Any) -> tuple[Any, Any]:
        level = len(self._path) + 1
        self._check_depth(level, event.start_mark)
        read = self._mapping if type(event) is MappingStartEvent else self._sequence
        if event.anchor is None:
            return read(event.start_mark)
        anchor = self._anchors[event.anchor] = _Anchor()
        before, deepest = self._spent(), self._deepest
        self._deepest = level
        anchor.value, anchor.marks = read(event.start_mark)
        anchor.values = self._spent() - before + 1
        anchor.depth = self._deepest - level + 1
        anchor.complete = True
        self._deepest = max(deepest, self._deepest)
        return anchor.value, anchor.marks

    def _mapping(self, start: Mark) -> tuple[dict[str, Any], MappingMarks]:
        values: dict[str, Any] = {}
        entries: dict[str, tuple[Mark, Any]] = {}
        merged: set[str] = set()
        next_event, budget, path = self.next_event, self.budget, self._path
        # Nearly every name and most values are certainly text: these go without a further call.
        while type(event := next_event()) is not MappingEndEvent:
            budget.values -= 2
            if budget.values < 0:
                budget.exceeded(event.start_mark)
            name = _certain_text(event)
            if name is None or name == "<<":
                if _is_merge(event):
                    self._merge(values, entries, merged, event.start_mark)
                    continue
                name = self._key(event)
            if name is None or (name in values and name not in merged):
                if name is not None:
                    self._repeated_key(name, event.start_mark, entries[name][0])
                self._discard(name)
                continue
            value_event = next_event()
            value = _certain_text(value_event)
            if value is not None:
                values[name] = value
                entries[name] = (event.start_mark, value_event.start_mark)
            else:
                path.append(name)
                values[name], marks = self.build(value_event)
                path.pop()
                entries[name] = (event.start_mark, marks)
            merged.discard(name)
        return values, MappingMarks(start, entries)

    def _sequence(self, start: Mark) -> tuple[list[Any], SequenceMarks]:
        values: list[Any] = []
        items: list[Any] = []
        next_event, budget, path = self.next_event, self.budget, self._path
        path.append(0)
        while type(event := next_event()) is not SequenceEndEvent:
            budget.values -= 1
            if budget.values < 0:
                budget.exceeded(event.start_mark)
            value, marks = self.build(event)
            values.append(value)
            items.append(marks)
            path[-1] = len(values)
        path.pop()
        return values, SequenceMarks(start, items)

    def _discard(self, name: str | None) -> None:
        """Read a value that nothing will hold."""
        self._path.append(name or "")
        self.build(self.next_event())
        self._path.pop()

    def _key(self, event: Any) -> str | None:
        """Read a key; None when it cannot be a field's name, which is then on record."""
        if type(event) is ScalarEvent and event.ctag is None and event.anchor is None:
            # Not as a value: `.inf` has a form as a name, and 60.0 is no 60 yet.
            return self._named(key_text(resolve_plain(event.value)), event.start_mark)
        self._path.append("?")  # a key that is a mapping may hold such a key again, and so on
        value, _ = self.build(event)
        self._path.pop()
        return self._named(None if isinstance(value, dict | list) else key_text(value), event.start_mark)

    def _named(self, name: str | None, mark: Mark) -> str | None:
        if name is None:
            self._defect("yaml.key", "a field's name must be text, not a list, a mapping or nothing", mark)
        return name

    def _repeated_key(self, name: str, mark: Mark, first: Mark) -> None:
        distance = mark.line - first.line
        where = "on the same line" if distance == 0 else f"{distance} line{'s' if distance > 1 else ''} above"
        self._path.append(name)
        self._defect(
            "yaml.duplicate-key",
            f"`{name}` stands here a second time; the first is {where}",
            mark,
            hint="remove one of them: which of the two counts depends on the tool that reads it",
        )
        self._path.pop()

    def _scalar(self, event: Any) -> Scalar:
        tag = event.ctag
        text: str = event.value
        try:
            if tag is not None:
                return to_json(resolve_tagged(str(tag), text))
            if event.implicit[0] and (text[:1] in FIRST_CHARACTERS or not text):
                return to_json(resolve_plain(text))
        except ScalarError as error:
            self._defect("yaml.scalar", error.message, event.start_mark, hint="quote it if it is meant as text")
        return text

    def _merge(
        self, values: dict[str, Any], entries: dict[str, tuple[Mark, Any]], merged: set[str], mark: Mark
    ) -> None:
        """Take over the fields that `<<` names; as kubectl does it, what stands later in the text wins."""
        self._path.append("<<")
        source, marks = self.build(self.next_event())
        self._path.pop()
        sources = source if isinstance(source, list) else [source]
        if not all(isinstance(one, dict) for one in sources):
            self._defect("yaml.merge", "`<<` takes over a mapping or a list of mappings, and this is neither", mark)
            return
        all_marks = marks.items if isinstance(marks, SequenceMarks) else [marks]
        # Of several mappings the first wins, so it is written last.
        for one, one_marks in zip(reversed(sources), reversed(all_marks), strict=True):
            for name in one:
                if name in values and name not in merged:
                    self._overridden_by_merge(name, mark)
                values[name] = one[name]
                entries[name] = one_marks.entries[name]
                merged.add(name)
                self._repeat(1, mark)

    def _overridden_by_merge(self, name: str, mark: Mark) -> None:
        self._path.append(name)
        self._defect(
            "yaml.merge-order",
            f"`<<` takes over `{name}` although it is set above; kubectl lets the later one win",
            mark,
            hint="put `<<` first in its mapping",
            warning=True,
        )
        self._path.pop()

    def _alias(self, event: Any) -> tuple[Any, Any]:
        name = event.anchor
        anchor = self._anchors.get(name)
        if anchor is None:
            raise DocumentError(
                "yaml.aliases",
                f"`*{name}` refers to an anchor that is not defined above it",
                mark=event.start_mark,
                hint="quote a value that starts with `*`; a pattern such as *72 is text",
            )
        if not anchor.complete:
            raise DocumentError("yaml.aliases", f"`*{name}` stands inside its own anchor", mark=event.start_mark)
        self._repeat(anchor.values, event.start_mark)
        self._check_depth(len(self._path) + anchor.depth, event.start_mark)
        return anchor.value, anchor.marks

    def _repeat(self, values: int, mark: Mark) -> None:
        self.repeated += values
        if self.repeated > MAX_ALIAS_VALUES:
            raise DocumentError(
                "yaml.aliases",
                f"aliases repeat more than {MAX_ALIAS_VALUES:,} values in this document",
                mark=mark,
                hint="write the values out, or split the document",
            )

    def _check_depth(self, level: int, mark: Mark) -> None:
        self._deepest = max(self._deepest, level)
        if level > MAX_DEPTH:
            raise DocumentError("yaml.depth", f"this document is nested deeper than {MAX_DEPTH} levels", mark=mark)

    def _spent(self) -> int:
        """How many values were read so far, those from aliases included; only differences of it mean anything."""
        return self.repeated - self.budget.values

    def _defect(self, rule: str, message: str, mark: Mark, *, hint: str | None = None, warning: bool = False) -> None:
        if len(self.defects) > MAX_DEFECTS:
            return
        if len(self.defects) == MAX_DEFECTS:
            rule, message, hint, warning = "yaml.more", "more of this document is wrong than is shown", None, False
        self.defects.append(
            Defect(rule=rule, message=message, mark=mark, hint=hint, path=tuple(self._path), warning=warning)
        )


def _certain_text(event: Any) -> str | None:
    """The text of a scalar that cannot be anything but text and that no alias will ask for; None for the others."""
    if type(event) is not ScalarEvent or event.ctag is not None or event.anchor is not None:
        return None
    text: str = event.value
    if event.implicit[0] and (not text or text[0] in FIRST_CHARACTERS):
        return None
    return text


def _is_merge(event: Any) -> bool:
    if type(event) is not ScalarEvent or event.value != "<<":
        return False
    tag = event.ctag
    return bool(event.implicit[0]) if tag is None else str(tag) == _MERGE_TAG
