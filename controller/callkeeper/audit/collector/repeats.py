"""A repeat with other content: found by looking at the row that was kept.

The store drops a repeat by its number without looking at it: the first counts. Here what came again is held against
what is stored, so that a sender that numbers two events alike is noticed: its second event is nowhere in the log.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, islice
from pathlib import Path

from callkeeper.audit.event import AuditEvent
from callkeeper.audit.layout import Listing, list_store
from callkeeper.audit.merge import find_stretch
from callkeeper.audit.row import DATE_LENGTH, date_text, row
from callkeeper.audit.scan import read_stretch, whole_lines
from callkeeper.audit.stored_rows import open_rows

_SECOND = timedelta(seconds=1)

RECENT_BYTES = 8 * 1024 * 1024
"""Of each of the newest files, where a row is looked for whose event claimed an instant too far ahead: some 70,000."""

RECENT_FILES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """What became of events that had been numbered before.

    Attributes:
        same: how many are stored byte for byte.
        differing: sequences whose stored row says something else, or that have no row where one was to be found.
    """

    same: int
    differing: tuple[int, ...]


def compare(folder: Path, repeats: Sequence[AuditEvent]) -> Repeats:
    """Hold repeats of one sender against the rows stored.

    Each is looked for at its own instant, by bisection; where there is none, among the rows that came last, for one
    that lay so far ahead that the store took the time of receipt. A sequence that was skipped has no row: it counts as
    differing.

    Raises:
        OSError: the store cannot be read.
    """
    listing = list_store(folder)
    differing: list[int] = []
    absent: dict[str, AuditEvent] = {}
    for second, group in groupby(sorted(repeats, key=_second), key=_second):
        events = list(group)
        date = second.encode()
        limit = date_text(events[0].at.replace(microsecond=0) + _SECOND).encode()
        paths = [folder / str(name) for name in listing.of_day(second[:10])]
        stored = _stored(paths, date, limit, {event.id for event in events})
        absent |= {event.id: event for event in events if event.id not in stored}
        differing += [event.sequence for event in events if stored.get(event.id) not in {None, row(event)}]
    received = _received(folder, listing, absent)
    differing += [event.sequence for name, event in absent.items() if not _is_received(event, received.get(name))]
    return Repeats(same=len(repeats) - len(differing), differing=tuple(sorted(differing)))


def _second(event: AuditEvent) -> str:
    return date_text(event.at)


def _stored(paths: Iterable[Path], date: bytes, limit: bytes, wanted: set[str]) -> dict[str, bytes]:
    needles = {name: f'"{{""id"":""{name}""'.encode() for name in wanted}
    found: dict[str, bytes] = {}
    for path in paths:
        stretch = find_stretch(path, date, limit)
        for chunk in whole_lines(read_stretch(stretch.path, stretch.start, stretch.end)):
            for name, needle in needles.items():
                hit = -1 if name in found else chunk.find(needle)
                if hit >= 0:
                    found[name] = chunk[chunk.rfind(b"\n", 0, hit) + 1 : chunk.index(b"\n", hit) + 1]
    return found


def _received(folder: Path, listing: Listing, wanted: Mapping[str, AuditEvent]) -> dict[str, bytes]:
    """The rows among those that came last."""
    if not wanted:
        return {}
    (sender,) = {event.sender for event in wanted.values()}
    needle = re.compile(rb'"\{""id"":""' + re.escape(sender.encode()) + rb':(\d+)""')
    found: dict[str, bytes] = {}
    for name in islice(reversed(listing.segments), RECENT_FILES):
        path = folder / str(name)
        with closing(open_rows(path)) as rows:
            size = rows.size
        for chunk in whole_lines(read_stretch(path, max(0, size - RECENT_BYTES), size)):
            for hit in needle.finditer(chunk):
                if (name_of := f"{sender}:{hit[1].decode()}") in wanted:
                    found[name_of] = chunk[chunk.rfind(b"\n", 0, hit.start()) + 1 : chunk.index(b"\n", hit.end()) + 1]
    return found


def _is_received(event: AuditEvent, line: bytes | None) -> bool:
    """Whether the row is that of the event, with the time of receipt in place of the instant claimed."""
    return line is not None and line[DATE_LENGTH:] == row(event.received(event.at))[DATE_LENGTH:]
