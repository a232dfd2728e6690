"""Files that appear complete or not at all, through a port small enough to fail on purpose.

What is written here is on disk when the call returns: temp name, fsync, rename, fsync of the folder. One writer per
folder is assumed (whoever composes the recorder holds a lock); readers need none.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """What the recorder asks of a file system. Every method may raise `OSError`."""

    def read(self, path: Path) -> bytes:
        """The whole file; `FileNotFoundError` when there is none."""
        ...

    def write_synced(self, path: Path, data: bytes) -> None:
        """Write the file anew, readable by its owner only, and return when its data is on disk."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give the file its name, in place of what had it."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in this folder are on disk."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make the folder and its parents, for its owner only, and return when their names are on disk."""
        ...

    def names(self, folder: Path) -> list[str]:
        """The names in this folder."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the file."""
        ...


class LocalDisk:
    """The local file system."""

    def read(self, path: Path) -> bytes:
        """See `Disk.read`."""
        return path.read_bytes()

    def write_synced(self, path: Path, data: bytes) -> None:
        """See `Disk.write_synced`."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """See `Disk.sync_folder`."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folder(self, folder: Path) -> None:
        """See `Disk.make_folder`."""
        if folder.is_dir():
            return
        self.make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        self.sync_folder(folder.parent)

    def names(self, folder: Path) -> list[str]:
        """See `Disk.names`."""
        return [path.name for path in folder.iterdir()]

    def remove(self, path: Path) -> None:
        """See `Disk.remove`."""
        path.unlink()


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Put this data under this name: after a crash the file is the old one or the new one, whole.

    Raises:
        OSError: it could not be done. The old file stands, unless it was the very last step that failed (the sync of
            the folder): then either may be found after a crash.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        disk.write_synced(temporary, data)
        disk.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            disk.remove(temporary)
        raise
    disk.sync_folder(path.parent)
