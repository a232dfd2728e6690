"""A repeat with other content: found by looking at the row that was kept.

The store drops a repeat by its number without looking at it: the first counts. Here what came again is held against
what is stored, so that a sender that numbers two events alike is noticed: its second event is nowhere in the log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from callkeeper.audit.event import AuditEvent
from callkeeper.audit.layout import list_store
from callkeeper.audit.merge import find_stretch
from callkeeper.audit.row import date_text, row
from callkeeper.audit.scan import read_stretch, whole_lines

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """What became of events that had been numbered before.

    Attributes:
        same: how many are stored byte for byte.
        differing: sequences whose stored row says something else, or that have no row at that instant.
    """

    same: int
    differing: tuple[int, ...]


def compare(folder: Path, repeats: Sequence[AuditEvent]) -> Repeats:
    """Hold repeats of one sender against the rows stored.

    Each is looked for at its own instant, by bisection. Of a sequence that was skipped, or whose instant lay so far
    ahead that the store took the time of receipt, there is no row there: it counts as differing.

    Raises:
        OSError: the store cannot be read.
    """
    listing = list_store(folder)
    differing: list[int] = []
    for second, group in groupby(sorted(repeats, key=_second), key=_second):
        events = list(group)
        date = second.encode()
        limit = date_text(events[0].at.replace(microsecond=0) + _SECOND).encode()
        paths = [folder / str(name) for name in listing.of_day(second[:10])]
        stored = _stored(paths, date, limit, {event.id for event in events})
        differing += [event.sequence for event in events if stored.get(event.id) != row(event)]
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
