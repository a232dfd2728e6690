"""The port to the disk: every operation of the store that changes something goes through it.

Small, so that a test can fail the Nth write or sync, stop a write short, or run the disk full. Reading needs no port:
what cannot be read fails the operation that wanted it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from callkeeper.audit.fallocate import take_beyond_end

FILE_MODE = 0o600
"""Rows name people; only the store's own user reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A file system's room.

    Attributes:
        size: bytes in all.
        free: bytes we may still write.
    """

    size: int
    free: int


class Disk(Protocol):
    """What the store needs of a file system; every method raises OSError."""

    def open(self, path: Path, flags: int) -> int:
        """Open for writing and return the descriptor."""
        ...

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of the data and return how much; less than all is no error."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return when the file's bytes and length are on stable storage."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to that many bytes."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name, replacing what had it."""
        ...

    def rename_new(self, source: Path, target: Path) -> bool:
        """Give a file its name unless another has it; whether it was given. The source's name is gone either way."""
        ...

    def remove(self, path: Path) -> None:
        """Take a file's name away; no error when there is none."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in the folder are on stable storage."""
        ...

    def room(self, folder: Path) -> "Room":
        """How much the file system holds, and how much of it is free for us."""
        ...

    def reserve(self, descriptor: int, size: int) -> None:
        """Take so many bytes of the disk for the file."""
        ...

    def reserve_beyond(self, descriptor: int, offset: int, size: int) -> None:
        """Take so many bytes of the disk from this offset on, behind the file's end; its length stays.

        Only to make the next syncs cheaper: a file system that cannot do it raises.
        """
        ...


class LocalDisk:
    """The machine's own file system."""

    def open(self, path: Path, flags: int) -> int:
        """See `Disk`."""
        return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """See `Disk`."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """See `Disk`."""
        # fdatasync leaves out the time stamps only; macOS has no such call.
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """See `Disk`."""
        os.ftruncate(descriptor, size)

    def rename(self, source: Path, target: Path) -> None:
        """See `Disk`."""
        source.rename(target)

    def rename_new(self, source: Path, target: Path) -> bool:
        """See `Disk`."""
        try:
            os.link(source, target)
        except FileExistsError:
            return False
        finally:
            source.unlink()
        return True

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        path.unlink(missing_ok=True)

    def room(self, folder: Path) -> Room:
        """See `Disk`."""
        found = os.statvfs(folder)
        return Room(size=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)

    def reserve(self, descriptor: int, size: int) -> None:
        """See `Disk`."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:  # macOS: blocks that are written are taken
            os.write(descriptor, bytes(size))

    def reserve_beyond(self, descriptor: int, offset: int, size: int) -> None:
        """See `Disk`."""
        take_beyond_end(descriptor, offset, size)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk`."""
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Return when the names in the folder are on stable storage.

    Raises:
        OSError: they are not.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write until everything is written.

    Raises:
        OSError: a write failed, or took nothing.
    """
    written = disk.write(descriptor, data)
    while written < len(data):
        step = disk.write(descriptor, memoryview(data)[written:])
        if step <= 0:
            raise OSError(f"a write took nothing after {written} of {len(data)} bytes")
        written += step


def create_complete(disk: Disk, path: Path, data: bytes) -> None:
    """Make a file that appears with all its bytes or not at all, and is there after a crash.

    Raises:
        OSError: it could not be made; the name is as it was before.
    """
    unfinished = path.with_name(path.name + ".new")
    descriptor = disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(disk, descriptor, data)
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
    disk.rename(unfinished, path)
    disk.sync_folder(path.parent)
