"""Which files a store has and what their names say.

    audit-2026-11-23.csv             the day's segment: rows of that UTC day, in order of Date
    audit-2026-11-23.part-002.csv    its further parts, where the log rotates by size within a day
    audit-2026-11-23.late-001.csv    a late run of the day: rows that came after younger ones, in order among themselves
    audit-2026-11-23.csv.gz          any of these once it is closed, compressed (`compressed`)
    audit-2026-11-23.commits         the side file: a line per commit made while that day's segment was the newest
    audit-2026-11-23.deleted         signed: what retention has deleted of that day (`stubs`)
    checkpoints                      signed: tree heads and keys (`checkpoints`)
    settings.json                    how the log is kept (`log_settings`)
    clock.json                       the time last believed, where retention deletes (`clock_watch`)
    signing-key.pem                  the key that signs, where no other place was named (`signing`)
    reserve                          space kept for telling that the disk is full (`space`)
    unsynced                         a sync failed here; the next opening trusts nothing after these lengths
    *.torn-1                         bytes that were moved aside, never deleted
    *.new                            a file being made; means nothing until it has its name
    lock                             held by the one writer

The CSV files are the truth about what was done; side files and checkpoints prove it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from callkeeper.audit.event import FIRST_YEAR, LAST_YEAR

LOCK = "lock"
CHECKPOINTS = "checkpoints"
SETTINGS = "settings.json"
CLOCK = "clock.json"
SIGNING_KEY = "signing-key.pem"
RESERVE = "reserve"
UNSYNCED = "unsynced"
COMPRESSED = ".gz"

_NUMBER = r"\d{3}|[1-9]\d{3,9}"
_NAME = re.compile(
    r"audit-(\d{4}-\d{2}-\d{2})\."
    rf"(?:(commits|deleted)|(?:(?:part-(?!00[01]\.)({_NUMBER})|late-(?!000\.)({_NUMBER}))\.)?csv(\.gz)?)",
    re.ASCII,
)
"""As the names are written, and in no other way: two names of one file would be two files with one name."""

_LIKE_ONE = re.compile(r"audit-\d{4}-\d{2}-\d{2}\..*(?:csv|csv\.gz|commits|deleted)", re.ASCII)
"""What a reader of `audit-*.csv` would take for one."""


_ORDER = attrgetter("day", "run", "part")
"""As the names order themselves; a fifth of the time for ten years of them."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The name of a file with rows; orders by day, the day's segment and its parts before its late runs.

    Attributes:
        day: `2026-11-23`.
        run: 0 for the day's segment, from 1 for its late runs.
        part: of the day's segment, from 1; 1 for a late run.
    """

    day: str
    run: int = 0
    part: int = 1

    def __str__(self) -> str:
        if self.run:
            return f"audit-{self.day}.late-{self.run:03}.csv"
        return f"audit-{self.day}.part-{self.part:03}.csv" if self.part > 1 else f"audit-{self.day}.csv"

    @classmethod
    def parse(cls, name: str) -> "SegmentName | None":
        """Read a file's name, compressed or not; None when it is no file with rows."""
        match = _match(name)
        return cls._of(match) if match and not match[2] else None

    @classmethod
    def _of(cls, match: re.Match[str]) -> "SegmentName":
        return cls(match[1], int(match[4] or 0), int(match[3] or 1))


def _match(name: str) -> re.Match[str] | None:
    match = _NAME.fullmatch(name)
    return match if match and _is_day(match[1]) else None


@lru_cache(maxsize=16384)
def _is_day(text: str) -> bool:
    """Whether rows can lie in this day: ten years have as many as are kept."""
    try:
        return FIRST_YEAR <= date.fromisoformat(text).year <= LAST_YEAR
    except ValueError:
        return False


def commits_name(day: str) -> str:
    """The name of the side file begun with that day's segment."""
    return f"audit-{day}.commits"


def deleted_name(day: str) -> str:
    """The name of the file that says what retention has deleted of a day."""
    return f"audit-{day}.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies in a store's folder.

    Attributes:
        segments: every file with rows, ordered.
        commit_days: days of the side files, ordered.
        deleted_days: days of which retention has deleted something, ordered.
        compressed: of the segments, those that are there in compressed form only.
    """

    segments: tuple[SegmentName, ...]
    commit_days: tuple[str, ...]
    deleted_days: tuple[str, ...] = ()
    compressed: frozenset[SegmentName] = field(default_factory=frozenset)

    @property
    def newest(self) -> SegmentName | None:
        """The newest part of the newest day's segment, late runs not counted."""
        return max((name for name in self.segments if not name.run), default=None)

    @property
    def newest_day(self) -> str | None:
        """The day of the newest day's segment, late runs not counted."""
        newest = self.newest
        return newest.day if newest else None

    def of_day(self, day: str) -> Iterator[SegmentName]:
        """The files with rows of one day, ordered."""
        return (name for name in self.segments if name.day == day)


def list_store(folder: Path) -> Listing:
    """Look into the folder: one reading of its names, no file is touched, so that ten years take a moment.

    Raises:
        OSError: it cannot be read.
    """
    plain: set[SegmentName] = set()
    compressed: set[SegmentName] = set()
    days: dict[str, list[str]] = {"commits": [], "deleted": []}
    for match in filter(None, map(_match, os.listdir(folder))):  # noqa: PTH208 - names are wanted, not paths
        if match[2]:
            days[match[2]].append(match[1])
        else:
            (compressed if match[5] else plain).add(SegmentName._of(match))  # noqa: SLF001 - its own module
    return Listing(
        segments=tuple(sorted(plain | compressed, key=_ORDER)),
        commit_days=tuple(sorted(days["commits"])),
        deleted_days=tuple(sorted(days["deleted"])),
        compressed=frozenset(compressed - plain),
    )


def is_store(folder: Path) -> bool:
    """Whether a store lies there, or a copy of one.

    Raises:
        OSError: it cannot be read.
    """
    found = list_store(folder)
    return bool(found.segments or found.commit_days or found.deleted_days) or any(
        (folder / name).exists() for name in (LOCK, SETTINGS, CHECKPOINTS)
    )


def misnamed(folder: Path) -> list[str]:
    """Names that read like a log's and are none: nothing of ours reads such files, other readers might.

    Raises:
        OSError: it cannot be read.
    """
    return sorted(name for name in os.listdir(folder) if _LIKE_ONE.fullmatch(name) and _match(name) is None)  # noqa: PTH208 - as above


def free_torn_name(path: Path) -> Path:
    """The first name of the form `<file>.torn-<n>` that is not taken."""
    number = 1
    while (candidate := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    return candidate
