"""The marks of senders, out of the rows alone: for files whose side file is lost.

Read in large pieces, some 200 MB a second. A piece whose counts fit (as many ids, row ends and time zones as lines, no
control character but the line ends) is taken for rows without looking at each; any other is looked at line by line.
So a stray quote may pass, and its row's id counts: that row was taken once, and its bytes are proven by nothing here.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from callkeeper.audit.row import HEADER, MAX_ROW_BYTES
from callkeeper.audit.scan import CHUNK_BYTES, ROW, open_whole

_ID = re.compile(rb',"\{""id"":""([A-Za-z0-9._/-]+):(\d{1,19})""')
"""Where Details begin. Inside a field no quote stands alone, so that no text from outside reads like it."""

_CONTROLS = bytes([*range(32), 127])


def lost_marks(path: Path) -> tuple[dict[str, int], int]:
    """The highest sequence of each sender among all rows of a file, and how many lines were found to be none.

    Looks behind holes: for closed files, where a mark missed would let a repeat through.

    Raises:
        OSError: the file cannot be read.
    """
    marks: dict[bytes, int] = {}
    unreadable = 0
    with open_whole(path) as file:
        if file.readline(len(HEADER)) != HEADER:
            file.seek(0)
        for piece in _pieces(file):
            ids = _ID.findall(piece)
            if not _is_rows(piece, len(ids)):
                rows = list(map(ROW.fullmatch, BytesIO(piece)))
                ids = [(row[2], row[3]) for row in rows if row]
                unreadable += len(rows) - len(ids)
            for sender, digits in ids:
                if (sequence := int(digits)) > marks.get(sender, 0):
                    marks[sender] = sequence
    return {sender.decode(): sequence for sender, sequence in marks.items()}, unreadable


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of the file, cut at the ends of lines; a line longer than a row may be is cut as well."""
    while piece := file.read(CHUNK_BYTES):
        yield piece if piece.endswith(b"\n") else piece + file.readline(MAX_ROW_BYTES + 1)


def _is_rows(piece: bytes, ids: int) -> bool:
    lines = piece.count(b"\n")
    return (
        lines == ids == piece.count(b'}"\r\n') == piece.count(b" +0000 UTC,")
        and len(piece.translate(None, _CONTROLS)) == len(piece) - len(b"\r\n") * lines
        and piece.endswith(b"\n")
    )
