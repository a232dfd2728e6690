"""What has arrived of one recording's media: recognised, appended, hashed, synced. Runs in a lane, never in the loop.

Facts:
    - Until the format is known, nothing is written: what is refused was never on the disk.
    - Synced is what a sync has returned for. After an error of the disk nothing behind that is believed (Linux drops
      pages whose write failed): the file is cut there, hashed anew, and whoever sends is told to go on from there.
"""

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from callkeeper.recorder.files import GrowingFile
from callkeeper.recorder.media.facts import read_facts
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.recognition import MEDIA_HEAD_BYTES, Format, UnknownContent, recognise

SYNC_SECONDS = 4.0
"""How old the first unsynced byte may be when the next ones come. With the second in which idle uploads are looked at,
nothing waits for longer than five."""

SYNC_BYTES = 4 * 1024 * 1024
"""Unsynced bytes at most: what comes as fast as the disk is synced as it comes."""

MEDIA_RESERVE_BYTES = 256 * 1024 * 1024
"""Room that media leaves on its disk: the database and the audit log go on when there is none for media."""

_READ_BYTES = 1024 * 1024


class OffsetLost(Exception):  # noqa: N818 - what happened, not whose fault
    """What is to be appended does not begin where what has arrived ends."""


class Published(Exception):  # noqa: N818 - what happened, not whose fault
    """The media is complete and has its name already: nothing is added to it."""


class NoRoom(Exception):  # noqa: N818 - what happened, not whose fault
    """The disk has no more than the reserve."""


class Part:
    """The media of one recording while it grows."""

    def __init__(
        self,
        recording: str,
        files: MediaFiles,
        *,
        reserve_bytes: int = MEDIA_RESERVE_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recording = recording
        self._files = files
        self._reserve_bytes = reserve_bytes
        self._monotonic = monotonic
        self._head = b""
        self._file: GrowingFile | None = None
        self._hash = sha256()
        self._size = 0
        self._unsynced_since: float | None = None
        self._broken = False
        self.format: Format | None = None
        self.synced = 0
        self.published = False

    @property
    def length(self) -> int:
        """How many bytes have arrived and are believed."""
        if self._broken:
            return self.synced
        return self._size if self._file is not None else len(self._head)

    @property
    def path(self) -> Path:
        """Where it grows."""
        return self._files.part(self._recording)

    def is_sync_due(self) -> bool:
        """Whether bytes have waited for their sync for long enough; may be asked from the loop."""
        since = self._unsynced_since
        return since is not None and self._monotonic() - since >= SYNC_SECONDS

    def resume(self) -> None:
        """Take up what is there of an earlier time, if anything is.

        Raises:
            OSError: it cannot be read.
        """
        if self.path.exists():
            self._open(None)

    def append(self, offset: int, data: bytes) -> None:
        """Take these bytes, which begin at this offset.

        Raises:
            OffsetLost: what has arrived does not end there.
            Published: it is complete.
            UnknownContent: it is not what is taken; nothing is kept.
            NoRoom: the disk is full but for its reserve.
            OSError: it is not known to be written; `length` says what is.
        """
        self._mend()
        if offset != self.length:
            raise OffsetLost
        if self.published:
            raise Published
        if self._file is None:
            self._head += data
            self.format = self._recognised(complete=False)
            if self.format is not None:
                self._write_head()
            return
        self._write(self._file, data)

    def _recognised(self, *, complete: bool) -> Format | None:
        try:
            return recognise(self._head, complete=complete)
        except UnknownContent:
            self._head = b""
            raise

    def _write_head(self) -> None:
        try:
            self._see_room()
            self._file = self._files.open_part(self._recording)
        except (NoRoom, OSError):
            self.format, self._head = None, b""
            raise
        head, self._head = self._head, b""
        self._write(self._file, head)

    def _write(self, file: GrowingFile, data: bytes) -> None:
        try:
            file.append(data)
            self._hash.update(data)
            self._size += len(data)
            if self._unsynced_since is None:
                self._unsynced_since = self._monotonic()
            if self._size - self.synced >= SYNC_BYTES or self.is_sync_due():
                self._sync(file)
        except OSError:
            self._broken = True
            raise

    def _sync(self, file: GrowingFile) -> None:
        file.sync()
        self.synced, self._unsynced_since = self._size, None
        # Asked here, not for each write: what comes between two syncs is far below the reserve.
        self._see_room()

    def sync(self) -> None:
        """Sync what is not.

        Raises:
            NoRoom: it is synced, and the disk is full but for its reserve.
            OSError: it is not known to be on disk; `length` says what is.
        """
        if self._file is None or self._broken or self._unsynced_since is None:
            return
        try:
            self._sync(self._file)
        except OSError:
            self._broken = True
            raise

    def _see_room(self) -> None:
        if self._files.free_bytes() < self._reserve_bytes:
            raise NoRoom

    def _mend(self) -> None:
        """After an error: go back to what was synced."""
        if self._broken:
            self.close()
            self._open(self.synced)

    def _open(self, size: int | None) -> None:
        """Open the file, cut to this size, and read what it holds."""
        file = self._files.open_part(self._recording)
        try:
            if size is not None:
                file.cut(size)
            file.sync()
            found, place, head = sha256(), 0, b""
            while block := file.read(place, _READ_BYTES):
                head = head or block
                found.update(block)
                place += len(block)
            format_ = self._found_again(head, place)
        except OSError:
            file.close()
            raise
        self._file, self._hash, self._size, self.synced, self._broken = file, found, place, place, False
        self.format, self._unsynced_since = format_, None
        if format_ is None:
            self.close()
            self._files.drop_part(self._recording)
            self._hash, self._size, self.synced = sha256(), 0, 0
        else:
            self.published = self._files.is_published(self._recording)

    def _found_again(self, head: bytes, size: int) -> Format | None:
        """The format of what is there; None where a power cut left too little of the beginning to be of any use."""
        try:
            return recognise(head, complete=True) if head else None
        except UnknownContent as error:
            if size <= MEDIA_HEAD_BYTES:
                return None
            raise OSError(errno.EIO, "what had arrived of an upload is not media any more") from error

    def settle(self, offset: int | None) -> tuple[Format, int | None, str]:
        """Nothing more comes: everything on disk, the header put right.

        Args:
            offset: where the sender says it ends; None takes what is there.

        Returns:
            Format, duration in microseconds and SHA-256.

        Raises:
            OffsetLost: what has arrived does not end there.
            UnknownContent: nothing has arrived, or not enough to tell what it is.
            OSError: it is not known to be on disk.
        """
        self._mend()
        if offset is not None and offset != self.length:
            raise OffsetLost
        if self._file is None:
            self.format = self._recognised(complete=True)
            self._write_head()
        assert self._file is not None
        assert self.format is not None
        with suppress(NoRoom):
            # What has come is kept; the reserve is there for such.
            self.sync()
        facts = read_facts(self.path, self.format)
        if facts.repairs:
            try:
                for place, data in facts.repairs:
                    self._file.overwrite(place, data)
                self._file.sync()
            except OSError:
                self._broken = True
                raise
            self._open(None)
        return self.format, facts.duration, self._hash.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
