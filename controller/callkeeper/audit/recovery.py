"""Opening a store after whatever happened to it: what is kept, what is moved aside, what is reported.

The rule: the longest valid run of rows of each file is kept, which holds every acknowledged one; what follows it is
moved to `<file>.torn-<n>` and never deleted; nothing is looked for behind a hole. What the side file says was committed
is never cut: where its bytes no longer fit their hash, that is damage, and reported as such.

After a failed sync nothing beyond what was synced before is kept in its place: the machine may show bytes that the disk
never got. The lengths that can be trusted are given by the store itself, or lie in `unsynced` after a restart.

Cost: the newest side file's tail and the tails of the files it names, whatever the size of the store. Only a lost side
file makes it read the rows of the newest day.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from callkeeper.audit.checkpoints import torn_checkpoint
from callkeeper.audit.commits import Commit
from callkeeper.audit.disk import Disk, create_complete, write_all
from callkeeper.audit.layout import (
    CHECKPOINTS,
    COMPRESSED,
    UNSYNCED,
    Listing,
    SegmentName,
    commits_name,
    free_torn_name,
    list_store,
)
from callkeeper.audit.lost_marks import lost_marks
from callkeeper.audit.packed import PackedError
from callkeeper.audit.position import Position
from callkeeper.audit.recovered import Damage, Recovery, TornTail
from callkeeper.audit.row import HEADER, date_text
from callkeeper.audit.scan import last_date, raise_mark, read_stretch, scan, whole_rows_end
from callkeeper.audit.side_tail import SideTail, claimed_files, committed_extents, read_side_tail
from callkeeper.audit.stored_rows import PlainRows
from callkeeper.audit.stubs import read_stubs

CHECKED_BYTES = 64 * 1024 * 1024
"""Committed bytes whose hash is checked at opening, the newest first: some 40 ms. Verification checks them all."""

Extents = Mapping[str, tuple[int, int]]
"""Bytes and rows of each file that are known to be on disk."""


def recover(
    folder: Path, *, disk: Disk, now: Callable[[], datetime], trusted: Extents | None = None
) -> tuple[Position, Recovery]:
    """Find out where the store stands, and mend what a crash left.

    Args:
        folder: the store's.
        disk: the port to the disk.
        now: the clock, aware.
        trusted: after a failed sync, what was synced before of the files in use; None: believe what is there.

    Raises:
        OSError: the folder cannot be read or mended.
    """
    if trusted is None:
        trusted = _left_behind(folder)
    result = _Recoverer(folder, disk, now, trusted).run()
    if trusted is not None:
        disk.remove(folder / UNSYNCED)
        disk.sync_folder(folder)
    return result


def leave_behind(folder: Path, trusted: Extents, disk: Disk) -> None:
    """Say for the next opening, maybe of another process, that a sync failed, and what can be trusted.

    Raises:
        OSError: not even that could be written.
    """
    create_complete(disk, folder / UNSYNCED, json.dumps(dict(trusted)).encode())


def _left_behind(folder: Path) -> Extents | None:
    try:
        content = json.loads((folder / UNSYNCED).read_bytes())
        return {str(name): (int(size), int(rows)) for name, (size, rows) in content.items()}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError):
        return {}  # it is there, so a sync failed; only what the side file proves is trusted


class _Recoverer:
    def __init__(self, folder: Path, disk: Disk, now: Callable[[], datetime], trusted: Extents | None) -> None:
        self._folder = folder
        self._disk = disk
        self._now = now
        self._trusted = trusted
        self._at = Position()
        self._torn: list[TornTail] = []
        self._damaged: list[Damage] = []
        self._rebuilt: list[str] = []
        self._recovered_rows = 0

    def run(self) -> tuple[Position, Recovery]:
        listing = list_store(self._folder)
        self._mend_checkpoints()
        side_day = max(listing.commit_days, default=None)
        if side_day is None and not listing.segments:
            return self._at, self._report()
        self._report_lost_side_files(listing)
        newest = listing.newest_day
        if side_day is None or (newest is not None and side_day < newest):
            self._rebuild(listing, newest or listing.segments[-1].day)
        else:
            self._resume(listing, side_day)
        self._at.segment, self._at.newest = self._newest(listing)
        return self._at, self._report()

    def _report(self) -> Recovery:
        return Recovery(
            recovered_rows=self._recovered_rows,
            torn=tuple(self._torn),
            damaged=tuple(self._damaged),
            rebuilt=tuple(self._rebuilt),
        )

    def _mend_checkpoints(self) -> None:
        """A line that was not written to its end is moved aside, one whose end was altered is ended: none is glued."""
        path = self._folder / CHECKPOINTS
        if (torn := torn_checkpoint(self._folder)) is not None:
            self._move_aside(path, torn[0])
        elif path.exists() and (size := path.stat().st_size) and b"".join(read_stretch(path, size - 1, size)) != b"\n":
            self._append(path, b"\n")
            message = "the end of its last line was altered"
            self._damaged.append(Damage(file=CHECKPOINTS, offset=size - 1, size=1, message=message))

    def _report_lost_side_files(self, listing: Listing) -> None:
        """A side file that is gone between others cannot be made again: the chain goes on behind it."""
        known = {*listing.commit_days, *listing.deleted_days, listing.newest_day}
        for name in listing.segments:
            if not name.run and name.part == 1 and name.day not in known:
                message = "its side file is gone: its rows are there, but not proven"
                self._damaged.append(Damage(file=str(name), offset=0, size=0, message=message))

    def _resume(self, listing: Listing, day: str) -> None:
        path = self._folder / commits_name(day)
        tail = read_side_tail(path)
        if tail is None:
            self._move_aside(path, 0)
            self._rebuild(listing, day)
            return
        lost = b"".join(read_stretch(path, tail.end, path.stat().st_size))
        if lost:
            self._move_aside(path, tail.end)
        self._at.commits_day = day
        self._take_over(tail)
        self._at.commits_since_state = len(tail.since_state)
        self._check(tail.commits)
        self._add_claimed(lost)
        for name in listing.of_day(day):
            if not name.run and str(name) not in self._at.files and name.part > self._last_part(day):
                self._at.files[str(name)] = (0, 0)
        self._mend_tails()

    def _take_over(self, tail: SideTail) -> None:
        self._at.store, self._at.chain, self._at.total = tail.state.store, tail.chain, tail.state.total
        self._at.marks = dict(tail.state.marks)
        self._at.files = dict(tail.state.files)
        for commit in tail.since_state:
            self._at.files[commit.file] = (commit.offset + commit.size, commit.row + commit.rows)
            self._at.total = self._at.total.plus(commit.rows, commit.size, _day_of(commit.file))
            self._raise_marks(commit.marks.items())

    def _last_part(self, day: str) -> int:
        names = filter(None, map(SegmentName.parse, self._at.files))
        return max((name.part for name in names if name.day == day and not name.run), default=0)

    def _add_claimed(self, lost: bytes) -> None:
        """Files that only lines which do not fit speak of: they may hold acknowledged rows."""
        for name, (size, rows) in claimed_files(lost).items():
            path = self._folder / name
            if name in self._at.files or not path.exists():
                continue
            begins_a_row = size == 0 or b"".join(read_stretch(path, size - 1, size)) == b"\n"
            if begins_a_row:
                self._at.files[name] = (size, rows)
            self._raise_marks(lost_marks(path)[0].items())

    def _raise_marks(self, marks: Iterable[tuple[str, int]]) -> None:
        for sender, sequence in marks:
            raise_mark(self._at.marks, sender, sequence)

    def _check(self, commits: list[Commit]) -> None:
        """Hold the newest committed bytes against their hashes."""
        budget = CHECKED_BYTES
        for commit in reversed(commits):
            budget -= commit.size
            if budget < 0:
                return
            message = self._mismatch(commit)
            if message is not None:
                self._damaged.append(Damage(file=commit.file, offset=commit.offset, size=commit.size, message=message))

    def _mismatch(self, commit: Commit) -> str | None:
        path, digest = self._folder / commit.file, hashlib.sha256()
        try:
            for chunk in read_stretch(path, commit.offset, commit.offset + commit.size):
                digest.update(chunk)
        except FileNotFoundError:
            return None if self._was_closed(commit.file) else "the file is gone"
        except PackedError as error:
            return str(error)
        return None if digest.hexdigest() == commit.sha256 else "the committed bytes do not fit their hash"

    def _rebuild(self, listing: Listing, day: str) -> None:
        """Make the side file of the newest day anew: its marks from the rows, the chain from the side file before."""
        earlier = [other for other in listing.commit_days if other < day]
        before = read_side_tail(self._folder / commits_name(earlier[-1])) if earlier else None
        if before:
            self._take_over(before)
        written = [name for name in listing.segments if name.run or name.day == day]
        for name in written if before else listing.segments:
            self._collect_marks(name, listing)
        in_flight = [name for name in written if name not in listing.compressed and str(name) not in self._at.files]
        # Of what the side file before knows of, the rest is looked at; of everything else all is.
        kept = {file: extent for file, extent in self._at.files.items() if not _is_closed(file, day)}
        proven = committed_extents(
            [self._folder / commits_name(other) for other in earlier], {str(name) for name in in_flight if name.run}
        )
        self._at.files = {**{str(name): proven.get(str(name), (0, 0)) for name in in_flight}, **kept}
        self._at.commits_day = day
        line, self._at.chain = self._at.state(date_text(self._now()), rebuilt=True).line(self._at.chain)
        create_complete(self._disk, self._folder / commits_name(day), line)
        self._rebuilt.append(commits_name(day))
        self._mend_tails()

    def _collect_marks(self, name: SegmentName, listing: Listing) -> None:
        path = self._folder / str(name)
        marks, unreadable = lost_marks(path)
        self._raise_marks(marks.items())
        if unreadable and not name.run and name.day != listing.newest_day:
            message = f"{unreadable} lines are no audit rows"
            self._damaged.append(Damage(file=str(name), offset=0, size=0, message=message))

    def _mend_tails(self) -> None:
        """Bring every file that may have been in flight to its last valid row, and the side file up to it."""
        lines: list[bytes] = []
        for file, (committed, count) in list(self._at.files.items()):
            path = self._folder / file
            if not path.exists() and self._was_closed(file):
                del self._at.files[file]
                continue
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
            self._append(self._folder / commits_name(self._at.commits_day or ""), b"".join(lines))

    def _append(self, path: Path, data: bytes) -> None:
        descriptor = self._disk.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            write_all(self._disk, descriptor, data)
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)

    def _was_closed(self, file: str) -> bool:
        """Whether a file is gone because it was compressed, or deleted by retention."""
        return (self._folder / (file + COMPRESSED)).exists() or any(
            stub.file == file for stub in read_stubs(self._folder, _day_of(file))
        )

    def _mend_tail(self, path: Path, committed: int, count: int, lines: list[bytes]) -> None:
        name = SegmentName.parse(path.name)
        assert name is not None
        after = last_date(path, committed) if committed > len(HEADER) else b""
        found = scan(path, committed, day=name.day, after=after, end=self._end_trusted(path.name, committed))
        if path.stat().st_size > found.end:
            self._move_aside(path, found.end)
        self._at.files[path.name] = (found.end, count + found.rows)
        if not found.rows:
            return
        self._raise_marks(found.marks.items())
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
        self._at.total = self._at.total.plus(found.rows, commit.size, name.day)
        self._at.commits_since_state += 1
        self._recovered_rows += found.rows

    def _end_trusted(self, file: str, committed: int) -> int | None:
        """Up to where rows the side file does not know are believed; None: to the end of the file."""
        if self._trusted is None:
            return None
        return max(committed, self._trusted.get(file, (0, 0))[0])

    def _start_again_after_loss(self, path: Path, size: int) -> None:
        """A file shorter than committed: what is left of a cut row is moved aside, so that no row is glued to it."""
        del self._at.files[path.name]  # announced anew, with its real length, before it is written again
        if not size:
            return
        name = SegmentName.parse(path.name)
        assert name is not None
        with closing(PlainRows(path)) as file:
            content_end = whole_rows_end(file, size)
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

    def _newest(self, listing: Listing) -> tuple[SegmentName | None, bytes]:
        """The part that is written, and its last Date: what is older is late, as is what is older than a day begun."""
        name = listing.newest
        begun = max(name.day if name else "", self._at.commits_day or "")
        if not begun:
            return None, b""
        start = f"{begun} 00:00:00".encode()
        if name is None or name.day != begun:
            return None, start
        last = start
        for other in listing.of_day(begun):
            path = self._folder / str(other)
            if not other.run and other not in listing.compressed and other.part >= name.part - 1 and path.exists():
                last = max(last, last_date(path, path.stat().st_size))
        if self._trusted is not None:
            # What a failed sync left of the file is not built upon: rows go on elsewhere.
            name = SegmentName(name.day, 0, name.part + 1)
        return name, last


def _day_of(file: str) -> str:
    name = SegmentName.parse(file)
    return name.day if name else ""


def _is_closed(file: str, day: str) -> bool:
    """A segment of an earlier day never changes."""
    name = SegmentName.parse(file)
    return name is None or (not name.run and name.day < day)
