"""Reading stored rows back: which bytes are whole, valid rows, and what ids they carry.

Used where the side file cannot be asked: for the tail of a file after a crash. The marks of whole files are
`lost_marks`' business.
"""

import gzip
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from callkeeper.audit.layout import COMPRESSED, SegmentName
from callkeeper.audit.row import DATE_LENGTH, HEADER, MAX_ROW_BYTES
from callkeeper.audit.stored_rows import StoredRows, open_rows

CHUNK_BYTES = 1024 * 1024
"""What is read at a time: the largest piece an export holds, and big enough that the disk sets its speed."""

_PLAIN = rb'[^",\x00-\x1f\x7f]*+'
_INSIDE = rb'[^"\x00-\x1f\x7f]*+'
# No possessive repeat of a group: Python before 3.11.5 may go on behind the beginning of one repeat too many.
_QUOTED = _INSIDE + rb'(?:""' + _INSIDE + rb')*"'
_FIELD = rb'(?:"' + _QUOTED + rb"|" + _PLAIN + rb")"
_DATE = re.compile(rb"\d{4}-\d{2}-\d{2} (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d")
ROW = re.compile(
    rb"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) \+0000 UTC,"
    + (_FIELD + rb",") * 3
    + rb"[A-Za-z]++,"
    + rb'"\{""id"":""([A-Za-z0-9._/-]+):(\d{1,19})""'
    + _QUOTED
    + rb"\r\n"
)
"""A readable row: its instant, the sender and the sequence of its id."""

FIELD = rb'(?:"[^"\r\n]*+(?:""[^"\r\n]*+)*"|[^",\r\n]*+)'
"""A field of any line of CSV, readable as a row or not, without what separates it from the next."""


@dataclass(slots=True)
class Scanned:
    """What a stretch of a file holds.

    Attributes:
        end: offset after the last row of the longest valid run from where the scan began.
        rows: rows of that run.
        marks: the highest sequence of each sender in it.
        last: Date of its last row as ordered by, empty when it has none.
    """

    end: int
    rows: int = 0
    marks: dict[str, int] = field(default_factory=dict)
    last: bytes = b""


def scan(path: Path, start: int, *, day: str, after: bytes = b"", end: int | None = None) -> Scanned:
    """Find the longest run of valid rows from `start` on; never looks behind a hole.

    Args:
        path: the file; from offset 0 the header line is expected first.
        start: an offset where a row (or the header) begins.
        day: the UTC day every row must lie in.
        after: Date of the row before; an older row ends the run.
        end: rows that reach beyond it are not looked at; None: to the end of the file.

    Raises:
        OSError: the file cannot be read.
    """
    found = Scanned(end=start, last=after)
    prefix = day.encode()
    for line in _lines(path, start):
        if end is not None and found.end + len(line) > end:
            break
        if found.end == 0:
            if line != HEADER:
                break
            found.end = len(HEADER)
            continue
        match = ROW.fullmatch(line)
        if match is None or match[1] < found.last or not match[1].startswith(prefix) or len(line) > MAX_ROW_BYTES:
            break
        found.end += len(line)
        found.rows += 1
        found.last = match[1]
        raise_mark(found.marks, match[2].decode(), int(match[3]))
    return found


def raise_mark(marks: dict[str, int], sender: str, sequence: int) -> None:
    """Keep the higher one."""
    if sequence > marks.get(sender, 0):
        marks[sender] = sequence


def last_date(path: Path, size: int) -> bytes:
    """Date of the last row within the first `size` bytes that has one of the file's day; empty when there is none.

    A row whose Date was altered is passed over: what it says may lie in another century, or be no text at all.

    Raises:
        OSError: the file cannot be read.
    """
    name = SegmentName.parse(path.name)
    assert name is not None
    # From the end of the line before on: of the first row, of the header's.
    tail = b"".join(read_stretch(path, max(len(HEADER) - 1, size - 2 * MAX_ROW_BYTES), size))
    at = len(tail)
    while (at := tail.rfind(b"\n" + name.day.encode(), 0, at)) >= 0:
        date = tail[at + 1 : at + 1 + DATE_LENGTH]
        if _DATE.fullmatch(date):
            return date
    return b""


def count_rows(path: Path, start: int, end: int) -> int:
    """Rows that end within a stretch of bytes.

    Raises:
        OSError: the file cannot be read.
    """
    return sum(chunk.count(b"\n") for chunk in read_stretch(path, start, end))


def read_stretch(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a stretch, in chunks of at most 1 MiB; ends early where the file does.

    Raises:
        OSError: the file cannot be read.
    """
    with closing(open_rows(path)) as rows:
        while start < end and (chunk := rows.read_at(min(CHUNK_BYTES, end - start), start)):
            start += len(chunk)
            yield chunk


def whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut so that every chunk ends with a line; a last line without its end is left out."""
    rest = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut] if rest else chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk


def whole_rows_end(rows: StoredRows, size: int) -> int:
    """Offset after the last whole line within the first `size` bytes of an open file; 0 when there is none.

    Raises:
        OSError: the file cannot be read.
    """
    end = size
    while end > 0:
        begin = max(0, end - MAX_ROW_BYTES)
        cut = rows.read_at(end - begin, begin).rfind(b"\n")
        if cut >= 0:
            return begin + cut + 1
        end = begin
    return 0


def _lines(path: Path, start: int) -> Iterator[bytes]:
    """The file's lines from an offset on, each at most one byte longer than a row may be."""
    with open_whole(path) as file:
        file.seek(start)
        while line := file.readline(MAX_ROW_BYTES + 1):
            yield line


def open_whole(path: Path) -> IO[bytes]:
    """A file with rows to be read from its beginning, compressed or not.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        # As open as the plain one: every gzip reader reads it.
        return gzip.open(path.with_name(path.name + COMPRESSED), "rb")  # type: ignore[return-value]
