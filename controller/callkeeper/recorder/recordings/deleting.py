"""Deleting by people, and requests to erase.

What is protected (a hold, the minimum retention, a recording that still runs) is refused to everybody, and the refusal
is audited. A request to erase (GDPR, article 17) is not refused: where a hold stands against it (article 17(3)(b, e))
it is registered, access is restricted (article 18(1)), and the sweeper carries it out when the protection ends.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory
from callkeeper.policy.retention import NOTHING, Verdict, may_delete
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Conflict, StorageFault
from callkeeper.recorder.outbox_audit import ensure_room
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.recordings.access import DELETING, known_as, viewer
from callkeeper.recorder.recordings.found import find
from callkeeper.recorder.retention.clock_guard import ClockGuard
from callkeeper.recorder.retention.holds import terms_of_holds
from callkeeper.recorder.retention.removal import MediaFiles, Removal, Remover, Why, begin
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.retention import ErasureRequest
from callkeeper.recorder.store.search import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What became of a request to erase.

    Attributes:
        request: as registered.
        done: it was carried out at once.
        waits_for: what protects the recording, in words; empty when it was done.
    """

    request: ErasureRequest
    done: bool
    waits_for: str


class Deleting:
    """Deletes recordings for people."""

    def __init__(
        self,
        *,
        store: Store,
        media: MediaFiles,
        audit: AuditSink,
        clock: Clock,
        programming: Programming,
        guard: ClockGuard,
        new_id: Callable[[], str] = lambda: token_hex(16),
    ) -> None:
        self._store = store
        self._remover = Remover(store, media)
        self._audit = audit
        self._clock = clock
        self._programming = programming
        self._guard = guard
        self._new_id = new_id

    async def delete(self, identifier: str, *, actor: Actor, directory: Directory) -> None:
        """Delete a recording: unreachable, its media removed, its tombstone written, when this returns.

        Raises:
            Unknown: no such recording, or not for this actor.
            Gone: it was removed before.
            Conflict: something protects it; audited.
            AuditFault: it was refused and the row of that cannot be written, or the outbox is full.
            StorageFault: it cannot be done now. Once it was made unreachable, the sweeper takes it to its end.
        """
        seen = viewer(actor.principal, directory, DELETING)
        by = known_as(actor.principal, directory)
        begun = await asyncio.shield(self._begin(identifier, seen, by, actor))
        await asyncio.shield(self._remove(begun))

    async def _begin(self, identifier: str, seen: Viewer, by: str, actor: Actor) -> KeptRecording:
        async with self._programming.steady() as stored:
            rule, now = Rule.of(stored), self._clock.now()
            removal = self._removal(Why.DELETED, rule, by=by, actor=actor, at=now)

            def unit(rows: Writing) -> KeptRecording:
                ensure_room(rows)
                recording = find(rows, identifier, seen)
                verdict = self._verdict(rows, recording, rule, now)
                if not verdict.allowed:
                    raise _protected(verdict)
                begin(rows, (recording,), removal)
                return recording

            try:
                return await self._store.write(unit)
            except Conflict as refused:
                details = {"recording": identifier, "reason": refused.members["reason"]}
                await self._audit.emit(Action.REFUSE_DELETION, at=now, actor=actor, details=details)
                raise

    async def erase(self, identifier: str, reason: str, *, actor: Actor, directory: Directory) -> Erasure:
        """Register a request to erase; carried out at once where nothing protects the recording.

        A request that is registered already is answered with.

        Raises:
            Unknown: no such recording, or not for this actor.
            Gone: it was removed before.
            AuditFault: nothing was done.
            StorageFault: it was registered and cannot be carried out now; the sweeper will.
        """
        seen = viewer(actor.principal, directory, DELETING)
        by = known_as(actor.principal, directory)
        erasure, begun = await asyncio.shield(self._register(identifier, reason, seen, by, actor))
        if begun is not None:
            await asyncio.shield(self._remove(begun))
        return erasure

    async def _register(
        self, identifier: str, reason: str, seen: Viewer, by: str, actor: Actor
    ) -> tuple[Erasure, KeptRecording | None]:
        async with self._programming.steady() as stored:
            rule, now = Rule.of(stored), self._clock.now()
            removal = self._removal(Why.ERASED, rule, by=by, actor=actor, at=now)
            request = ErasureRequest(id=self._new_id(), recording=identifier, requested_by=by, requested=now)

            def unit(rows: Writing) -> tuple[Erasure, KeptRecording | None]:
                recording = find(rows, identifier, seen)
                verdict = self._verdict(rows, recording, rule, now)
                if recording.restricted:
                    raise _Registered(_registered(rows, identifier, verdict))
                rows.add_erasure(request)
                if verdict.allowed:
                    begin(rows, (recording,), removal)
                    return Erasure(request=request, done=True, waits_for=""), recording
                return Erasure(request=request, done=False, waits_for=verdict.message), None

            details = {"recording": identifier, "reason": reason}
            try:
                return await self._audit.act(unit, Action.REQUEST_ERASURE, at=now, actor=actor, details=details)
            except _Registered as before:
                return before.erasure, None

    def _verdict(self, rows: Reading, recording: KeptRecording, rule: Rule, now: datetime) -> Verdict:
        holds = rows.holds_of((recording.conversation,)).get(recording.conversation, ())
        verdict = may_delete(
            ended_at=recording.clock,
            rule=rule.terms,
            now=now,
            holds=terms_of_holds(holds),
            minimum_until=recording.minimum_until,
        )
        promised = recording.minimum_until is not None or rule.terms.minimum != NOTHING
        if verdict.allowed and promised and self._guard.stopped:
            raise Conflict(
                "clock-not-accepted",
                "the recorder's clock has jumped, so it is not known whether minimum retention has passed",
                "have an administrator look at the clock and POST /v1/retention:accept-clock",
                {"reason": "Clock"},
            )
        return verdict

    def _removal(self, why: Why, rule: Rule, *, by: str, actor: Actor, at: datetime) -> Removal:
        return Removal(
            at=at,
            by=by,
            why=why,
            rule=rule.text,
            revision=rule.revision,
            email=actor.principal.audit_email,
            ip_address=actor.ip_address,
            app_name=self._programming.application_name,
        )

    async def _remove(self, begun: KeptRecording) -> None:
        finished = await self._remover.finish((begun,))
        if finished.failed:
            raise StorageFault(
                "the recording was made unreachable, and its media could not be removed yet",
                "nothing: the recorder tries again every minute until it is removed",
            )


class _Registered(Exception):  # noqa: N818 - no error: there is nothing to do
    def __init__(self, erasure: Erasure) -> None:
        super().__init__()
        self.erasure = erasure


def _registered(rows: Reading, identifier: str, verdict: Verdict) -> Erasure:
    request = next(one for one in rows.open_erasures() if one.recording == identifier)
    return Erasure(request=request, done=False, waits_for=verdict.message)


def _protected(verdict: Verdict) -> Conflict:
    assert verdict.refusal is not None
    return Conflict(
        "recording-protected",
        verdict.message,
        "release what protects it, wait, or ask for erasure (:erase), which is done when the protection ends",
        {"reason": verdict.refusal.value},
    )
