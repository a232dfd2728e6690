"""Files that appear complete or not at all, through a port small enough to fail on purpose.

What is written here is on disk when the call returns: temp name, fsync, rename, fsync of the folder. One writer per
folder is assumed (whoever composes the recorder holds a lock); readers need none.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from callkeeper.audit.disk import sync_folder


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

    def open_growing(self, path: Path) -> "GrowingFile":
        """Open a file to write at its end; made, readable by its owner only, where there is none."""
        ...

    def open_nameless(self, folder: Path) -> "GrowingFile":
        """Make a file without a name in this folder: nobody can open it, and it is gone when it is closed."""
        ...

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; `FileExistsError` when the name is taken."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """How much may still be written there."""
        ...


class GrowingFile(Protocol):
    """A file that is written at its end. Every method may raise `OSError`; one that did leaves the file to `cut`."""

    def size(self) -> int:
        """How long it is, in bytes."""
        ...

    def append(self, data: bytes) -> None:
        """Write all of this at the end."""
        ...

    def overwrite(self, place: int, data: bytes) -> None:
        """Write all of this over what is there."""
        ...

    def read(self, place: int, count: int) -> bytes:
        """So many bytes from there on; fewer at the end."""
        ...

    def cut(self, size: int) -> None:
        """Keep the first so many bytes."""
        ...

    def sync(self) -> None:
        """Return when its data is on disk."""
        ...

    def close(self) -> None:
        """Let go of it; harmless when done twice."""
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
        sync_folder(folder)

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

    def open_growing(self, path: Path) -> "LocalFile":
        """See `Disk.open_growing`."""
        return LocalFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def open_nameless(self, folder: Path) -> "LocalFile":
        """See `Disk.open_nameless`."""
        try:
            return LocalFile(os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
                raise
        # A file system without nameless files: the name is taken away before anything is written.
        path = folder / f".{token_hex(16)}"
        file = LocalFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        path.unlink()
        return file

    def link(self, source: Path, target: Path) -> None:
        """See `Disk.link`."""
        os.link(source, target)

    def free_bytes(self, folder: Path) -> int:
        """See `Disk.free_bytes`."""
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


class LocalFile:
    """A `GrowingFile` of the local file system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def size(self) -> int:
        """See `GrowingFile.size`."""
        return os.fstat(self._descriptor).st_size

    def append(self, data: bytes) -> None:
        """See `GrowingFile.append`."""
        self.overwrite(self.size(), data)

    def overwrite(self, place: int, data: bytes) -> None:
        """See `GrowingFile.overwrite`."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, place)
            left, place = left[written:], place + written

    def read(self, place: int, count: int) -> bytes:
        """See `GrowingFile.read`."""
        return os.pread(self._descriptor, count, place)

    def cut(self, size: int) -> None:
        """See `GrowingFile.cut`."""
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """See `GrowingFile.sync`."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """See `GrowingFile.close`."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


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
