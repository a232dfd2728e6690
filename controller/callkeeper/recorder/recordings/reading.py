"""Searching recordings and reading one of them; audited before the answer leaves."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.mask import NumberMask
from callkeeper.policy.directory import Directory
from callkeeper.policy.retention import Expiry, expiry
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock, instant_text
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.recordings.access import READING, viewer
from callkeeper.recorder.recordings.found import find
from callkeeper.recorder.retention.holds import terms_of_holds
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.port import Reading, Store
from callkeeper.recorder.store.recording import KeptDecision, KeptRecording, Note
from callkeeper.recorder.store.retention import KeptHold
from callkeeper.recorder.store.search import Place, Search, Viewer

EXPORT_PAGE = 1_000
"""Recordings read at a time for an export: some 2 MB, whatever the export's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of recordings.

    Attributes:
        recordings: the latest opened first.
        next: where the next page goes on; None at the end.
    """

    recordings: tuple[KeptRecording, ...]
    next: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Everything about one recording.

    Attributes:
        recording: as the viewer may see it.
        decision: why it was made.
        notes: the earliest first.
        holds: on its conversation, released ones too, in the order they were placed.
        rule: in force now.
        expiry: under that rule.
    """

    recording: KeptRecording
    decision: KeptDecision | None
    notes: tuple[Note, ...]
    holds: tuple[KeptHold, ...]
    rule: Rule
    expiry: Expiry


class RecordingsReader:
    """Finds and shows recordings."""

    def __init__(
        self, *, store: Store, audit: AuditSink, clock: Clock, programming: Programming, mask: NumberMask
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._programming = programming
        self._mask = mask

    async def search(
        self, search: Search, *, after: Place | None, limit: int, actor: Actor, directory: Directory
    ) -> Page:
        """A page of the recordings that fit and that this actor may see.

        Raises:
            StorageFault: the store cannot be read.
            AuditFault: the row cannot be written; nothing is answered.
        """
        seen = viewer(actor.principal, directory, READING)
        found = await self._store.read(lambda rows: rows.look(search, seen, after, limit, bounds.LOOKED_AT))
        page = _shown(found.recordings, search)
        await self._told(search, actor, {"found": len(page)})
        return Page(recordings=page, next=found.next)

    async def export(
        self, search: Search, *, form: str, actor: Actor, directory: Directory
    ) -> AsyncIterator[tuple[KeptRecording, ...]]:
        """All recordings that fit, page by page; audited before the first.

        What is removed while it runs is not in it; what is made meanwhile neither.

        Raises:
            AuditFault: the row cannot be written.
        """
        seen = viewer(actor.principal, directory, READING)
        await self._told(search, actor, {"export": form})
        return self._pages(search, seen)

    async def _pages(self, search: Search, seen: Viewer) -> AsyncIterator[tuple[KeptRecording, ...]]:
        after: Place | None = None
        while True:
            place = after
            found = await self._store.read(lambda rows: rows.search(search, seen, place, EXPORT_PAGE))  # noqa: B023 - awaited here
            if found:
                yield _shown(found, search)
            if len(found) < EXPORT_PAGE:
                return
            after = (found[-1].opened, found[-1].key)

    async def details(self, identifier: str, *, actor: Actor, directory: Directory) -> Details:
        """One recording.

        Raises:
            Unknown: there is none, or not for this actor.
            Gone: it was removed.
            StorageFault: the store cannot be read.
            AuditFault: the row cannot be written; nothing is answered.
        """
        seen = viewer(actor.principal, directory, READING)
        rule, now = Rule.of(self._programming.stored), self._clock.now()
        found = await self._store.read(lambda rows: _details(rows, identifier, seen, rule, now))
        await self._audit.emit(Action.GET_RECORDING_DETAILS, at=now, actor=actor, details={"recording": identifier})
        return found

    async def _told(self, search: Search, actor: Actor, more: Mapping[str, Any]) -> None:
        details = {"filter": masked(search, self._mask), **more}
        await self._audit.emit(Action.SEARCH_RECORDINGS, at=self._clock.now(), actor=actor, details=details)


def withheld(recording: KeptRecording) -> KeptRecording:
    """A recording as it is shown: where an erasure is registered, without what it is about."""
    return replace(recording, parties=(), tags=(), media=None) if recording.restricted else recording


def masked(search: Search, mask: NumberMask) -> dict[str, Any]:
    """What was asked for, as the audit log may hold it."""
    asked: dict[str, Any] = {}
    for name in Search.__dataclass_fields__:
        value = getattr(search, name)
        if value in (None, ()):
            continue
        if name == "number":
            value = mask.mask(value)
        elif isinstance(value, datetime):
            value = instant_text(value)
        elif isinstance(value, tuple):
            value = list(value)
        asked[name] = value
    return asked


def _shown(found: list[KeptRecording], search: Search) -> tuple[KeptRecording, ...]:
    # That a recording fits what was asked about its content would tell what is withheld.
    about_content = search.number is not None or search.note is not None or bool(search.tags)
    return tuple(withheld(one) for one in found if not (one.restricted and about_content))


def _details(rows: Reading, identifier: str, seen: Viewer, rule: Rule, now: datetime) -> Details:
    recording = find(rows, identifier, seen)
    holds = rows.holds_of((recording.conversation,)).get(recording.conversation, ())
    return Details(
        recording=withheld(recording),
        decision=rows.decision_on(recording.key),
        notes=() if recording.restricted else tuple(rows.notes_of(recording.key)),
        holds=holds,
        rule=rule,
        expiry=expiry(
            ended_at=recording.clock,
            rule=rule.terms,
            now=now,
            holds=terms_of_holds(holds),
            minimum_until=recording.minimum_until,
        ),
    )
