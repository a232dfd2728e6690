"""The files of a store, written by one thread: where each row goes, and when it is on disk.

Knows nothing of events, waiting or acknowledging (`store`), nor of mending what a crash left (`recovery`).

Which file a row goes to: the day's segment when the row is not older than the last one written to any segment; else a
late run of its day, the first whose last row is not younger; else a new run. So every file is in order of Date, a
segment of an earlier day never changes, and for equal Dates the order of files is the order of arrival.

What survives a crash is a beginning of each sender's rows: a sender's rows are spread over several files only in
separate commits, one after the other. Without that a mark could cover a row that is not there.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import le
from pathlib import Path

from callkeeper.audit.commits import GENESIS, STATE_EVERY, Commit, State
from callkeeper.audit.disk import Disk, create_complete, write_all
from callkeeper.audit.layout import SegmentName, commits_name, list_store
from callkeeper.audit.row import DATE_LENGTH, HEADER, date_text
from callkeeper.audit.scan import count_rows, last_date

PreparedRow = tuple[bytes, str, int]
"""A row's bytes, its sender and its sequence."""

_APPEND = os.O_WRONLY | os.O_APPEND


@dataclass(slots=True, kw_only=True)
class Position:
    """Where a store stands: what recovery finds and the journal goes on from.

    Attributes:
        chain: after the last line of the newest side file.
        marks: the highest sequence of every sender on disk.
        files: committed bytes and rows of the files written since that side file began.
        commits_day: the day that side file is named for; None before the first row.
        newest: Date of the last row of the newest day's segment, or the first second of its day; empty before that.
        commits_since_state: commit lines since the last state line.
    """

    chain: bytes = GENESIS
    marks: dict[str, int] = field(default_factory=dict)
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    commits_day: str | None = None
    newest: bytes = b""
    commits_since_state: int = 0


@dataclass(slots=True)
class _Stretch:
    """Rows that go to one file in one commit."""

    name: SegmentName
    rows: list[PreparedRow] = field(default_factory=list)


class Journal:
    """Writes rows and side file lines; for one thread at a time."""

    def __init__(self, folder: Path, position: Position, *, disk: Disk, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._disk = disk
        self._now = now
        self._at = position
        self._segment: int | None = None
        self._side: int | None = None
        self._late_lasts: dict[str, list[bytes]] = {}

    @property
    def marks(self) -> Mapping[str, int]:
        """The highest sequence of every sender on disk."""
        return self._at.marks

    @property
    def chain_head(self) -> bytes:
        """The chain after the last commit."""
        return self._at.chain

    def commit(self, rows: Sequence[PreparedRow]) -> None:
        """Write the rows; they are on disk when this returns.

        Raises:
            OSError: a write or sync failed; what is on disk is not known, and this journal must not be used again.
        """
        for stretch in self._route(rows):
            self._write(stretch)

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in (self._segment, self._side):
            if descriptor is not None:
                os.close(descriptor)
        self._segment = self._side = None

    def _route(self, rows: Sequence[PreparedRow]) -> list[_Stretch]:
        dates = [prepared[0][:DATE_LENGTH] for prepared in rows]
        if not _sorted(dates):
            rows = _in_order(rows)
            dates = [prepared[0][:DATE_LENGTH] for prepared in rows]
        if dates[0] >= self._at.newest and dates[0][:10] == dates[-1][:10] and _sorted(dates):
            # Nearly always: everything is younger than what is written, and of one day.
            self._at.newest = dates[-1]
            return [_Stretch(SegmentName(dates[0][:10].decode()), list(rows))]
        stretches: list[_Stretch] = []
        of_file: dict[SegmentName, int] = {}
        of_sender: dict[str, int] = {}
        for prepared, date in zip(rows, dates, strict=True):
            name = self._file_for(date)
            sender = prepared[1]
            index = of_file.get(name, -1)
            if index < of_sender.get(sender, 0):
                index = of_file[name] = len(stretches)
                stretches.append(_Stretch(name))
            stretches[index].rows.append(prepared)
            of_sender[sender] = index
        return stretches

    def _file_for(self, date: bytes) -> SegmentName:
        day = date[:10].decode()
        if date >= self._at.newest:
            self._at.newest = date
            return SegmentName(day)
        lasts = self._late_lasts.get(day)
        if lasts is None:
            lasts = self._late_lasts[day] = self._read_late_lasts(day)
        for index, last in enumerate(lasts):
            if last <= date:
                lasts[index] = date
                return SegmentName(day, index + 1)
        lasts.append(date)
        return SegmentName(day, len(lasts))

    def _read_late_lasts(self, day: str) -> list[bytes]:
        runs = [name for name in list_store(self._folder).of_day(day) if name.run]
        lasts = [b""] * max((name.run for name in runs), default=0)
        for name in runs:
            path = self._folder / str(name)
            lasts[name.run - 1] = last_date(path, path.stat().st_size)
        return lasts

    def _write(self, stretch: _Stretch) -> None:
        name = str(stretch.name)
        data = b"".join([prepared[0] for prepared in stretch.rows])
        descriptor = self._descriptor(stretch.name)
        try:
            write_all(self._disk, descriptor, data)
            self._disk.sync(descriptor)
        finally:
            if stretch.name.run:
                os.close(descriptor)
        marks = {sender: sequence for _, sender, sequence in stretch.rows}
        size, count = self._at.files[name]
        commit = Commit(
            file=name,
            offset=size,
            row=count,
            size=len(data),
            rows=len(stretch.rows),
            at=date_text(self._now()),
            marks=marks,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        self._at.marks.update(marks)
        self._at.files[name] = (size + len(data), count + len(stretch.rows))
        self._append_line(commit)
        self._at.commits_since_state += 1
        if self._at.commits_since_state >= STATE_EVERY:
            self._append_line(self._state())
            self._at.commits_since_state = 0

    def _descriptor(self, name: SegmentName) -> int:
        """The file opened for appending, and known to the side file before its first byte is written."""
        if not name.run and self._at.commits_day != name.day:
            self._begin_side_file(name)
        if not name.run and self._segment is not None:
            return self._segment
        if self._side is None:
            assert self._at.commits_day is not None
            self._side = self._disk.open(self._folder / commits_name(self._at.commits_day), _APPEND)
        path = self._folder / str(name)
        if str(name) not in self._at.files:
            self._announce(name)
        if not path.exists() or not path.stat().st_size:
            create_complete(self._disk, path, HEADER)
        size, rows = self._at.files[str(name)]
        self._at.files[str(name)] = (max(size, len(HEADER)), rows)
        descriptor = self._disk.open(path, _APPEND)
        if not name.run:
            self._segment = descriptor
        return descriptor

    def _begin_side_file(self, name: SegmentName) -> None:
        """A new day: the last side file is made safe, the next begins with all there is to know."""
        if self._side is not None:
            self._disk.sync(self._side)
        elif self._at.commits_day is not None:
            last = self._disk.open(self._folder / commits_name(self._at.commits_day), _APPEND)
            try:
                self._disk.sync(last)
            finally:
                os.close(last)
        self.close()
        self._late_lasts.clear()
        self._at.files = {str(name): (0, 0)}
        line, self._at.chain = self._state().line(self._at.chain)
        create_complete(self._disk, self._folder / commits_name(name.day), line)
        self._at.commits_day = name.day
        self._at.commits_since_state = 0

    def _announce(self, name: SegmentName) -> None:
        """Say durably that this file will be written, so that opening knows which tails to look at."""
        path = self._folder / str(name)
        size = path.stat().st_size if path.exists() else 0
        self._at.files[str(name)] = (size, count_rows(path, len(HEADER), size) if size else 0)
        self._append_line(self._state())
        self._at.commits_since_state = 0
        assert self._side is not None
        self._disk.sync(self._side)

    def _state(self) -> State:
        return State(files=self._at.files, marks=self._at.marks, at=date_text(self._now()))

    def _append_line(self, content: Commit | State) -> None:
        line, self._at.chain = content.line(self._at.chain)
        assert self._side is not None
        write_all(self._disk, self._side, line)


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
