"""Opening a store after whatever happened to it: what is kept, what is moved aside, what is reported.

The rule: the longest valid run of rows of each file is kept, which holds every acknowledged one; what follows it is
moved to `<file>.torn-<n>` and never deleted; nothing is looked for behind a hole. What the side file says was committed
is never cut: where its bytes no longer fit their hash, that is damage, and reported as such.

Cost: the newest side file's tail and the tails of the files it names, whatever the size of the store. Only a lost side
file makes it read the rows of every segment, for the marks.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from callkeeper.audit.commits import GENESIS, Commit, State, read_line
from callkeeper.audit.disk import Disk, create_complete, write_all
from callkeeper.audit.journal import Position
from callkeeper.audit.layout import Listing, SegmentName, commits_name, free_torn_name, list_store
from callkeeper.audit.row import HEADER, date_text
from callkeeper.audit.scan import all_marks, last_date, raise_mark, read_stretch, scan, whole_rows_end

TAIL_BYTES = 4 * 1024 * 1024
"""How much of the side file is read from its end; holds STATE_EVERY commit lines unless they are unusually long."""

CHECKED_BYTES = 64 * 1024 * 1024
"""Committed bytes whose hash is checked at opening, the newest first: some 40 ms. Verification checks them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """Bytes after the last valid row (or line) of a file, moved aside.

    Attributes:
        file: the name of the file.
        offset: where in it they stood.
        size: how many bytes.
        moved_to: the name of the file that holds them now.
    """

    file: str
    offset: int
    size: int
    moved_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something committed that is no longer as it was; left in place.

    Attributes:
        file: the name of the file.
        offset: where the committed stretch begins.
        size: its bytes.
        message: what does not fit.
    """

    file: str
    offset: int
    size: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What opening a store found and did.

    Attributes:
        recovered_rows: rows on disk that the side file did not know yet.
        torn: tails moved aside.
        damaged: committed stretches that do not fit.
        rebuilt: side files that were made anew from the rows.
    """

    recovered_rows: int = 0
    torn: tuple[TornTail, ...] = ()
    damaged: tuple[Damage, ...] = ()
    rebuilt: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Nothing was torn, damaged or rebuilt."""
        return not (self.torn or self.damaged or self.rebuilt)


@dataclass(slots=True)
class _SideTail:
    """The end of a side file: commits since its last state line, and where its valid lines end."""

    state: State
    chain: bytes
    commits: list[Commit]
    since_state: list[Commit]
    end: int


def recover(folder: Path, *, disk: Disk, now: Callable[[], datetime]) -> tuple[Position, Recovery]:
    """Find out where the store stands, and mend what a crash left.

    Raises:
        OSError: the folder cannot be read or mended.
    """
    return _Recoverer(folder, disk, now).run()


class _Recoverer:
    def __init__(self, folder: Path, disk: Disk, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._disk = disk
        self._now = now
        self._at = Position()
        self._torn: list[TornTail] = []
        self._damaged: list[Damage] = []
        self._rebuilt: list[str] = []
        self._recovered_rows = 0

    def run(self) -> tuple[Position, Recovery]:
        listing = list_store(self._folder)
        newest = listing.newest_day
        side_day = max(listing.commit_days, default=None)
        if newest is None and side_day is None and not listing.segments:
            return self._at, self._report()
        if side_day is None or (newest is not None and side_day < newest):
            self._rebuild(listing, newest or listing.segments[-1].day)
        else:
            self._resume(listing, side_day)
        self._at.newest = self._newest_date()
        return self._at, self._report()

    def _report(self) -> Recovery:
        return Recovery(
            recovered_rows=self._recovered_rows,
            torn=tuple(self._torn),
            damaged=tuple(self._damaged),
            rebuilt=tuple(self._rebuilt),
        )

    def _resume(self, listing: Listing, day: str) -> None:
        path = self._folder / commits_name(day)
        tail = _read_tail(path)
        if tail is None:
            self._move_aside(path, 0)
            self._rebuild(listing, day)
            return
        size = path.stat().st_size
        lost = b"".join(read_stretch(path, tail.end, size))
        if lost:
            self._move_aside(path, tail.end)
        self._at.commits_day = day
        self._at.chain = tail.chain
        self._at.marks = dict(tail.state.marks)
        self._at.files = dict(tail.state.files)
        for commit in tail.since_state:
            self._at.files[commit.file] = (commit.offset + commit.size, commit.row + commit.rows)
            for sender, sequence in commit.marks.items():
                raise_mark(self._at.marks, sender, sequence)
        self._at.commits_since_state = len(tail.since_state)
        self._check(tail.commits)
        if b'"state":' in lost:
            # A line that named files is among the lost ones: any file may have been written since.
            self._collect_marks(listing)
        self._mend_tails()

    def _check(self, commits: list[Commit]) -> None:
        """Hold the newest committed bytes against their hashes."""
        budget = CHECKED_BYTES
        for commit in reversed(commits):
            budget -= commit.size
            if budget < 0:
                return
            path = self._folder / commit.file
            digest = hashlib.sha256()
            if path.exists():
                for chunk in read_stretch(path, commit.offset, commit.offset + commit.size):
                    digest.update(chunk)
            if digest.hexdigest() != commit.sha256:
                message = "the committed bytes do not fit their hash" if path.exists() else "the file is gone"
                self._damaged.append(Damage(file=commit.file, offset=commit.offset, size=commit.size, message=message))

    def _rebuild(self, listing: Listing, day: str) -> None:
        """Make the side file of the newest day anew: the marks from all rows, the chain from the side file before."""
        earlier = [other for other in listing.commit_days if other < day]
        before = _read_tail(self._folder / commits_name(earlier[-1])) if earlier else None
        self._at.chain = before.chain if before else GENESIS
        if before:
            self._at.marks = dict(before.state.marks)
        self._collect_marks(listing)
        in_flight = [name for name in listing.segments if name.run or name.day == day]
        self._at.files = {str(name): (0, 0) for name in in_flight}
        self._at.commits_day = day
        state = State(files=self._at.files, marks=self._at.marks, at=date_text(self._now()), rebuilt=True)
        line, self._at.chain = state.line(self._at.chain)
        create_complete(self._disk, self._folder / commits_name(day), line)
        self._rebuilt.append(commits_name(day))
        self._mend_tails()

    def _collect_marks(self, listing: Listing) -> None:
        for name in listing.segments:
            marks, unreadable = all_marks(self._folder / str(name))
            for sender, sequence in marks.items():
                raise_mark(self._at.marks, sender, sequence)
            if unreadable and not name.run and name.day != listing.newest_day:
                path = self._folder / str(name)
                message = f"{unreadable} lines are no audit rows"
                self._damaged.append(Damage(file=str(name), offset=0, size=path.stat().st_size, message=message))

    def _mend_tails(self) -> None:
        """Bring every file that may have been in flight to its last valid row, and the side file up to it."""
        lines: list[bytes] = []
        for file, (committed, count) in list(self._at.files.items()):
            path = self._folder / file
            size = path.stat().st_size if path.exists() else 0
            if size < committed:
                self._damaged.append(
                    Damage(
                        file=file,
                        offset=size,
                        size=committed - size,
                        message=f"{committed - size} committed bytes are gone from its end",
                    )
                )
                self._start_again_after_loss(path, size)
            elif size > committed:
                self._mend_tail(path, committed, count, lines)
        if lines:
            side = self._disk.open(self._folder / commits_name(self._at.commits_day or ""), os.O_WRONLY | os.O_APPEND)
            try:
                write_all(self._disk, side, b"".join(lines))
                self._disk.sync(side)
            finally:
                os.close(side)

    def _mend_tail(self, path: Path, committed: int, count: int, lines: list[bytes]) -> None:
        name = SegmentName.parse(path.name)
        assert name is not None
        after = last_date(path, committed) if committed > len(HEADER) else b""
        found = scan(path, committed, day=name.day, after=after)
        if path.stat().st_size > found.end:
            self._move_aside(path, found.end)
        self._at.files[path.name] = (found.end, count + found.rows)
        if not found.rows:
            return
        for sender, sequence in found.marks.items():
            raise_mark(self._at.marks, sender, sequence)
        begin = max(committed, len(HEADER))
        digest = hashlib.sha256()
        for chunk in read_stretch(path, begin, found.end):
            digest.update(chunk)
        commit = Commit(
            file=path.name,
            offset=begin,
            row=count,
            size=found.end - begin,
            rows=found.rows,
            at=date_text(self._now()),
            marks=found.marks,
            sha256=digest.hexdigest(),
            recovered=True,
        )
        line, self._at.chain = commit.line(self._at.chain)
        lines.append(line)
        self._at.commits_since_state += 1
        self._recovered_rows += found.rows

    def _start_again_after_loss(self, path: Path, size: int) -> None:
        """A file shorter than committed: what is left of a cut row is moved aside, so that no row is glued to it."""
        del self._at.files[path.name]  # announced anew, with its real length, before it is written again
        if not size:
            return
        name = SegmentName.parse(path.name)
        assert name is not None
        with path.open("rb") as file:
            content_end = whole_rows_end(file.fileno(), size)
        if content_end < size:
            self._move_aside(path, content_end)

    def _move_aside(self, path: Path, offset: int) -> None:
        """Copy the bytes from `offset` on to a file of their own, then cut them off."""
        size = path.stat().st_size
        target = free_torn_name(path)
        unfinished = target.with_name(target.name + ".new")
        descriptor = self._disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            for chunk in read_stretch(path, offset, size):
                write_all(self._disk, descriptor, chunk)
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)
        self._disk.rename(unfinished, target)
        self._disk.sync_folder(self._folder)
        descriptor = self._disk.open(path, os.O_WRONLY)
        try:
            self._disk.truncate(descriptor, offset)
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)
        self._torn.append(TornTail(file=path.name, offset=offset, size=size - offset, moved_to=target.name))

    def _newest_date(self) -> bytes:
        """What is older than this is late: than the newest day's last row, and than any day that was begun."""
        day = list_store(self._folder).newest_day
        begun = max(day or "", self._at.commits_day or "")
        if not begun:
            return b""
        start = f"{begun} 00:00:00".encode()
        if day is None:
            return start
        path = self._folder / str(SegmentName(day))
        return max(last_date(path, path.stat().st_size), start)


def _read_tail(path: Path) -> _SideTail | None:
    """Read a side file from its last valid state line on; None when it has none (or is not there)."""
    if not path.exists():
        return None
    size = path.stat().st_size
    for start in (max(0, size - TAIL_BYTES), 0):
        tail = _tail_of(b"".join(read_stretch(path, start, size)), start)
        if tail is not None or not start:
            return tail
    return None


def _tail_of(data: bytes, start: int) -> _SideTail | None:
    lines = data.splitlines(keepends=True)
    offsets = [start]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    for begin in range(len(lines) - 1, -1, -1):
        if (found := _read_state(lines[begin])) is not None:
            break
    else:
        return None
    tail = _SideTail(*found, _earlier_commits(lines[:begin]), [], offsets[begin + 1])
    for index in range(begin + 1, len(lines)):
        try:
            read, tail.chain = read_line(lines[index], tail.chain)
        except ValueError:
            break
        assert isinstance(read, Commit)
        tail.commits.append(read)
        tail.since_state.append(read)
        tail.end = offsets[index + 1]
    return tail


def _read_state(line: bytes) -> tuple[State, bytes] | None:
    """A state line and the chain after it; None for any other line."""
    try:
        read, chain = read_line(line, None)
    except ValueError:
        return None
    return (read, chain) if isinstance(read, State) else None


def _earlier_commits(lines: list[bytes]) -> list[Commit]:
    """The commits before the last state line that can be read and follow each other, for their hashes."""
    commits: list[Commit] = []
    chain: bytes | None = None
    for line in lines:
        try:
            read, chain = read_line(line, chain)
        except ValueError:
            chain = None
            continue
        if isinstance(read, Commit):
            commits.append(read)
    return commits
