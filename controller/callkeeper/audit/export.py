"""A range of the log as CSV: header line, rows with `start <= Date < end` in order, as stored.

Reads files only, takes no lock: works beside the writer, on whole rows. A range is fixed (`prepare`) before anything is
said about it or sent, so that the audit row of a download and the download agree to the byte, however long it takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callkeeper.audit.layout import list_store
from callkeeper.audit.merge import Stretch, find_stretch, merged
from callkeeper.audit.row import HEADER, date_text
from callkeeper.audit.scan import count_rows
from callkeeper.audit.select import Selection


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
        days: per day the day's segment (or None) and its late runs.
    """

    start: datetime
    end: datetime
    selection: Selection
    days: tuple[tuple[Stretch | None, tuple[Stretch, ...]], ...]

    def chunks(self) -> Iterator[bytes]:
        """The CSV, header line first; as often as wanted, the same bytes each time.

        Raises:
            OSError: a file cannot be read.
        """
        yield HEADER
        yield from self.selection.apply(self._rows())

    def totals(self) -> Totals:
        """Count, reading what must be read: all of the range where rows are selected or counted.

        Raises:
            OSError: a file cannot be read.
        """
        rows, size = 0, len(HEADER)
        if self.selection.everything:
            for main, late in self.days:
                for stretch in ((main,) if main else ()) + late:
                    size += stretch.size
                    rows += count_rows(stretch.path, stretch.start, stretch.end)
        else:
            for chunk in self.selection.apply(self._rows()):
                size += len(chunk)
                rows += chunk.count(b"\n")
        return Totals(rows=rows, size=size)

    def _rows(self) -> Iterator[bytes]:
        for main, late in self.days:
            yield from merged(main, late)


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
    days: list[tuple[Stretch | None, tuple[Stretch, ...]]] = []
    if first < limit:
        listing = list_store(folder)
        for day in sorted({name.day for name in listing.segments}):
            if not first[:10].decode() <= day <= limit[:10].decode():
                continue
            names = list(listing.of_day(day))
            stretches = [find_stretch(folder / str(name), first, limit) for name in names]
            main = stretches.pop(0) if not names[0].run else None
            days.append((main, tuple(stretches)))
    return Export(start=start, end=end, selection=selection or Selection(), days=tuple(days))


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
