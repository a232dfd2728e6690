"""Recording on demand: a user starts recording their call, and stops what they started.

Committed with its audit event first and looked at again afterwards, because the call has gone on meanwhile: what holds
in the end is what the settings say then.
"""

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.decision import Outcome
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.calls.acting import act, details_of
from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.ongoing import Calls
from callkeeper.recorder.calls.refusals import (
    automatic_recording,
    start_refused,
    too_many_recordings,
    unknown_segment,
)
from callkeeper.recorder.calls.segment import Segment, State
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Refused
from callkeeper.recorder.store.recording import key_of
from callkeeper.recorder.users import Users

log = structlog.get_logger()


class OnDemand:
    """Starts and stops recordings for their users."""

    def __init__(self, *, calls: Calls, users: Users, audit: AuditSink, clock: Clock, keeper: SegmentKeeper) -> None:
        self._calls = calls
        self._users = users
        self._audit = audit
        self._clock = clock
        self._keeper = keeper

    async def start(self, identifier: str, user: str, actor: Actor) -> Segment:
        """A user starts recording. Already recording is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or the settings do not let this user record it.
            AuditFault: the row cannot be written; nothing was started.
        """
        found = self._calls.of_user(identifier, user)
        if found.users[user].state in {State.RECORDING, State.PAUSED}:
            return found
        await self._let_start(identifier, user, actor)
        found = self._calls.of_user(identifier, user)
        begun = transitions.start(found, user, self._users.directory, self._clock.now())
        recording = begun.users[user].open_recording
        assert recording is not None
        # Whatever opens while the row is written gets another ordinal.
        self._calls.reserve(found, recording.ordinal)
        await act(self._audit, Action.START_RECORDING, begun, user, at=self._clock.now(), actor=actor)
        # The call went on while the row was written: what holds is what the settings say now.
        try:
            await self._let_start(identifier, user, actor)
            found = self._calls.of_user(identifier, user)
        except Refused:
            self._keeper.withdraw(key_of(begun.number, recording.ordinal))
            raise
        if found.users[user].open_recording is None:
            now = self._clock.now() if found.call is not begun.call else recording.opened
            started = transitions.start(found, user, self._users.directory, now, ordinal=recording.ordinal)
        else:
            # A decision has opened one meanwhile.
            self._keeper.withdraw(key_of(begun.number, recording.ordinal))
            started = found
        self._calls.keep(started)
        log.info("recording_started", segment=identifier)
        return started

    async def stop(self, identifier: str, user: str, actor: Actor) -> Segment:
        """A user stops what they started. Not recording is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or the recording is automatic.
            AuditFault: the row cannot be written; nothing was stopped.
        """
        found = self._calls.of_user(identifier, user)
        if not found.users[user].started:
            if found.users[user].open_recording is not None:
                raise automatic_recording()
            return found
        now = self._clock.now()
        stopped = transitions.stop(found, user, now)
        await act(self._audit, Action.STOP_RECORDING, stopped, user, at=self._clock.now(), actor=actor)
        found = self._calls.of_user(identifier, user)
        if not found.users[user].started:
            return found
        stopped = transitions.stop(found, user, now)
        self._calls.keep(stopped)
        log.info("recording_stopped", segment=identifier)
        return stopped

    async def _let_start(self, identifier: str, user: str, actor: Actor) -> None:
        """See that the settings let this user start now; a refusal is audited.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or they do not.
            AuditFault: the row of the refusal cannot be written.
        """
        found = self._calls.of_user(identifier, user)
        decision = transitions.asked(found, self._users.directory, user)
        if decision is None:
            raise unknown_segment()
        if decision.outcome is Outcome.SKIP:
            details = details_of(found, user) | {"reason": decision.reason.value}
            now = self._clock.now()
            await self._audit.emit(Action.REFUSE_RECORDING_START, at=now, actor=actor, details=details)
            raise start_refused(decision)
        if len(found.users[user].recordings) >= bounds.RECORDINGS_PER_USER:
            raise too_many_recordings()
