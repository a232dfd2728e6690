"""The bytes of a file with rows by offset, whether it is compressed or not: offsets are those of the plain CSV.

A file is asked for by its plain name; where only its compressed form is there, that is read.
"""

import os
from pathlib import Path
from typing import Protocol

from callkeeper.audit.layout import COMPRESSED
from callkeeper.audit.packed import PackedRows


class StoredRows(Protocol):
    """An open file with rows."""

    @property
    def size(self) -> int:
        """Bytes of the CSV."""
        ...

    def read_at(self, size: int, offset: int) -> bytes:
        """That many bytes, fewer where the file ends."""
        ...

    def read_into(self, buffer: bytearray, offset: int) -> int:
        """Fill the buffer from an offset on; how many bytes."""
        ...

    def narrow(self, date: bytes, begin: int, end: int) -> tuple[int, int]:
        """A stretch of [begin, end] that holds the first row not before a Date, without reading rows."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class PlainRows:
    """A CSV file as it is."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        """See `StoredRows`."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, size: int, offset: int) -> bytes:
        """See `StoredRows`."""
        return os.pread(self._descriptor, size, offset)

    def read_into(self, buffer: bytearray, offset: int) -> int:
        """See `StoredRows`."""
        return os.preadv(self._descriptor, [buffer], offset)

    def narrow(self, date: bytes, begin: int, end: int) -> tuple[int, int]:
        """See `StoredRows`."""
        del date
        return begin, end

    def close(self) -> None:
        """See `StoredRows`."""
        os.close(self._descriptor)


def open_rows(path: Path) -> StoredRows:
    """Open a file with rows by its plain name.

    Raises:
        OSError: neither form can be opened.
        PackedError: the compressed form is damaged.
    """
    try:
        return PlainRows(path)
    except FileNotFoundError:
        packed = path.with_name(path.name + COMPRESSED)
        if not packed.exists():
            raise
        return PackedRows(packed)


def rows_exist(path: Path) -> bool:
    """Whether a file is there in either form."""
    return path.exists() or path.with_name(path.name + COMPRESSED).exists()
