"""Findings and objects with the place where they stand: what loading manifests gives to everybody else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.manifests.marks import Places

_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a file.

    Attributes:
        file: the path as it was given or found under the path that was given; `<stdin>` for standard input.
        line: from 1, counted from the file's start.
        column: from 1, in characters; a tab is one.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedFinding:
    """A finding and where it stands.

    Attributes:
        finding: what is said.
        file: see `Place`; empty for a finding about the set of files as a whole.
        line: from 1; 0 when there is no line to point at.
        column: from 1; 0 when there is no column to point at.
    """

    finding: Finding
    file: str
    line: int
    column: int

    @property
    def is_error(self) -> bool:
        """Whether it keeps the object, or the set, out of force."""
        return self.finding.severity is Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedObject:
    """One object of our group, read, with the places of everything in it.

    Attributes:
        reading: what `kinds` makes of it, plus what only the text shows (a repeated key, a second object of the same
            name): such findings are in it too, and then its `resource` is None.
        document: the object as plain JSON values, as kubectl would send it.
        file: where it was read from.
        line: of the object's first field, from 1.
        column: likewise.
        places: the places of the whole document.
        base: the path from the document's top to this object; not empty inside a `List`.
    """

    reading: ObjectReading
    document: dict[str, Any]
    file: str
    line: int
    column: int
    places: Places
    base: tuple[PathPart, ...] = ()

    @property
    def key(self) -> ObjectKey | None:
        """Names the object; None when its kind or name could not be read."""
        key = self.reading.key
        return key if key.kind and key.name else None

    def position(self, path: Sequence[PathPart], *, key: bool = False) -> tuple[int, int]:
        """Line and column (from 1) of what a path inside the object leads to, or of its nearest ancestor."""
        return self.places.position((*self.base, *path), key=key or self._is_null(path))

    def locate(self, finding: Finding) -> LocatedFinding:
        """Put a finding about this object where it belongs."""
        line, column = self.position(finding.path, key=finding.on_key)
        if finding.rule.endswith(".type") and finding.hint is not None and finding.hint.startswith("quote it"):
            finding = replace(finding, hint=self._quoting(finding.hint, finding.path))
        return LocatedFinding(finding=finding, file=self.file, line=line, column=column)

    def _quoting(self, hint: str, path: Sequence[PathPart]) -> str:
        """The hint with the scalar as it was written: of `+39` only the text still knows the plus sign."""
        written = self.places.word((*self.base, *path))
        return _QUOTED.sub(lambda _: f'"{written}"', hint, count=1) if written else hint

    def _is_null(self, path: Sequence[PathPart]) -> bool:
        # An empty value stands nowhere: its field's name is what a reader can see.
        value: Any = self.document
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return False
        return value is None
