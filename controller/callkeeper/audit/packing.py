"""Compressing closed files: those of days before the newest one.

The long part writes a file beside and runs in any thread; `take_over` gives it its name and takes the plain one away,
and runs in the thread that writes rows. A late row that came meanwhile makes the work be thrown away; one that comes
afterwards goes to a further late run.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.disk import Disk, write_all
from callkeeper.audit.layout import COMPRESSED, SegmentName, list_store
from callkeeper.audit.packed import PackedError, PackedRows, pack
from callkeeper.audit.scan import read_stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """A compressed file that has not its name yet.

    Attributes:
        name: of the file it was made from.
        size: bytes it was made from.
    """

    name: SegmentName
    size: int


class BrokenOff(PackedError):  # noqa: N818 - what became of it
    """Nobody wants the file any more: it is made anew another time."""


def closed_files(folder: Path) -> tuple[SegmentName, ...]:
    """What can be compressed.

    Raises:
        OSError: the folder cannot be read.
    """
    listing = list_store(folder)
    newest = listing.newest_day or ""
    return tuple(name for name in listing.segments if name.day < newest and name not in listing.compressed)


def pack_file(folder: Path, name: SegmentName, disk: Disk, is_wanted: Callable[[], bool]) -> PackedFile:
    """Compress a file into one beside it, and read that back: nothing is taken away that cannot be read again.

    Args:
        folder: the store's.
        name: of the file.
        disk: the port to the disk.
        is_wanted: asked on the way; False breaks off.

    Raises:
        OSError: it could not be read or written.
        BrokenOff: it was not wanted any more.
        PackedError: what was written does not read back as what it was made from.
    """
    path, unfinished = folder / str(name), _unfinished(folder, name)
    size = path.stat().st_size
    before = hashlib.sha256()
    descriptor = disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for member in pack(_hashed(read_stretch(path, 0, size), before)):
            write_all(disk, descriptor, member)
            if not is_wanted():
                raise BrokenOff(f"{unfinished} was broken off")
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
    after = hashlib.sha256()
    with closing(PackedRows(unfinished)) as rows:
        offset = 0
        while data := rows.read_at(1024 * 1024, offset):
            after.update(data)
            offset += len(data)
    if after.digest() != before.digest():
        raise PackedError(f"{unfinished} does not read back as {path}")
    return PackedFile(name=name, size=size)


def _hashed(chunks: Iterator[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def take_over(folder: Path, packed: PackedFile, disk: Disk) -> bool:
    """Put the compressed file in the place of the plain one; False when rows have come since, and nothing was done.

    Raises:
        OSError: it could not be done; one of both is there, or both, which is as good.
    """
    path, unfinished = folder / str(packed.name), _unfinished(folder, packed.name)
    if not path.exists() or path.stat().st_size != packed.size:
        disk.remove(unfinished)
        return False
    disk.rename(unfinished, path.with_name(path.name + COMPRESSED))
    disk.sync_folder(folder)
    disk.remove(path)
    disk.sync_folder(folder)
    return True


def _unfinished(folder: Path, name: SegmentName) -> Path:
    return folder / f"{name}{COMPRESSED}.new"
