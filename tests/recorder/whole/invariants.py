"""What holds of a recorder after every kill, whatever was under way: looked up in its store, media and audit log.

The recorder runs meanwhile and its recordings go on expiring, so what was done is compared with a look taken before,
and what may have been done with one taken after.
"""

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.recorder.whole.journal import Journal, RecordingKept

from callkeeper.audit.export import export_range
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.store.ledger import LedgerRow, LedgerState
from callkeeper.recorder.store.looking import SqliteLook
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.recording import KeptRecording, Note, Status
from callkeeper.recorder.store.retention import KeptHold, Tombstone
from callkeeper.recorder.store.search import EVERYTHING, Search
from callkeeper.recorder.upkeep.checking import check
from callkeeper.recorder.upkeep.differences import Difference

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MOST = 10**9
RETENTION = timedelta(hours=1)
GRACE = timedelta(hours=24)
SETTLED_SECONDS = 60.0
REMOVALS = {"ExpireRecording": "expired", "DeleteRecording": "deleted", "ExecuteErasure": "erased"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A look at the store, at one instant."""

    ledger: list[LedgerRow]
    recordings: dict[str, KeptRecording]
    tombstones: dict[str, Tombstone]
    holds: dict[str, KeptHold]
    notes: dict[str, list[Note]]
    waiting: int
    unfinished: int


def look(folder: Path) -> Seen:
    """Look at the store of a recorder that runs."""
    store = SqliteLook.open(folder / "recorder" / "store")
    try:
        return store.read(_seen)
    finally:
        store.close()


def _seen(rows: Reading) -> Seen:
    recordings = rows.search(Search(), EVERYTHING, None, MOST)
    return Seen(
        ledger=rows.ledger(FIRST, LAST, 0, MOST),
        recordings={one.id: one for one in recordings},
        tombstones={one.recording: one for one in rows.tombstones_since(FIRST)},
        holds={hold.id: hold for holds in rows.all_holds().values() for hold in holds},
        notes={one.id: rows.notes_of(one.key) for one in recordings},
        waiting=rows.outbox_size().rows,
        unfinished=len(rows.unreachable(MOST)),
    )


async def settled(folder: Path) -> Seen:
    """A look after what was under way has been taken to its end: removals finished, audit rows delivered."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while True:
            found = await asyncio.to_thread(look, folder)
            if found.waiting == 0 and found.unfinished == 0:
                return found
            await asyncio.sleep(0.02)


async def hold(folder: Path, journal: Journal) -> None:
    """See that everything holds."""
    before = await settled(folder)
    rows = await asyncio.to_thread(audit_rows, folder)
    after = await asyncio.to_thread(look, folder)
    _segments(before, journal)
    for kept in journal.recordings.values():
        _recording(before, kept)
    _media(folder, before, journal)
    _holds(before, journal)
    _nothing_goes_while_held(after)
    _config(folder, journal)
    _audit(rows, before, after, journal)


def differences(folder: Path) -> list[Difference]:
    """What differs between the rows and the media of a recorder that does not run, as `recorder check` finds it."""
    store = SqliteLook.open(folder / "recorder" / "store")
    try:
        return list(check(store, folder / "recorder" / "media", running=False))
    finally:
        store.close()


def audit_rows(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Action and details of all rows of the audit log."""
    text = b"".join(export_range(folder / "audit", FIRST, LAST)).decode()
    return [(row["ActionType"], json.loads(row["Details"])) for row in csv.DictReader(io.StringIO(text, newline=""))]


def _segments(seen: Seen, journal: Journal) -> None:
    there = Counter(row.segment for row in seen.ledger)
    twice = [name for name, count in there.items() if count > 1]
    lost = {kept.segment for kept in journal.recordings.values()} - there.keys()
    assert not twice, f"segments are there twice: {twice}"
    assert not lost, f"acknowledged segments are lost: {lost}"
    ended = {kept.segment for kept in journal.recordings.values() if kept.ended}
    for row in seen.ledger:
        assert row.segment not in ended or row.ended is not None, f"{row.segment} has ended, and is open"
        assert row.state in set(LedgerState)


def _recording(seen: Seen, kept: RecordingKept) -> None:
    found, tombstone = seen.recordings.get(kept.name), seen.tombstones.get(kept.name)
    assert (found is None) != (tombstone is None), f"{kept.name} is lost, or there beside its tombstone"
    if tombstone is not None:
        assert kept.sha256 is None or tombstone.sha256 == kept.sha256
        assert tombstone.why == "expired" or (tombstone.why == "deleted" and kept.perhaps_deleted)
        return
    assert found is not None
    assert not kept.deleted, f"{kept.name} was deleted, and is there"
    if kept.sha256 is not None:
        assert found.status is Status.COMPLETE
        assert found.media is not None
        assert found.media.sha256 == kept.sha256
    assert kept.tags <= set(found.tags)
    notes = {note.id: note for note in seen.notes[kept.name]}
    assert len({note.text for note in notes.values()}) == len(notes), "a note is there twice"
    for name, wanted in kept.notes.items():
        note = notes.get(name)
        assert note is not None or wanted.perhaps_deleted, "an acknowledged note is lost"
        assert note is None or not wanted.deleted, "a deleted note is there"
        assert note is None or note.text in wanted.texts, "an acknowledged edit is lost"


def _media(folder: Path, seen: Seen, journal: Journal) -> None:
    for found in seen.recordings.values():
        if found.media is None:
            continue
        path = folder / "recorder" / "media" / found.media.path
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            gone = look(folder).recordings.get(found.id)
            assert gone is None, f"the media of {found.id} is lost"
            continue
        assert sha256(content).hexdigest() == found.media.sha256, f"the media of {found.id} is not what was stored"
        assert len(content) == found.media.bytes
        kept = journal.recordings.get(found.id)
        assert kept is None or kept.sha256 in {None, found.media.sha256}


def _holds(seen: Seen, journal: Journal) -> None:
    reasons = Counter(hold.reason for hold in seen.holds.values())
    assert max(reasons.values(), default=1) == 1, "a hold is there twice"
    for name, kept in journal.holds.items():
        found = seen.holds.get(name)
        assert found is not None, "an acknowledged hold is lost"
        assert found.conversation == kept.conversation
        assert found.released is not None or not kept.released, "an acknowledged release is lost"
        assert found.released is None or kept.perhaps_released, "a hold was released by nobody"


def _nothing_goes_while_held(seen: Seen) -> None:
    holds: dict[str, list[KeptHold]] = {}
    for hold in seen.holds.values():
        holds.setdefault(hold.conversation, []).append(hold)
    for tombstone in seen.tombstones.values():
        if tombstone.why == "expired":
            assert tombstone.clock is not None
            assert tombstone.removed >= tombstone.clock + RETENTION, "it was removed before its time"
        for hold in holds.get(tombstone.conversation, ()):
            grace = GRACE if tombstone.why == "expired" else timedelta(0)
            free = tombstone.removed < hold.placed or (
                hold.released is not None and tombstone.removed >= hold.released + grace
            )
            assert free, f"{tombstone.recording} was {tombstone.why} while {hold.id} held it"


def _config(folder: Path, journal: Journal) -> None:
    stored = DiskConfigStore(folder / "recorder", LocalDisk()).load()
    assert stored is not None
    assert stored.pointer.revision in {journal.revision, *journal.perhaps_revisions}, "an acknowledged config is lost"


def _audit(rows: Iterable[tuple[str, Mapping[str, Any]]], before: Seen, after: Seen, journal: Journal) -> None:
    rows = list(rows)
    numbers = sorted(int(details["id"].rpartition(":")[2]) for _, details in rows)
    assert numbers == list(range(1, len(numbers) + 1)), "audit rows are lost, or there twice"
    told = Counter(action for action, _ in rows)
    about = Counter((action, _about(action, details)) for action, details in rows)
    for action, count in journal.told.items():
        assert count <= told[action] <= count + journal.perhaps_told[action], f"{action}: {told[action]} for {count}"
    for name, hold in before.holds.items():
        assert about["PlaceHold", name] == 1
        assert about["ReleaseHold", name] == (hold.released is not None)
    for notes in before.notes.values():
        for note in notes:
            assert about["AddNote", note.id] == 1
    for kept in journal.recordings.values():
        for name, note in kept.notes.items():
            assert about["AddNote", name] == 1
            assert note.edits <= about["UpdateNote", name] <= note.edits + note.doubtful_edits
            assert about["DeleteNote", name] <= note.perhaps_deleted
    for name, tombstone in before.tombstones.items():
        removed = [action for action in REMOVALS for _ in range(about[action, name])]
        assert [REMOVALS[action] for action in removed] == [tombstone.why], f"{name} was removed by {removed}"
    gone = {details["recording"] for action, details in rows if action in REMOVALS}
    assert gone <= after.tombstones.keys(), "a removal was told of that did not happen"


def _about(action: str, details: Mapping[str, Any]) -> str:
    for name in ("hold", "note", "recording"):
        if name in details and (name != "hold" or action in {"PlaceHold", "ReleaseHold"}):
            return str(details[name])
    return ""
