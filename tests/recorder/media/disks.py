"""Disks that fail: a full one, one whose syncs fail, one that forgets what was not synced."""

import errno
import os
from pathlib import Path

from callkeeper.recorder.files import LocalDisk, LocalFile


class FailingFile(LocalFile):
    """Fails as its disk says."""

    def __init__(self, disk: "FailingDisk", descriptor: int) -> None:
        super().__init__(descriptor)
        self._disk = disk

    def overwrite(self, place: int, data: bytes) -> None:
        if self._disk.room is not None:
            if len(data) > self._disk.room:
                super().overwrite(place, data[: self._disk.room])
                self._disk.room = 0
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._disk.room -= len(data)
        super().overwrite(place, data)

    def sync(self) -> None:
        self._disk.syncs += 1
        if self._disk.failing_syncs:
            self._disk.failing_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync()


class FailingDisk(LocalDisk):
    """A disk whose growing files fail when told to.

    Attributes:
        room: bytes that still fit; None: as many as there are.
        failing_syncs: how many of the next syncs fail.
        syncs: how many were asked for.
        free: what it says is free; None: what is.
        failing_links: how many of the next links fail.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self.failing_syncs = 0
        self.failing_links = 0
        self.syncs = 0
        self.free: int | None = None

    def open_growing(self, path: Path) -> LocalFile:
        return FailingFile(self, os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def open_nameless(self, folder: Path) -> LocalFile:
        return FailingFile(self, os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600))

    def link(self, source: Path, target: Path) -> None:
        if self.failing_links:
            self.failing_links -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().link(source, target)

    def free_bytes(self, folder: Path) -> int:
        return super().free_bytes(folder) if self.free is None else self.free
