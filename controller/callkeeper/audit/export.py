"""A range of the log as CSV: header line, rows with `start <= Date < end` in order, as stored.

Reads files only, takes no lock: works beside the writer, on whole rows. A range is fixed (`prepare`) before anything is
said about it or sent, so that the audit row of a download and the download agree to the byte, however long it takes.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callkeeper.audit.layout import list_store
from callkeeper.audit.looking_again import looked_at
from callkeeper.audit.merge import Stretch, day_pieces, merged
from callkeeper.audit.row import HEADER, date_text
from callkeeper.audit.row_numbers import rows_of
from callkeeper.audit.scan import read_stretch
from callkeeper.audit.select import Selection
from callkeeper.audit.spreadsheet import made_safe

_Day = tuple[Stretch | None, tuple[Stretch, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much an export is.

    Attributes:
        rows: without the header line.
        size: bytes, the header line included.
    """

    rows: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A range fixed: which bytes of which files.

    Attributes:
        start: the first instant, included.
        end: the first instant not included.
        selection: which rows of the range are wanted.
        spreadsheet_safe: fields that look like formulas get an apostrophe in front.
        days: per day, or part of a day, its segment (or None) and its late rows.
    """

    start: datetime
    end: datetime
    selection: Selection
    days: tuple[_Day, ...]
    spreadsheet_safe: bool = False

    @property
    def as_stored(self) -> bool:
        """Every row of the range, and every byte as it is stored."""
        return self.selection.everything and not self.spreadsheet_safe

    @property
    def tag(self) -> str:
        """Names these bytes: another export has the same only if it is of the same bytes of the same files."""
        seen = hashlib.sha256(repr((self.selection, self.spreadsheet_safe)).encode("utf-8", "surrogatepass"))
        for main, late in self.days:
            for stretch in ((main,) if main else ()) + late:
                seen.update(f"/{stretch.path.name}:{stretch.start}-{stretch.end}".encode())
        return seen.hexdigest()[:32]

    def chunks(self) -> Iterator[bytes]:
        """The CSV, header line first; as often as wanted, the same bytes each time.

        Raises:
            OSError: a file cannot be read.
        """
        for piece in self.pieces():
            if isinstance(piece, Stretch):
                yield from read_stretch(piece.path, piece.start, piece.end)
            else:
                yield piece

    def pieces(self, offset: int = 0) -> Iterator[bytes | Stretch]:
        """The CSV from an offset on, where it can be as stretches of files, which need not pass through this process.

        Raises:
            OSError: a file cannot be read.
        """
        left = offset
        for piece in self._all_pieces():
            size = piece.size if isinstance(piece, Stretch) else len(piece)
            if left >= size:
                left -= size
                continue
            yield _without(piece, left)
            left = 0

    def totals(self) -> Totals:
        """Count, reading what must be read: all of the range where rows are selected or counted.

        Raises:
            OSError: a file cannot be read.
        """
        rows, size = 0, len(HEADER)
        if self.as_stored:
            for main, late in self.days:
                for stretch in ((main,) if main else ()) + late:
                    size += stretch.size
                    rows += rows_of(stretch)
        else:
            for chunk in self._selected():
                size += len(chunk)
                rows += chunk.count(b"\n")
        return Totals(rows=rows, size=size)

    def _all_pieces(self) -> Iterator[bytes | Stretch]:
        yield HEADER
        if not self.as_stored:
            yield from self._selected()
            return
        for main, late in self.days:
            if main is not None and not any(stretch.size for stretch in late):
                yield main
            else:
                yield from merged(main, late)

    def _selected(self) -> Iterator[bytes]:
        rows = (chunk for main, late in self.days for chunk in merged(main, late))
        selected = self.selection.apply(rows)
        return made_safe(selected) if self.spreadsheet_safe else selected


def _without(piece: bytes | Stretch, count: int) -> bytes | Stretch:
    """A piece without its first bytes."""
    if isinstance(piece, Stretch):
        return replace(piece, start=piece.start + count)
    return piece[count:]


def prepare(folder: Path, start: datetime, end: datetime, selection: Selection | None = None) -> Export:
    """Fix a range of a store: what is on disk now, found by bisection.

    Args:
        folder: the store's.
        start: aware; included. Dates are whole seconds: 10:00:00.5 begins with the Date 10:00:01.
        end: aware; not included.
        selection: which rows; all by default.

    Raises:
        OSError: the folder cannot be read.
    """
    first, limit = _whole_second(start), _whole_second(end)
    days = looked_at(lambda: tuple(_days(folder, first, limit)))
    return Export(start=start, end=end, selection=selection or Selection(), days=days)


def _days(folder: Path, first: bytes, limit: bytes) -> Iterator[_Day]:
    if first >= limit:
        return
    listing = list_store(folder)
    for day in sorted({name.day for name in listing.segments}):
        if first[:10].decode() <= day <= limit[:10].decode():
            yield from day_pieces(folder, list(listing.of_day(day)), first, limit)


def export_range(folder: Path, start: datetime, end: datetime) -> Iterator[bytes]:
    """The rows with `start <= Date < end` as CSV in chunks, header line first.

    Raises:
        OSError: the folder cannot be read.
    """
    return prepare(folder, start, end).chunks()


def _whole_second(at: datetime) -> bytes:
    """The first Date not before an instant."""
    at = at.astimezone(UTC)
    return date_text(at + timedelta(seconds=1) if at.microsecond else at).encode()
