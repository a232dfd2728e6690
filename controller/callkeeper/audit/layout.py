"""Which files a store has and what their names say.

    audit-2026-11-23.csv             the day's segment: rows of that UTC day, in order of Date
    audit-2026-11-23.late-001.csv    a late run of the day: rows that came after younger ones, in order among themselves
    audit-2026-11-23.commits         the side file: a line per commit made while that day's segment was the newest
    *.torn-1                         bytes that were moved aside, never deleted
    *.new                            a file being made; means nothing until it has its name
    lock                             held by the one writer

The CSV files are the truth; everything else can be made again from them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOCK = "lock"

_SEGMENT = re.compile(r"audit-(\d{4}-\d{2}-\d{2})(?:\.late-(\d{3,}))?\.csv")
_COMMITS = re.compile(r"audit-(\d{4}-\d{2}-\d{2})\.commits")


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The name of a file with rows; orders by day, the day's segment before its late runs.

    Attributes:
        day: `2026-11-23`.
        run: 0 for the day's segment, from 1 for its late runs.
    """

    day: str
    run: int = 0

    def __str__(self) -> str:
        return f"audit-{self.day}.late-{self.run:03}.csv" if self.run else f"audit-{self.day}.csv"

    @classmethod
    def parse(cls, name: str) -> "SegmentName | None":
        """Read a file's name; None when it is no file with rows."""
        match = _SEGMENT.fullmatch(name)
        return cls(match[1], int(match[2] or 0)) if match else None


def commits_name(day: str) -> str:
    """The name of the side file begun with that day's segment."""
    return f"audit-{day}.commits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies in a store's folder.

    Attributes:
        segments: every file with rows, ordered.
        commit_days: days of the side files, ordered.
    """

    segments: tuple[SegmentName, ...]
    commit_days: tuple[str, ...]

    @property
    def newest_day(self) -> str | None:
        """The day of the newest day's segment, late runs not counted."""
        return max((name.day for name in self.segments if not name.run), default=None)

    def of_day(self, day: str) -> Iterator[SegmentName]:
        """The files with rows of one day, ordered."""
        return (name for name in self.segments if name.day == day)


def list_store(folder: Path) -> Listing:
    """Look into the folder.

    Raises:
        OSError: it cannot be read.
    """
    names = [path.name for path in folder.iterdir()]
    segments = sorted(name for name in map(SegmentName.parse, names) if name is not None)
    days = sorted(match[1] for match in map(_COMMITS.fullmatch, names) if match is not None)
    return Listing(segments=tuple(segments), commit_days=tuple(days))


def free_torn_name(path: Path) -> Path:
    """The first name of the form `<file>.torn-<n>` that is not taken."""
    number = 1
    while (candidate := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    return candidate
