"""A disk that fails on command: the Nth write or sync, short writes, no space left."""

import errno
import os
from pathlib import Path

from callkeeper.audit.disk import LocalDisk


class CrashError(Exception):
    """Ends the process that the test plays: nothing after it reaches the disk."""


class FailingDisk(LocalDisk):
    """Counts operations and fails the one it is told to.

    Args:
        fail_at: number of the operation to fail, from 1; 0 for none.
        only: the operation that counts: `write`, `sync`, `rename`, `truncate`, or any.
        error: what to raise: an errno, or the type of an exception.
        keep: how many bytes of a failing write reach the file.
        step: bytes a write takes at most; 0 for all.
    """

    def __init__(
        self,
        fail_at: int = 0,
        *,
        only: str = "",
        error: int | type[Exception] = errno.EIO,
        keep: int = 0,
        step: int = 0,
    ) -> None:
        self.fail_at = fail_at
        self.only = only
        self.error = error
        self.keep = keep
        self.step = step
        self.count = 0

    def open(self, path: Path, flags: int) -> int:
        self._operation("open")
        return super().open(path, flags)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if self._due("write"):
            super().write(descriptor, data[: self.keep])
            self._fail()
        return super().write(descriptor, data[: self.step] if self.step else data)

    def sync(self, descriptor: int) -> None:
        self._operation("sync")
        super().sync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        self._operation("truncate")
        super().truncate(descriptor, size)

    def rename(self, source: Path, target: Path) -> None:
        self._operation("rename")
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._operation("sync")
        super().sync_folder(folder)

    def _operation(self, name: str) -> None:
        if self._due(name):
            self._fail()

    def _due(self, name: str) -> bool:
        if self.only in {"", name}:
            self.count += 1
            return self.count == self.fail_at
        return False

    def _fail(self) -> None:
        if isinstance(self.error, int):
            raise OSError(self.error, os.strerror(self.error))
        raise self.error


class ForgetfulDisk(FailingDisk):
    """Loses with the power what was not synced: bytes since a file's last sync, names since the folder's."""

    def __init__(self, fail_at: int = 0, *, error: int | type[Exception] = CrashError, keep: int = 0) -> None:
        super().__init__(fail_at, error=error, keep=keep)
        self.sizes: dict[int, int] = {}
        self.names: set[Path] = set()

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        status = os.fstat(descriptor)
        self.sizes[status.st_ino] = status.st_size

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.names = set(folder.iterdir())

    def lose_power(self, folder: Path) -> None:
        """What is left when the machine comes back."""
        for path in folder.iterdir():
            if path.name == "lock":
                continue
            if path not in self.names:
                path.unlink()
            else:
                os.truncate(path, self.sizes[path.stat().st_ino])
