"""One day's rows in order of Date: the day's segment with its late runs merged in.

Bounded memory whatever the files' size and number. Where no late row falls, the segment's bytes pass through as stored,
chunk by chunk. For equal Dates the segment comes first, then the late runs in order of number, which is the order in
which the rows arrived.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.layout import SegmentName
from callkeeper.audit.row import DATE_LENGTH, HEADER, MAX_ROW_BYTES
from callkeeper.audit.scan import CHUNK_BYTES, read_stretch, whole_lines, whole_rows_end
from callkeeper.audit.stored_rows import StoredRows, open_rows

_BISECT_BYTES = 4096
"""Below this the last steps of a bisection are a look through one read: some 35 rows of usual length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Whole rows of one file.

    Attributes:
        path: the file, by its plain name, whether it is compressed or not.
        start: offset of the first row; as all offsets, in the CSV before compression.
        end: offset after the last.
    """

    path: Path
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


def find_stretch(path: Path, first: bytes, limit: bytes) -> Stretch:
    """The rows of a file whose Date lies in [first, limit), found by bisection.

    Takes the file as it is now, up to its last whole row: it may be growing, and its last row may be half written.

    Args:
        path: a file with rows, in order of Date.
        first: the first Date wanted.
        limit: the first Date not wanted any more.

    Raises:
        OSError: the file cannot be read.
    """
    with closing(open_rows(path)) as rows:
        end = whole_rows_end(rows, rows.size)
        begin = min(len(HEADER), end)
        start = _first_not_before(rows, begin, end, first)
        stop = _first_not_before(rows, start, end, limit)
    return Stretch(path=path, start=start, end=stop)


def day_pieces(
    folder: Path, names: Sequence[SegmentName], first: bytes, limit: bytes
) -> Iterator[tuple[Stretch | None, tuple[Stretch, ...]]]:
    """The rows of a day whose Date lies in [first, limit), in pieces that follow each other.

    One for each part of the day's segment, with the late rows that belong to it.

    Raises:
        OSError: a file cannot be read.
    """
    mains = [found for name in names if not name.run and (found := find_stretch(folder / str(name), first, limit)).size]
    late = [folder / str(name) for name in names if name.run]
    begins = [first, *(_first_date(stretch) for stretch in mains[1:]), limit]
    for index in range(max(1, len(mains))):
        # A late row with the Date a part begins with comes after all rows of that Date, so with that part.
        runs = tuple(find_stretch(path, begins[index], begins[index + 1]) for path in late)
        yield (mains[index] if mains else None), runs


def _first_date(stretch: Stretch) -> bytes:
    return next(read_stretch(stretch.path, stretch.start, stretch.start + DATE_LENGTH))


def merged(main: Stretch | None, late: Sequence[Stretch]) -> Iterator[bytes]:
    """The rows of all stretches in order of Date.

    Raises:
        OSError: a file cannot be read.
    """
    chunks = read_stretch(main.path, main.start, main.end) if main else iter(())
    late = [stretch for stretch in late if stretch.size]
    if not late:
        yield from chunks
        return
    share = max(MAX_ROW_BYTES, 8 * CHUNK_BYTES // len(late)) if len(late) <= 64 else 8 * 1024  # noqa: PLR2004 - 64 runs share 8 MiB, more of them read little at a time
    rows = heapq.merge(*(_rows(stretch, share) for stretch in late), key=_date)
    pending = next(rows, None)
    for chunk in whole_lines(chunks):
        last = chunk[chunk.rfind(b"\n", 0, -1) + 1 :][:DATE_LENGTH]
        position = 0
        pieces: list[bytes] = []
        held = 0
        while pending is not None and _date(pending) < last:
            cut = _first_after(chunk, position, _date(pending))
            pieces += (chunk[position:cut], pending)
            held += cut - position + len(pending)
            position = cut
            pending = next(rows, None)
            if held >= CHUNK_BYTES:
                yield b"".join(pieces)
                pieces, held = [], 0
        pieces.append(chunk[position:] if position else chunk)
        yield b"".join(pieces)
    yield from _remaining(pending, rows)


def _remaining(pending: bytes | None, rows: Iterator[bytes]) -> Iterator[bytes]:
    pieces: list[bytes] = []
    held = 0
    while pending is not None:
        pieces.append(pending)
        held += len(pending)
        pending = next(rows, None)
        if held >= CHUNK_BYTES or pending is None:
            yield b"".join(pieces)
            pieces, held = [], 0


def _rows(stretch: Stretch, share: int) -> Iterator[bytes]:
    """The rows one by one; the file is open only while it is read, so that many runs need no more descriptors."""
    position = stretch.start
    rest = b""
    while position < stretch.end:
        with closing(open_rows(stretch.path)) as file:
            data = file.read_at(min(share, stretch.end - position), position)
        if not data:
            return
        position += len(data)
        lines = (rest + data).splitlines(keepends=True)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        yield from lines


def _date(line: bytes) -> bytes:
    return line[:DATE_LENGTH]


def _first_after(chunk: bytes, begin: int, date: bytes) -> int:
    """Offset of the first row of a chunk of whole rows, from `begin` on, that is younger than `date`."""
    low, high = begin, len(chunk)
    while low < high:
        middle = chunk.rfind(b"\n", low, (low + high) // 2) + 1 or low
        if chunk[middle : middle + DATE_LENGTH] > date:
            high = middle
        else:
            low = chunk.index(b"\n", middle) + 1
    return low


def _first_not_before(rows: StoredRows, begin: int, end: int, date: bytes) -> int:
    """Offset of the first row in [begin, end) whose Date is not before `date`; `end` when there is none."""
    low, high = rows.narrow(date, begin, end)
    while high - low > _BISECT_BYTES:
        middle = (low + high) // 2
        start = _row_start(rows, middle, high)
        if start >= high or rows.read_at(DATE_LENGTH, start) >= date:
            high = middle
        else:
            low = start
    data = rows.read_at(min(end, high + MAX_ROW_BYTES) - low, low)
    position = 0
    while low + position < end and data[position : position + DATE_LENGTH] < date:
        position = data.index(b"\n", position) + 1
    return low + position


def _row_start(rows: StoredRows, offset: int, limit: int) -> int:
    """The first offset from `offset` on where a row begins; at least `limit` when none does before it."""
    position = offset - 1
    while position < limit:
        data = rows.read_at(512, position)
        cut = data.find(b"\n")
        if cut >= 0:
            return position + cut + 1
        if not data:
            break
        position += len(data)
    return limit
