"""What happened after a backup was taken and must hold in what is restored from it: removals, holds, erasures.

Without it, recordings that were erased would be back, and holds that were placed would not protect. It is known from
the store that is replaced, else from its audit log. Replaying twice changes nothing.

Facts:
    - From the store comes everything: tombstones, removals that were begun, holds and their releases, requests to
      erase, promised minimum retention, and audit events that were not delivered yet.
    - From the audit log comes what it has rows for: removals of recordings that the backup has, holds, releases, and
      requests to erase. A hold's owner is then the e-mail address of who placed it.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.export import prepare
from callkeeper.audit.scan import whole_lines
from callkeeper.audit.select import Selection
from callkeeper.recorder.media.files import INCOMING, is_recording_name
from callkeeper.recorder.retention.removal import begin_as
from callkeeper.recorder.store.instants import EPOCH
from callkeeper.recorder.store.looking import SqliteCopy, SqliteLook
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.retention import ErasureRequest, KeptHold, Tombstone
from callkeeper.recorder.store.search import EVERYTHING

_AT_ONCE = 500
_ALL = 1_000_000
_BEFORE = timedelta(days=1)
"""Rows from so long before the backup are looked at as well: an audit row's Date is whole seconds, clocks are set."""

_WHY = {Action.EXPIRE_RECORDING: "expired", Action.DELETE_RECORDING: "deleted", Action.EXECUTE_ERASURE: "erased"}
_WANTED = (*_WHY, Action.PLACE_HOLD, Action.RELEASE_HOLD, Action.REQUEST_ERASURE)


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What was replayed.

    Attributes:
        source: from what, in words.
        removals: recordings removed again, or noted as removed.
        holds: placed or released again.
        erasures: requests registered again.
    """

    source: str = ""
    removals: int = 0
    holds: int = 0
    erasures: int = 0


def replay_store(copy: SqliteCopy, media: Path, old: SqliteLook) -> Replayed:
    """Bring over what the store that is replaced knows.

    Args:
        copy: the store that is being restored.
        media: the media folder that is being restored.
        old: the store that is replaced.

    Raises:
        StorageFault: one of them cannot be read or written; what was replayed before stays.
        OSError: media cannot be removed.
    """
    done = Replayed(source="the store that is replaced")

    def removals(rows: Reading) -> None:
        found = rows.tombstones_since(EPOCH)
        while batch := list(islice(found, _AT_ONCE)):
            for tombstone in copy.write(lambda own, batch=batch: [one for one in batch if own.bury(one)]):  # type: ignore[misc]
                done.removals += 1
                _remove_media(media, tombstone)

    old.read(removals)
    old.read(lambda rows: copy.write(lambda own: _take_over(own, rows, done)))
    return done


def _take_over(own: Writing, rows: Reading, done: Replayed) -> None:
    """Everything but tombstones."""
    for begun in rows.unreachable(_ALL):
        kept = own.recording(begun.id, EVERYTHING)
        if kept is not None and begin_as(own, kept, rows):
            done.removals += 1
    for holds in rows.all_holds().values():
        done.holds += sum(_hold(own, hold) for hold in holds)
    there = {one.id for one in own.open_erasures()}
    for request in rows.open_erasures():
        if request.id not in there:
            own.add_erasure(request)
            done.erasures += 1
    _close_erasures(own)
    for one in rows.expiring():
        if one.minimum_until is not None:
            own.grow_minimum(one.key, one.minimum_until)
    _bring_events(own, rows)


def replay_audit(copy: SqliteCopy, media: Path, audit: Path, taken: datetime) -> Replayed:
    """Bring over what the audit log tells of the time since the backup.

    Args:
        copy: the store that is being restored.
        media: the media folder that is being restored.
        audit: the folder of the log.
        taken: the instant of the backup.

    Raises:
        StorageFault: the store cannot be written.
        OSError: the log cannot be read, or media cannot be removed.
    """
    done = Replayed(source="the audit log of what is replaced")
    buried: list[Tombstone] = []

    def unit(rows: Writing) -> None:
        for told in _told(audit, taken - _BEFORE):
            _replay(rows, told, done, buried)
        _close_erasures(rows)

    copy.write(unit)
    for tombstone in buried:
        _remove_media(media, tombstone)
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A row of the log."""

    at: datetime
    email: str
    action: Action
    details: dict[str, Any]


def _told(audit: Path, start: datetime) -> Iterator[_Told]:
    end = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    chunks = prepare(audit, start, end, Selection(actions=_WANTED)).chunks()
    lines = (line.decode() for chunk in whole_lines(chunks) for line in chunk.splitlines())
    next(lines, None)  # the header
    for date, email, _, _, action, details in csv.reader(lines):
        at = datetime.strptime(date, "%Y-%m-%d %H:%M:%S +0000 UTC").replace(tzinfo=UTC)
        yield _Told(at=at, email=email, action=Action(action), details=json.loads(details))


def _replay(rows: Writing, told: _Told, done: Replayed, buried: list[Tombstone]) -> None:
    details, kept = told.details, None
    if "recording" in details:
        kept = rows.recording(details["recording"], EVERYTHING)
    if told.action in _WHY:
        if kept is not None:
            tombstone = _tombstone(kept, told)
            rows.bury(tombstone)
            buried.append(tombstone)
            done.removals += 1
    elif told.action is Action.PLACE_HOLD:
        hold = KeptHold(
            id=details["hold"],
            conversation=details["conversation"],
            owner=told.email,
            reason=details.get("reason", ""),
            placed=told.at,
        )
        if rows.hold(hold.id) is None:
            rows.add_hold(hold)
            done.holds += 1
    elif told.action is Action.RELEASE_HOLD:
        done.holds += rows.release_hold(details["hold"], by=told.email, at=told.at)
    elif kept is not None and not kept.restricted:
        rows.add_erasure(
            ErasureRequest(id=details["id"], recording=kept.id, requested_by=told.email, requested=told.at)
        )
        done.erasures += 1


def _tombstone(kept: KeptRecording, told: _Told) -> Tombstone:
    return Tombstone(
        recording=kept.id,
        key=kept.key,
        segment=kept.segment,
        conversation=kept.conversation,
        user=kept.user,
        groups=kept.groups,
        opened=kept.opened,
        closed=kept.closed,
        clock=kept.clock,
        sha256="" if kept.media is None else kept.media.sha256,
        bytes=0 if kept.media is None else kept.media.bytes,
        removed=told.at,
        removed_by=told.email,
        why=_WHY[told.action],
        rule=told.details.get("rule", ""),
        revision=told.details.get("revision", ""),
    )


def _hold(own: Writing, hold: KeptHold) -> bool:
    kept = own.hold(hold.id)
    if kept is None:
        own.add_hold(hold)
        return True
    if kept.released is None and hold.released is not None:
        return own.release_hold(hold.id, by=hold.released_by or hold.owner, at=hold.released)
    return False


def _close_erasures(own: Writing) -> None:
    """A request whose recording was removed is carried out."""
    for request in own.open_erasures():
        buried = own.tombstone(request.recording)
        if buried is not None:
            own.execute_erasure(request.id, at=buried.removed)


def _bring_events(own: Writing, rows: Reading) -> None:
    """Events that were not delivered yet, under their own numbers."""
    waiting = rows.undelivered(_ALL)
    if not waiting:
        return
    own.acknowledge(waiting[0][0] - 1)
    last = max((number for number, _ in own.undelivered(_ALL)), default=0)
    for number, event in waiting:
        if number > last:
            own.add_event(event)


def _remove_media(media: Path, tombstone: Tombstone) -> None:
    name = tombstone.recording
    if not is_recording_name(name):
        return
    day = media / tombstone.opened.astimezone(UTC).strftime("%Y/%m/%d")
    for file in (*day.glob(f"{name}.*"), *(media / INCOMING).glob(f"{name}.*")):
        file.unlink()
