"""Files copied durably, with their hash; the list of what a backup holds."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.upkeep.differences import Progress

LIST = "manifest.jsonl"
VERSION = 1
_READ_BYTES = 1024 * 1024
_NEXT = "name a folder that `callkeeper recorder backup` of this version made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file of a backup.

    Attributes:
        path: relative to the state folder it came from.
        bytes: of the file.
        sha256: hexadecimal.
    """

    path: str
    bytes: int
    sha256: str


def copy_file(source: Path, target: Path, path: str, progress: Progress) -> Held:
    """Copy a file, private to its owner and on disk when this returns; what it held when it was opened, no more.

    Raises:
        OSError: it was not done.
    """
    LocalDisk().make_folder(target.parent)
    digest, left = sha256(), 0
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        left = size = os.fstat(reading).st_size
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while left and (block := os.read(reading, min(_READ_BYTES, left))):
                digest.update(block)
                left -= len(block)
                progress.bytes += len(block)
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(writing, rest) :]
            os.fsync(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    progress.files += 1
    return Held(path=path, bytes=size - left, sha256=digest.hexdigest())


def hash_file(path: Path, name: str) -> Held:
    """What a file is that is in its place already.

    Raises:
        OSError: it cannot be read.
    """
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
        return Held(path=name, bytes=file.tell(), sha256=digest.hexdigest())


@contextmanager
def made_whole(target: Path, suffix: str) -> Iterator[Path]:
    """A folder to be made beside the target, which it becomes at the end; where the block fails nothing is left.

    Args:
        target: not there, or an empty folder.
        suffix: of the folder's name meanwhile.

    Raises:
        OSError: it cannot be brought to disk; nothing is left.
    """
    temporary = target.with_name(f".{target.name}.{token_hex(4)}.{suffix}")
    try:
        yield temporary
        _sync_tree(temporary)
        temporary.rename(target)
        LocalDisk().sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _sync_tree(folder: Path) -> None:
    """Return when the names in this folder and all below it are on disk.

    Raises:
        OSError: it is not known.
    """
    for here, _, _ in os.walk(folder):
        LocalDisk().sync_folder(Path(here))


class FileList:
    """The list of a backup: a line about the whole, a line for each file, a line that says it ends there."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        """Begin the list of the backup in this folder."""
        self._file = (folder / LIST).open("x", encoding="utf-8")
        self._count = 0
        self._write({"version": VERSION} | about)

    def add(self, held: Held) -> None:
        """Name a file."""
        self._count += 1
        self._write({"path": held.path, "bytes": held.bytes, "sha256": held.sha256})

    def end(self) -> None:
        """Say that it is whole; on disk when this returns."""
        self._write({"files": self._count})
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()

    def close(self) -> None:
        """Let go of the file; harmless when done twice."""
        self._file.close()

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value) + "\n")


def read_list(folder: Path) -> tuple[dict[str, Any], Iterator[Held]]:
    """What the list of a backup says about the whole, and its files.

    Raises:
        StorageFault: it is no backup, not whole, or of another version; while iterating, too.
    """
    try:
        with (folder / LIST).open("rb") as file:
            about = json.loads(file.readline())
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200))
            last = json.loads(file.read().splitlines()[-1])
        version, count = about["version"], last["files"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise StorageFault(f"{folder} is no backup, or not whole: its {LIST} cannot be read", _NEXT) from error
    if version != VERSION:
        raise StorageFault(f"{folder} is a backup of version {version}, and this program reads {VERSION}", _NEXT)
    return about, _held(folder, count)


def _held(folder: Path, count: int) -> Iterator[Held]:
    found = 0
    with (folder / LIST).open(encoding="utf-8") as file:
        file.readline()
        for line in file:
            value = json.loads(line)
            if "path" not in value:
                break
            path = Path(value["path"])
            if path.is_absolute() or ".." in path.parts:
                raise StorageFault(f"{folder / LIST} names a file outside", "take another backup")
            found += 1
            yield Held(path=value["path"], bytes=value["bytes"], sha256=value["sha256"])
    if found != count:
        raise StorageFault(f"{folder / LIST} names {found} files of {count}", "take another backup")
