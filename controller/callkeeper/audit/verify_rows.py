"""Holding committed bytes against their hashes: each file read once, in large pieces, hashed commit by commit.

Plain reads and no memory mapping: a file that shrinks or a disk that fails under a mapping would end the process.
"""

import os
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

from callkeeper.audit.stored_rows import StoredRows, open_rows

WINDOW_BYTES = 4 * 1024 * 1024
"""What is read at a time: the disk sets the speed, and a commit of usual size lies inside."""

_SMALLEST_BYTES = 64 * 1024

MOST_OPEN = 8
"""Files open at a time: the day's segment and the late runs its commits alternate with."""


class _Window:
    def __init__(self, rows: StoredRows) -> None:
        self.rows = rows
        self.buffer = bytearray(min(WINDOW_BYTES, max(_SMALLEST_BYTES, rows.size)))
        self.view = memoryview(self.buffer)
        self.start = self.end = 0


class CommittedBytes:
    """The files of a store, read as their commits come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, _Window] = OrderedDict()
        self._last: tuple[str, _Window] | None = None

    def digest(self, file: str, offset: int, size: int) -> str | None:
        """SHA-256 of a stretch, hexadecimal; None when the file does not reach that far.

        Raises:
            FileNotFoundError: the file is gone.
            OSError: it cannot be read.
        """
        window = self._last[1] if self._last is not None and self._last[0] == file else self._window(file)
        if window.start <= offset and offset + size <= window.end:
            begin = offset - window.start
            return sha256(window.view[begin : begin + size]).hexdigest()
        hashed = sha256()
        while size > 0:
            if not window.start <= offset < window.end:
                window.start = offset
                window.end = offset + window.rows.read_into(window.buffer, offset)
                if window.end == offset:
                    return None
            begin = offset - window.start
            piece = window.view[begin : min(begin + size, window.end - window.start)]
            hashed.update(piece)
            offset += len(piece)
            size -= len(piece)
        return hashed.hexdigest()

    def close(self) -> None:
        """Let go of all files."""
        while self._open:
            self._open.popitem()[1].rows.close()
        self._last = None

    def _window(self, file: str) -> _Window:
        window = self._open.get(file)
        if window is None:
            window = self._open[file] = _Window(open_rows(self._folder / os.path.basename(file)))  # noqa: PTH119 - a side file may say anything
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].rows.close()
        self._open.move_to_end(file)
        self._last = file, window
        return window
