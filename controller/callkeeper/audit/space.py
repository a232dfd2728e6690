"""Room on the disk: when it is low, when rows are refused, and the bytes kept back so that even that can be told.

Refusing begins before the disk is full, and a file of a fixed size is given up where it became full all the same (other
programs write too): the row that tells of the refusal finds room.
"""

import errno
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from callkeeper.audit.disk import Disk, Room
from callkeeper.audit.layout import RESERVE

RESERVE_BYTES = 1024 * 1024
"""Kept back: some thousand rows with their lines; what the store itself has to tell is a handful."""

LOOK_EVERY_BYTES = 1024 * 1024
LOOK_EVERY_SECONDS = 1.0
"""How often the free space is asked for while rows are written: at most so much is written without a look."""

MAX_LOW_BYTES = 1024**3
MAX_FULL_BYTES = 64 * 1024**2
"""The marks on a large disk: a warning at 1 GiB (9 million rows), refusal at 64 MiB. On a small one a tenth and a
fiftieth of its size."""

AHEAD_BYTES = 8 * 1024 * 1024
AHEAD_PART = 256
"""What the file that grows takes of the disk at a time, at most: eight hundred commits of 64 rows; less on a disk below
2 GiB."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskState(StrEnum):
    """What the store says of its disk."""

    OK = "ok"
    LOW = "low"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskMarks:
    """Free bytes below which the disk counts as low, and below which rows are refused.

    Attributes:
        low_bytes: warning.
        full_bytes: refusal; rows are taken again at a quarter more.
    """

    low_bytes: int
    full_bytes: int

    @classmethod
    def usual(cls, room: Room) -> "DiskMarks":
        """For a disk of that size."""
        return cls(low_bytes=min(MAX_LOW_BYTES, room.size // 10), full_bytes=min(MAX_FULL_BYTES, room.size // 50))


class Space:
    """Watches the room of a store's disk and holds the reserve."""

    def __init__(self, folder: Path, disk: Disk, marks: DiskMarks | None = None) -> None:
        """Look once.

        Args:
            folder: the store's.
            disk: the port to the disk.
            marks: by the size of the disk by default.

        Raises:
            OSError: the file system cannot be asked.
        """
        self._folder = folder
        self._disk = disk
        room = disk.room(folder)
        self._marks = marks or DiskMarks.usual(room)
        self._unseen_bytes = 0
        self._looked = 0.0
        self.state = DiskState.OK
        self.room = room
        self.look()

    @property
    def ahead_bytes(self) -> int:
        """What a file may take at a time before it needs it; nothing where room is short."""
        return min(AHEAD_BYTES, self.room.size // AHEAD_PART) if self.state is DiskState.OK else 0

    def wrote(self, size: int) -> None:
        """Count what was written, and look when it is time.

        Raises:
            OSError: the file system cannot be asked.
        """
        self._unseen_bytes += size
        if self._unseen_bytes >= LOOK_EVERY_BYTES or self.is_due():
            self.look()

    def is_due(self) -> bool:
        """Whether the last look is a while ago."""
        return time.monotonic() - self._looked >= LOOK_EVERY_SECONDS

    def look(self) -> DiskState:
        """Ask how much is free.

        Raises:
            OSError: the file system cannot be asked.
        """
        self._looked = time.monotonic()
        self._unseen_bytes = 0
        self.room = self._disk.room(self._folder)
        full = self._marks.full_bytes
        if self.state is DiskState.FULL:
            full += full // 4
        if self.room.free < full:
            self.state = DiskState.FULL
        else:
            self.state = DiskState.LOW if self.room.free < self._marks.low_bytes else DiskState.OK
        return self.state

    def ran_out(self) -> None:
        """A write found no room: give the reserve up, and refuse until a later look finds some."""
        self._looked = time.monotonic()
        self.state = DiskState.FULL
        self._disk.remove(self._folder / RESERVE)

    def keep_reserve(self) -> None:
        """Take the reserve where it is not there and there is room for it.

        Raises:
            OSError: it could not be taken.
        """
        path = self._folder / RESERVE
        if self.state is DiskState.FULL or self.room.free < 2 * RESERVE_BYTES or path.exists():
            return
        descriptor = self._disk.open(path, os.O_WRONLY | os.O_CREAT)
        try:
            self._disk.reserve(descriptor, RESERVE_BYTES)
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)
        self._disk.sync_folder(self._folder)
