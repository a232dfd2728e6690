"""The files of a store, written by one thread, and when what is written is on disk.

Knows nothing of events, waiting or acknowledging (`store`), of where a row goes (`routing`), nor of mending what a
crash left (`recovery`).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from callkeeper.audit.batch import Batch
from callkeeper.audit.commits import STATE_EVERY, STATE_EVERY_BYTES, Commit
from callkeeper.audit.disk import Disk, create_complete, write_all
from callkeeper.audit.layout import SegmentName, commits_name
from callkeeper.audit.position import Head, Position
from callkeeper.audit.room_ahead import RoomAhead
from callkeeper.audit.routing import Router
from callkeeper.audit.row import HEADER, date_text
from callkeeper.audit.scan import count_rows

STORE_ID_BYTES = 8
"""Random bytes that name a store: told apart are the logs of one organisation."""

SIDE_SYNC_BYTES = 8 * 1024 * 1024
"""The side file is synced after so many bytes of rows and lines: what it may lag behind, and recovery has to read,
stays below some 70,000 rows, a tenth of a second."""

_APPEND = os.O_WRONLY | os.O_APPEND


class Journal:
    """Writes rows and side file lines; for one thread at a time."""

    def __init__(
        self,
        folder: Path,
        position: Position,
        *,
        disk: Disk,
        now: Callable[[], datetime],
        limit_bytes: int | None = None,
        ahead_bytes: int = 0,
    ) -> None:
        """Go on from a position.

        Args:
            folder: the store's.
            position: where it stands; taken over.
            disk: the port to the disk.
            now: the clock, aware.
            limit_bytes: after so many a file is continued in a further one; None: with the day only.
            ahead_bytes: of the disk that are taken at a time for the day's segment to grow into.
        """
        self._folder = folder
        self._disk = disk
        self._now = now
        self._at = position
        self._at.store = self._at.store or token_hex(STORE_ID_BYTES)
        self._router = Router(folder, position, limit_bytes)
        self._segment: tuple[SegmentName, int] | None = None
        self._side: int | None = None
        self._unsynced_bytes = 0
        self._state_size = 0
        self._ahead = RoomAhead(disk, ahead_bytes)

    @property
    def marks(self) -> Mapping[str, int]:
        """The highest sequence of every sender on disk."""
        return self._at.marks

    @property
    def head(self) -> Head:
        """After the last commit."""
        return self._at.head

    @property
    def extents(self) -> Mapping[str, tuple[int, int]]:
        """Bytes and rows of each file in use that are known to be on disk."""
        return self._at.files

    @property
    def segment(self) -> SegmentName | None:
        """The part of the day's segment that is written; None before the first row."""
        return self._at.segment

    def rotate_at(self, limit_bytes: int | None) -> None:
        """From now on continue a file in a further one after so many bytes."""
        self._router.limit_bytes = limit_bytes

    def commit(self, batch: Batch) -> int:
        """Write the rows; they are on disk when this returns. How many bytes they have.

        Raises:
            OSError: a write or sync failed; what is on disk is not known, and this journal must not be used again.
        """
        size = 0
        for route in self._router.route(batch.rows):
            size += self._write(route.name, batch if route.rows is batch.rows else Batch(route.rows))
        return size

    def sync_side(self) -> None:
        """Put the side file on disk too: what a checkpoint vouches for must not be lost with the power.

        Raises:
            OSError: it could not be synced; this journal must not be used again.
        """
        if self._side is not None and self._unsynced_bytes:
            self._disk.sync(self._side)
            self._unsynced_bytes = 0

    def forget(self, names: Sequence[SegmentName]) -> None:
        """Files that were compressed or deleted: they are not written again."""
        for name in names:
            self._at.files.pop(str(name), None)
        self._router.forget_runs()

    def note_restored(self, instant: str) -> None:
        """Say in the chain that the store was restored from the backup of that instant.

        Raises:
            OSError: it could not be written; this journal must not be used again.
        """
        if self._at.commits_day is not None:
            self._open_side()
            self._append_state(restored=instant)
            self.sync_side()

    def close(self) -> None:
        """Let go of the files."""
        self._close_segment()
        if self._side is not None:
            os.close(self._side)
        self._side = None

    def _write(self, name: SegmentName, batch: Batch) -> int:
        data = batch.data
        descriptor = self._descriptor(name)
        offset, row = self._at.files[str(name)]
        try:
            _see_nobody_else_wrote(descriptor, name, offset)
            if not name.run:
                self._ahead.grow(descriptor, offset, offset + len(data))
            write_all(self._disk, descriptor, data)
            self._disk.sync(descriptor)
        finally:
            if name.run:
                os.close(descriptor)
        content, rows = batch.content, len(batch.rows)
        self._at.marks.update(content.marks)
        self._at.files[str(name)] = (offset + len(data), row + rows)
        self._at.total = self._at.total.plus(rows, len(data), name.day)
        commit = Commit(
            file=str(name),
            offset=offset,
            row=row,
            size=len(data),
            rows=rows,
            at=date_text(self._now()),
            marks=content.marks,
            sha256=content.sha256,
        )
        line, chain = commit.line(self._at.chain, content.marks_text)
        self._append_line(line, chain)
        self._at.bytes_since_state += len(line)
        self._at.commits_since_state += 1
        if (
            self._at.commits_since_state >= STATE_EVERY
            or self._at.bytes_since_state >= max(STATE_EVERY_BYTES, 8 * self._state_size)
        ):  # fmt: skip
            self._append_state()
        self._unsynced_bytes += len(data)
        if self._unsynced_bytes >= SIDE_SYNC_BYTES:
            self.sync_side()
        return len(data)

    def _descriptor(self, name: SegmentName) -> int:
        """The file opened for appending, and known to the side file before its first byte is written."""
        if self._segment is not None and self._segment[0] == name:
            return self._segment[1]
        if not name.run and self._at.commits_day != name.day:
            self._begin_side_file(name)
        self._open_side()
        path = self._folder / str(name)
        if str(name) not in self._at.files:
            self._announce(name)
        if not path.exists() or not path.stat().st_size:
            create_complete(self._disk, path, HEADER)
        size, rows = self._at.files[str(name)]
        self._at.files[str(name)] = (max(size, len(HEADER)), rows)
        descriptor = self._disk.open(path, _APPEND)
        if not name.run:
            self._close_segment()
            self._segment = name, descriptor
        return descriptor

    def _close_segment(self) -> None:
        if self._segment is not None:
            descriptor = self._segment[1]
            self._segment = None
            try:
                self._ahead.give_back(descriptor)
            finally:
                os.close(descriptor)

    def _open_side(self) -> None:
        if self._side is None:
            assert self._at.commits_day is not None
            self._side = self._disk.open(self._folder / commits_name(self._at.commits_day), _APPEND)

    def _begin_side_file(self, name: SegmentName) -> None:
        """A new day: the last side file is made safe, the next begins with all there is to know."""
        if self._at.commits_day is not None:
            self._open_side()
            assert self._side is not None
            self._disk.sync(self._side)
        self.close()
        self._router.forget_runs()
        self._at.files = {str(name): (0, 0)}
        line, self._at.chain = self._at.state(date_text(self._now())).line(self._at.chain)
        create_complete(self._disk, self._folder / commits_name(name.day), line)
        self._at.commits_day = name.day
        self._at.commits_since_state = self._at.bytes_since_state = self._unsynced_bytes = 0

    def _announce(self, name: SegmentName) -> None:
        """Say durably that this file will be written, so that opening knows which tails to look at."""
        path = self._folder / str(name)
        size = path.stat().st_size if path.exists() else 0
        if not name.run:
            # The part before it is complete: nobody needs to look at its tail again.
            done = [other for other in self._at.files if (known := SegmentName.parse(other)) and not known.run]
            for other in done:
                del self._at.files[other]
        self._at.files[str(name)] = (size, count_rows(path, len(HEADER), size) if size else 0)
        self._append_state()
        assert self._side is not None
        self._disk.sync(self._side)
        self._unsynced_bytes = 0

    def _append_state(self, *, restored: str = "") -> None:
        line, chain = self._at.state(date_text(self._now()), restored=restored).line(self._at.chain)
        self._append_line(line, chain)
        self._state_size = len(line)
        self._at.commits_since_state = self._at.bytes_since_state = 0

    def _append_line(self, line: bytes, chain: bytes) -> None:
        assert self._side is not None
        write_all(self._disk, self._side, line)
        self._at.chain = chain
        self._unsynced_bytes += len(line)


def _see_nobody_else_wrote(descriptor: int, name: SegmentName, end: int) -> None:
    """What others add to a file, or cut from it, is noticed before the next commit, and mended like a failed write.

    Raises:
        OSError: the file does not end where it should.
    """
    found = os.fstat(descriptor).st_size
    if found != end:
        raise OSError(
            f"{name} has {found:,} bytes where {end:,} were written: something else writes to it; see that nothing does"
        )
