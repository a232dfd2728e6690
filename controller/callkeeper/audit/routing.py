"""Which file each row goes to, so that every file is in order of Date and no sender's rows can be lost in the middle.

The day's segment when the row is not older than the last one written to any segment; else a late run of its day, the
first that may still grow and whose last row is not younger; else a new run. So a segment of an earlier day never
changes, and for equal Dates the order of files (parts of the segment, then late runs by number) is that of arrival.

A run may not grow any more once it is compressed or deleted, has reached the size of rotation, or a later run holds
rows that are not older than its own: it was full when those came.

What survives a crash is a beginning of each sender's rows: a sender's rows are spread over several files only in
separate commits, one after the other. Without that a mark could cover a row that is not there.

Not here: writing (`journal`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import le
from pathlib import Path

from callkeeper.audit.layout import SegmentName, list_store
from callkeeper.audit.position import Position
from callkeeper.audit.row import DATE_LENGTH
from callkeeper.audit.scan import last_date
from callkeeper.audit.stubs import read_stubs

PreparedRow = tuple[bytes, str, int]
"""A row's bytes, its sender and its sequence."""


@dataclass(slots=True)
class Route:
    """Rows that go to one file in one commit."""

    name: SegmentName
    rows: list[PreparedRow]


@dataclass(slots=True)
class _Run:
    last: bytes = b""
    size: int = 0
    sealed: bool = False


class Router:
    """Decides where rows go; moves the position's newest Date and part along."""

    def __init__(self, folder: Path, position: Position, limit_bytes: int | None = None) -> None:
        self._folder = folder
        self._at = position
        self._runs: dict[str, list[_Run]] = {}
        self.limit_bytes = limit_bytes

    def route(self, rows: list[PreparedRow]) -> list[Route]:
        """Where these rows go, in the order in which they are to be written.

        Rows that all go to one file as they stand are the list that was given.
        """
        dates = [prepared[0][:DATE_LENGTH] for prepared in rows]
        in_order = _sorted(dates)
        if not in_order:
            rows = _in_order(rows)
            dates = [prepared[0][:DATE_LENGTH] for prepared in rows]
            in_order = _sorted(dates)  # not when a sender's own rows go back in time
        if in_order and dates[0] >= self._at.newest and dates[0][:10] == dates[-1][:10]:
            # Nearly always: everything is younger than what is written, and of one day.
            name = self._segment(dates[0])
            self._at.newest = dates[-1]
            return [Route(name, rows)]
        routes: list[Route] = []
        of_file: dict[SegmentName, int] = {}
        of_sender: dict[str, int] = {}
        for prepared, date in zip(rows, dates, strict=True):
            name = self._file_for(date)
            sender = prepared[1]
            index = of_file.get(name, -1)
            if index < of_sender.get(sender, 0):
                index = of_file[name] = len(routes)
                routes.append(Route(name, []))
            routes[index].rows.append(prepared)
            of_sender[sender] = index
        return routes

    def forget_runs(self) -> None:
        """Look at the late runs on disk anew: some were compressed or deleted, or a new day keeps the memory small."""
        self._runs.clear()

    def _segment(self, date: bytes) -> SegmentName:
        day = date[:10].decode()
        if self._at.segment is None or self._at.segment.day != day:
            self._at.segment = SegmentName(day)
        elif self.limit_bytes is not None and self._at.size(self._at.segment) >= self.limit_bytes:
            self._at.segment = replace(self._at.segment, part=self._at.segment.part + 1)
        return self._at.segment

    def _file_for(self, date: bytes) -> SegmentName:
        if date >= self._at.newest:
            name = self._segment(date)
            self._at.newest = date
            return name
        day = date[:10].decode()
        runs = self._runs.get(day)
        if runs is None:
            runs = self._runs[day] = self._read_runs(day)
        for index, run in enumerate(runs):
            name = SegmentName(day, index + 1)
            if run.last <= date and not run.sealed and not self._is_full(name, run):
                run.last = date
                return name
        runs.append(_Run(last=date))
        return SegmentName(day, len(runs))

    def _is_full(self, name: SegmentName, run: _Run) -> bool:
        if self.limit_bytes is not None and max(run.size, self._at.size(name)) >= self.limit_bytes:
            run.sealed = True
        return run.sealed

    def _read_runs(self, day: str) -> list[_Run]:
        listing = list_store(self._folder)
        names = {name: self._folder / str(name) for name in listing.of_day(day) if name.run}
        gone = [stub.segment for stub in read_stubs(self._folder, day)]
        count = max((name.run for name in (*names, *gone) if name is not None), default=0)
        runs = [_Run(sealed=True) for _ in range(count)]
        for name, path in names.items():
            if name not in listing.compressed:
                size = path.stat().st_size
                runs[name.run - 1] = _Run(last=last_date(path, size), size=size)
        highest = b""
        for run in reversed(runs):
            run.sealed = run.sealed or bool(highest and highest >= run.last)
            highest = max(highest, run.last)
        return runs


def _sorted(dates: list[bytes]) -> bool:
    return all(map(le, dates, islice(dates, 1, None)))


def _in_order(rows: Sequence[PreparedRow]) -> list[PreparedRow]:
    """By Date as far as the order of each sender allows: a row counts as no older than its sender's rows before it."""
    highest: dict[str, bytes] = {}
    keys: list[bytes] = []
    for text, sender, _ in rows:
        date = highest[sender] = max(highest.get(sender, b""), text[:DATE_LENGTH])
        keys.append(date)
    return [rows[index] for index in sorted(range(len(rows)), key=keys.__getitem__)]
