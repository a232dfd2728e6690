"""Legal holds: placing and releasing them. A hold covers a whole conversation; several stack.

Whether a hold may be placed is asked in the transaction that places it, while the rule cannot change: a hold that was
answered protects, and one that came too late was refused.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory, Role
from callkeeper.policy.retention import Refusal, Verdict, may_hold
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Conflict, Gone, NotAllowed, RecorderError, Refused, Unknown
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.recordings.access import WORKING, known_as, viewer, visible
from callkeeper.recorder.recordings.found import gone
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recording import KeptRecording, Status
from callkeeper.recorder.store.retention import KeptHold
from callkeeper.recorder.store.search import EVERYTHING, Search, Viewer

MOST_RECORDINGS = 1_000
"""Recordings of a conversation that are looked at for one that can be held; almost all have less than ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    conversation: str
    seen: Viewer
    actor: Actor
    owner: str


class Holding:
    """Places and releases holds."""

    def __init__(
        self,
        *,
        audit: AuditSink,
        clock: Clock,
        programming: Programming,
        on_release: Callable[[], None],
        new_id: Callable[[], str] = lambda: token_hex(16),
    ) -> None:
        self._audit = audit
        self._clock = clock
        self._programming = programming
        self._on_release = on_release
        self._new_id = new_id

    async def place(self, conversation: str, reason: str, *, actor: Actor, directory: Directory) -> KeptHold:
        """Put a conversation under hold.

        Raises:
            Unknown: the actor may see no recording of this conversation.
            Gone: its recordings were removed, or retention and extra retention are both over.
            Conflict: extra retention is disabled, or the conversation has too many holds.
            AuditFault: nothing was done.
        """
        asked = _Asked(
            conversation=conversation,
            seen=viewer(actor.principal, directory, WORKING),
            actor=actor,
            owner=known_as(actor.principal, directory),
        )
        # Shielded: who goes away half way does not let the rule change before the hold is placed.
        return await asyncio.shield(self._place(asked, reason))

    async def _place(self, asked: _Asked, reason: str) -> KeptHold:
        async with self._programming.steady() as stored:
            rule, now = Rule.of(stored), self._clock.now()
            hold = KeptHold(
                id=self._new_id(), conversation=asked.conversation, owner=asked.owner, reason=reason, placed=now
            )

            def unit(rows: Writing) -> None:
                _ensure_holdable(rows, asked, rule, now)
                rows.add_hold(hold)

            details = {"conversation": asked.conversation, "hold": hold.id, "reason": reason}
            try:
                await self._audit.act(unit, Action.PLACE_HOLD, at=now, actor=asked.actor, details=details)
            except (Conflict, Gone) as refused:
                details = {"conversation": asked.conversation, "reason": refused.problem}
                await self._audit.emit(Action.REFUSE_HOLD, at=now, actor=asked.actor, details=details)
                raise
            return hold

    async def release(self, conversation: str, hold: str, *, actor: Actor, directory: Directory) -> KeptHold:
        """Release a hold; one that was released before stays as it is and leaves no row.

        Raises:
            Unknown: no such hold of this conversation, or the actor may not see it.
            NotAllowed: somebody else placed it, and the actor is no administrator.
            AuditFault: nothing was done.
        """
        asked = _Asked(
            conversation=conversation,
            seen=viewer(actor.principal, directory, WORKING),
            actor=actor,
            owner=known_as(actor.principal, directory),
        )
        now = self._clock.now()

        def unit(rows: Writing) -> KeptHold:
            found = _releasable(rows, asked, hold)
            if found.released is not None:
                raise _ReleasedBefore(found)
            rows.release_hold(hold, by=asked.owner, at=now)
            released = rows.hold(hold)
            assert released is not None
            return released

        details = {"conversation": conversation, "hold": hold}
        try:
            released = await self._audit.act(unit, Action.RELEASE_HOLD, at=now, actor=actor, details=details)
        except _ReleasedBefore as before:
            return before.hold
        # Requests to erase may have waited for it.
        self._on_release()
        return released


class _ReleasedBefore(Exception):  # noqa: N818 - no error: there is nothing to do
    def __init__(self, hold: KeptHold) -> None:
        super().__init__()
        self.hold = hold


def _ensure_holdable(rows: Reading, asked: _Asked, rule: Rule, now: datetime) -> None:
    search = Search(conversation=asked.conversation)
    if not rows.search(search, asked.seen, None, 1):
        removed = [one for one in rows.tombstones_of(asked.conversation, MOST_RECORDINGS) if visible(asked.seen, one)]
        raise gone(removed) if removed else unknown_conversation()
    recordings = rows.search(search, EVERYTHING, None, MOST_RECORDINGS)
    verdicts = [_verdict(recording, rule, now) for recording in recordings]
    if not any(verdict.allowed for verdict in verdicts):
        raise _refusal(recordings, verdicts)
    if len(rows.holds_of((asked.conversation,)).get(asked.conversation, ())) >= bounds.HOLDS:
        raise Conflict(
            "too-many-holds",
            f"the conversation has had {bounds.HOLDS} holds, the most it takes",
            "nothing: it is held already",
        )


def _verdict(recording: KeptRecording, rule: Rule, now: datetime) -> Verdict:
    # Media may still be on its way for a recording that has just ended.
    exists = recording.status is not Status.FAILED
    return may_hold(ended_at=recording.clock, rule=rule.terms, now=now, media_exists=exists)


def _refusal(recordings: Sequence[KeptRecording], verdicts: Sequence[Verdict]) -> Refused:
    disabled = next((one for one in verdicts if one.refusal is Refusal.HOLDS_DISABLED), None)
    if disabled is not None:
        return Conflict("holds-disabled", disabled.message, "have extraRetention set in the RetentionRule")
    return Gone(
        "recording-gone",
        verdicts[0].message,
        "nothing: the recordings go with the next sweep",
        {"recordings": [recording.id for recording in recordings]},
    )


def _releasable(rows: Reading, asked: _Asked, name: str) -> KeptHold:
    hold = rows.hold(name)
    own = hold is not None and hold.owner == asked.owner
    if hold is None or hold.conversation != asked.conversation:
        raise _unknown_hold()
    if own or Role.ADMINISTRATOR in asked.actor.principal.roles:
        return hold
    if not rows.search(Search(conversation=asked.conversation), asked.seen, None, 1):
        raise _unknown_hold()
    raise NotAllowed(
        "not-your-hold", "somebody else placed this hold", "ask who placed it, or an administrator, to release it"
    )


def _unknown_hold() -> RecorderError:
    return Unknown(
        "unknown-hold",
        "the conversation has no such hold, or it is not one you may see",
        "the details of its recordings list the holds there are",
    )


def unknown_conversation() -> Unknown:
    """There is no such conversation, or not for this principal."""
    return Unknown(
        "unknown-conversation",
        "there is no recording of such a conversation, or not one you may see",
        "POST /v1/recordings:search lists those there are",
    )
