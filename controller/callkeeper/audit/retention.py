"""Retention of the log itself: whole days are deleted when their youngest row is old enough, and a signed line is left.

    1. what there is of the day is counted and hashed (any thread)
    2. the lines are signed and written (the thread that writes)
    3. a row says what is deleted (`DeleteAuditSegment`)
    4. the files are removed (the thread that writes)

Whatever breaks off, the next round does all of it again.

Facts:
    - The newest day is never deleted, nor are its side file and the one before it: they hold the marks of the senders.
    - Bytes that were moved aside from a file go with it: they may name people as well.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path

from callkeeper.audit.disk import Disk, create_complete
from callkeeper.audit.layout import COMPRESSED, Listing, SegmentName, commits_name, deleted_name
from callkeeper.audit.notary import Notary
from callkeeper.audit.row import DATE_LENGTH, HEADER
from callkeeper.audit.scan import CHUNK_BYTES, last_date, read_stretch
from callkeeper.audit.side_tail import read_side_tail
from callkeeper.audit.stored_rows import open_rows
from callkeeper.audit.stubs import read_stubs


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What is to be deleted of a day.

    Attributes:
        day: which.
        segments: its files with rows.
        files: for each file, what the signed line says of it.
    """

    day: str
    segments: tuple[SegmentName, ...]
    files: Mapping[str, Mapping[str, object]]


def expired_days(listing: Listing, kept: timedelta, now: datetime) -> tuple[str, ...]:
    """The days that are to be deleted, ordered.

    Args:
        listing: of the store.
        kept: how long a day is kept after its end.
        now: aware.
    """
    newest = listing.newest_day or ""
    days = {name.day for name in listing.segments} | set(_deletable_side_days(listing))
    return tuple(sorted(day for day in days if day < newest and _end(day) + kept <= now))


def examine(folder: Path, listing: Listing, day: str) -> Expired:
    """Count and hash what there is of a day.

    Raises:
        OSError: it cannot be read.
    """
    segments = tuple(listing.of_day(day))
    files = {str(name): _rows_told(folder / str(name)) for name in segments}
    if day in _deletable_side_days(listing) and (told := _side_told(folder / commits_name(day))):
        files[commits_name(day)] = told
    return Expired(day=day, segments=segments, files=files)


def leave_stubs(folder: Path, expired: Expired, store: str, notary: Notary, disk: Disk) -> None:
    """Sign and write what is left of the day; lines about files deleted earlier stay.

    Raises:
        KeyUnusable: there is no key to sign with; nothing may be deleted.
        OSError: the file could not be written.
    """
    earlier = [stub.line for stub in read_stubs(folder, expired.day) if stub.file not in expired.files]
    lines = earlier + [notary.sign_deleted(store, {"file": file, **told}) for file, told in expired.files.items()]
    text = "".join(f"{line.text}\n" for line in lines)
    create_complete(disk, folder / deleted_name(expired.day), text.encode())


def remove(folder: Path, expired: Expired, disk: Disk) -> bool:
    """Remove the files; rows and lines that tell of it are on disk. False when a late row has come: nothing was done.

    Raises:
        OSError: some may be left; the next round removes them.
    """
    if any(_grown(folder / str(name), expired.files[str(name)]["bytes"]) for name in expired.segments):
        return False
    for file in expired.files:
        for path in (folder / file, folder / (file + COMPRESSED), *folder.glob(f"{file}.torn-*")):
            disk.remove(path)
    disk.sync_folder(folder)
    return True


def _grown(path: Path, size: object) -> bool:
    return path.exists() and path.stat().st_size != size


def _deletable_side_days(listing: Listing) -> tuple[str, ...]:
    return listing.commit_days[:-2]


def _end(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)


def _rows_told(path: Path) -> dict[str, object]:
    digest, rows = sha256(), 0
    with closing(open_rows(path)) as file:
        size, offset = file.size, 0
        first = file.read_at(DATE_LENGTH, len(HEADER))
        while chunk := file.read_at(CHUNK_BYTES, offset):
            digest.update(chunk)
            rows += chunk.count(b"\n")
            offset += len(chunk)
    return {
        "rows": max(0, rows - 1),
        "bytes": size,
        "from": _instant(first),
        "to": _instant(last_date(path, size)),
        "sha256": digest.hexdigest(),
    }


def _side_told(path: Path) -> dict[str, object] | None:
    """What is said of a side file; None when it cannot be read to its end, and is kept for that."""
    tail = read_side_tail(path)
    if tail is None or tail.end != path.stat().st_size:
        return None
    digest, rows = sha256(), 0
    for chunk in read_stretch(path, 0, tail.end):
        digest.update(chunk)
        rows += chunk.count(b"\n")
    with path.open("rb") as file:
        before = _before(file.readline())
    if before is None:
        return None
    return {
        "rows": rows,
        "bytes": tail.end,
        "before": before,
        "chain": tail.chain.hex(),
        "commits": tail.state.total.commits + len(tail.since_state),
        "sha256": digest.hexdigest(),
    }


def _before(first_line: bytes) -> str | None:
    try:
        return bytes.fromhex(json.loads(first_line)["from"]).hex()
    except (ValueError, KeyError, TypeError):
        return None


def _instant(at: bytes) -> str:
    return at.decode("ascii", "replace").strip().replace(" ", "T") + "Z" if at.strip() else "-"
