"""Pausing what is captured of a call, for data that must not be kept, and going on; by itself after a while.

A pause is committed with its audit event first, and then applied to whoever is recorded by then. The end of a pause
that has lasted as long as it may waits for nothing.
"""

from datetime import timedelta

import structlog

from callkeeper.audit.actions import Action
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.calls.acting import act, details_of
from callkeeper.recorder.calls.ongoing import Calls
from callkeeper.recorder.calls.refusals import not_recording, unknown_segment
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.clock import Clock, instant_text
from callkeeper.recorder.errors import AuditFault
from callkeeper.recorder.principals import Principal

log = structlog.get_logger()

ITSELF = Actor(principal=Principal(id="recorder"))
"""Who acts when nobody does."""


class Pausing:
    """Pauses and resumes recordings of open segments."""

    def __init__(self, *, calls: Calls, audit: AuditSink, clock: Clock) -> None:
        self._calls = calls
        self._audit = audit
        self._clock = clock
        self._paused: set[str] = set()

    async def pause(self, identifier: str, user: str | None, actor: Actor) -> Segment:
        """Nothing is captured from here on, until it is resumed or `bounds.PAUSE_SECONDS` are over.

        Args:
            identifier: the segment.
            user: whose recording; None for all of the segment.
            actor: who asks.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or nothing is being recorded.
            AuditFault: the row cannot be written; nothing was paused.
        """
        now = self._clock.now()
        until = now + timedelta(seconds=bounds.PAUSE_SECONDS)
        found = self._calls.open_one(identifier)
        paused = transitions.pause(found, _pausable(found, user), until, now)
        more = {"until": instant_text(until)}
        await act(self._audit, Action.PAUSE_RECORDING, paused, user, at=self._clock.now(), actor=actor, more=more)
        # The call went on while the row was written: who is recorded now is paused now.
        found = self._calls.open_one(identifier)
        paused = transitions.pause(found, _pausable(found, user), until, self._clock.now())
        self._paused.add(identifier)
        self._calls.keep(paused)
        log.info("recording_paused", segment=identifier)
        return paused

    async def resume(self, identifier: str, user: str | None, actor: Actor) -> Segment:
        """What was paused goes on. Not paused is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended.
            AuditFault: the row cannot be written; it stays paused.
        """
        found = self._calls.open_one(identifier)
        names = _of(found.paused_users, user)
        if not names:
            return found
        resumed = transitions.resume(found, names, self._clock.now())
        await act(self._audit, Action.RESUME_RECORDING, resumed, user, at=self._clock.now(), actor=actor)
        found = self._calls.open_one(identifier)
        resumed = transitions.resume(found, _of(found.paused_users, user), self._clock.now())
        self._calls.keep(resumed)
        log.info("recording_resumed", segment=identifier)
        return resumed

    async def resume_due(self) -> None:
        """End the pauses that have lasted as long as they may: at once, whether or not that can be told of."""
        for identifier in tuple(self._paused):
            found = self._calls.find_open(identifier)
            if found is None or not found.paused_users:
                self._paused.discard(identifier)
                continue
            now = self._clock.now()
            due = found.overdue_pauses(now)
            if not due:
                continue
            self._calls.keep(transitions.resume(found, due, now))
            log.info("pause_ended", segment=identifier)
            for user in sorted(due):
                details = details_of(found, user) | {"automatic": True}
                try:
                    await self._audit.emit(Action.RESUME_RECORDING, at=now, actor=ITSELF, details=details)
                except AuditFault as fault:
                    log.error("pause_ended_untold", segment=identifier, detail=fault.detail)  # noqa: TRY400 - where it was raised says nothing


def _pausable(found: Segment, user: str | None) -> frozenset[str]:
    if user is not None and user not in found.users:
        raise unknown_segment()
    names = _of(frozenset(name for name, one in found.users.items() if one.open_recording is not None), user)
    if not names:
        raise not_recording()
    return names


def _of(names: frozenset[str], user: str | None) -> frozenset[str]:
    """This user, where among them; all of them for None."""
    return names if user is None else names & {user}
