"""Removing recordings in steps that survive a crash: what is begun is finished, once, and explained as it was begun.

    begin     in one transaction: the recording becomes unreachable, and who removes it and why is noted
    media     made unreachable, then removed (`MediaFiles`); nothing is missed where it had gone already
    finish    in one transaction: the tombstone takes the recording's place, the audit event goes into the outbox, the
              note goes

Whoever finds an unreachable recording may go on from there (the sweeper does at every sweep, so after every start);
two that finish the same one leave one tombstone and one event, because the note is there once. Instant, rule and
revision are those of the beginning: the final state is the same wherever a crash came.

Who may be removed is not asked here: `Sweeper` and `Deleting` do, in the transaction of the beginning.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import structlog

from callkeeper.audit.actions import Action
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording, Status
from callkeeper.recorder.store.retention import Tombstone

log = structlog.get_logger()

RETENTION = "system:retention"
"""Who removes what nobody asked to be removed."""


class MediaFiles(Protocol):
    """The media, as removal needs it."""

    async def remove(self, recordings: Sequence[KeptRecording]) -> Mapping[str, str]:
        """Remove the media of these, what is stored and what is still arriving; harmless where it has gone already.

        Returns:
            The recordings whose media could not be removed, and why.
        """
        ...


class Why(StrEnum):
    """Why a recording was removed, as its tombstone says."""

    EXPIRED = "expired"
    DELETED = "deleted"
    ERASED = "erased"


ACTIONS = {
    Why.EXPIRED: Action.EXPIRE_RECORDING,
    Why.DELETED: Action.DELETE_RECORDING,
    Why.ERASED: Action.EXECUTE_ERASURE,
}
"""What each removal is called in the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Who removes a recording, when and why; kept with the recording until it is done.

    Attributes:
        at: when it was begun; the instant of the tombstone and of the audit row.
        by: who, as the tombstone names them.
        why: of the tombstone.
        rule: in force then.
        revision: of the config in force then.
        email: of the audit row.
        ip_address: of the audit row.
        app_name: of the audit row.
        reason: as given by whoever asked; empty for expiry.
    """

    at: datetime
    by: str
    why: Why
    rule: str
    revision: str
    email: str
    ip_address: str = ""
    app_name: str
    reason: str = ""

    @classmethod
    def by_itself(cls, why: Why, rule: Rule, *, at: datetime, app_name: str) -> "Removal":
        """A removal that the recorder does by itself."""
        return cls(
            at=at, by=RETENTION, why=why, rule=rule.text, revision=rule.revision, email=RETENTION, app_name=app_name
        )

    def text(self) -> str:
        """As it is noted in the store."""
        value = {
            "at": self.at.isoformat(),
            "by": self.by,
            "why": self.why.value,
            "rule": self.rule,
            "revision": self.revision,
            "email": self.email,
            "ip": self.ip_address,
            "app": self.app_name,
            "reason": self.reason,
        }
        return json.dumps(value)

    @classmethod
    def read(cls, text: str) -> "Removal":
        """The removal of a note."""
        value = json.loads(text)
        return cls(
            at=datetime.fromisoformat(value["at"]),
            by=value["by"],
            why=Why(value["why"]),
            rule=value["rule"],
            revision=value["revision"],
            email=value["email"],
            ip_address=value["ip"],
            app_name=value["app"],
            reason=value["reason"],
        )

    def event(self, recording: str) -> Event:
        """The audit event of the removal."""
        details: dict[str, str] = {"recording": recording, "revision": self.revision}
        if self.rule:
            details["rule"] = self.rule
        if self.reason:
            details["reason"] = self.reason
        return Event(
            at=self.at,
            email=self.email,
            ip_address=self.ip_address,
            app_name=self.app_name,
            action=ACTIONS[self.why],
            details=details,
        )


def begin(rows: Writing, recordings: Sequence[KeptRecording], removal: Removal) -> None:
    """Make these recordings unreachable and note why; to be called where it was found out that they may go."""
    rows.set_status([recording.key for recording in recordings], Status.UNREACHABLE)
    rows.set_metas(dict.fromkeys(map(_note, recordings), removal.text()))


def begin_as(rows: Writing, recording: KeptRecording, other: Reading) -> bool:
    """Begin what another store has begun, as it was noted there; False when it has not."""
    noted = other.meta(_note(recording))
    if noted is not None:
        begin(rows, (recording,), Removal.read(noted))
    return noted is not None


def finish(rows: Writing, recordings: Sequence[KeptRecording]) -> list[Removal]:
    """Put tombstones in the places of recordings whose media has gone.

    Returns:
        The removals that ended here, without those that somebody else had ended.
    """
    notes = rows.metas([_note(recording) for recording in recordings])
    rows.forget_metas(list(notes))
    removals = {one.id: Removal.read(notes[_note(one)]) for one in recordings if _note(one) in notes}
    buried = rows.bury_all([_tombstone(one, removals[one.id]) for one in recordings if one.id in removals])
    ended = {name: removal for name, removal in removals.items() if name in buried}
    erasures = {request.recording: request for request in rows.open_erasures()}
    events = []
    for name, removal in ended.items():
        events.append(removal.event(name))
        asked = erasures.get(name)
        if asked is not None:
            # Whatever removed it, what was asked for is done.
            rows.execute_erasure(asked.id, at=removal.at)
            if removal.why is not Why.ERASED:
                events.append(replace(removal, why=Why.ERASED).event(name))
    rows.add_events(events)
    return list(ended.values())


@dataclass(slots=True, kw_only=True)
class Finished:
    """What became of some removals.

    Attributes:
        removed: recordings that were replaced by their tombstones, by why.
        failed: keys of those whose media could not be removed; they stay unreachable and are tried again.
    """

    removed: dict[Why, int] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)


class Remover:
    """Takes unreachable recordings to their end."""

    def __init__(self, store: Store, media: MediaFiles) -> None:
        self._store = store
        self._media = media

    async def finish(self, recordings: Sequence[KeptRecording]) -> Finished:
        """Remove the media of these unreachable recordings and bury them, in one transaction for all.

        Raises:
            StorageFault: the store cannot be written; all of them stay unreachable.
        """
        found, gone = Finished(), []
        failed = await self._media.remove(recordings)
        for recording in recordings:
            detail = failed.get(recording.id)
            if detail is None:
                gone.append(recording)
            else:
                log.error("media_not_removed", recording=recording.id, detail=detail)
                found.failed.append(recording.key)
        if gone:
            for removal in await self._store.write(lambda rows: finish(rows, gone)):
                found.removed[removal.why] = found.removed.get(removal.why, 0) + 1
        return found


def _note(recording: KeptRecording) -> str:
    return f"removal:{recording.id}"


def _tombstone(recording: KeptRecording, removal: Removal) -> Tombstone:
    media = recording.media
    return Tombstone(
        recording=recording.id,
        key=recording.key,
        segment=recording.segment,
        conversation=recording.conversation,
        user=recording.user,
        groups=recording.groups,
        opened=recording.opened,
        closed=recording.closed,
        clock=recording.clock,
        sha256="" if media is None else media.sha256,
        bytes=0 if media is None else media.bytes,
        removed=removal.at,
        removed_by=removal.by,
        why=removal.why.value,
        rule=removal.rule,
        revision=removal.revision,
    )
