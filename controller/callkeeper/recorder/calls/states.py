"""One user's recordings of a segment: the state machine that says what is recorded, and the steps it takes.

Pure. What happens to a segment, and so to all of its users in turn, is `transitions`.

Facts:
    - The state follows from the decision, whether the user has started on demand, and whether a recording is open
      (`STATES`). A recording is open from the automatic or the user's start until the stop, the user's leaving or the
      segment's end; inside it, stretches are what is captured, and between them are the gaps.
    - A user's licence is held as of the opening of the recording: the running one completes when it is taken away.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from callkeeper.policy.decision import Decision, Outcome, SegmentDecision
from callkeeper.policy.directory import User
from callkeeper.recorder.calls.segment import Cause, Closing, Recording, Segment, State, Stretch, UserRecordings

STATES: Mapping[tuple[Outcome, bool, bool], State] = {
    # outcome, started by the user, a recording is open
    (Outcome.RECORD, False, False): State.RECORDING,
    (Outcome.RECORD, False, True): State.RECORDING,
    (Outcome.RECORD, True, False): State.RECORDING,
    (Outcome.RECORD, True, True): State.RECORDING,
    (Outcome.WAIT, False, False): State.WAITING,
    (Outcome.WAIT, False, True): State.WAITING,
    (Outcome.WAIT, True, False): State.RECORDING,
    (Outcome.WAIT, True, True): State.RECORDING,
    (Outcome.SKIP, False, False): State.OFF,
    (Outcome.SKIP, False, True): State.SUSPENDED,
    (Outcome.SKIP, True, False): State.OFF,
    (Outcome.SKIP, True, True): State.SUSPENDED,
}
"""The whole machine: what is to be, for every answer of the decision. What is to be recorded may be paused."""


def moved(
    user: UserRecordings, segment: Segment, cause: Cause, known_as: User | None, ordinal: int, now: datetime
) -> UserRecordings:
    """Bring the user's recordings to the state that the decision asks for.

    Args:
        user: with the decision that is to hold, and whether the user has started.
        segment: with the call and the decision of now.
        cause: of a recording that opens.
        known_as: the directory's entry of now, for a recording that opens.
        ordinal: of a recording that opens.
        now: the instant.
    """
    recording = user.open_recording
    state = STATES[_effective(segment.decision, user.decision), user.started, recording is not None]
    if state is State.RECORDING:
        if recording is None:
            opened = _opened(user, segment, cause, known_as, ordinal, now)
            return replace(user, state=state, recordings=(*user.recordings, opened), known_as=known_as)
        return _captured(user, recording, segment, now)
    reason = user.decision.reason.value
    if state is State.SUSPENDED and recording is not None:
        held = replace(recording, stretches=_stretches_closed(recording, reason, now))
        return replace(user, state=state, recordings=(*user.recordings[:-1], held))
    return replace(user, state=state, recordings=_closed(user, reason, now), known_as=None, paused_until=None)


def paused(user: UserRecordings, segment: Segment, until: datetime | None, now: datetime) -> UserRecordings:
    """Nothing of the open recording is captured until then; it goes on for None. Without one nothing changes."""
    if user.open_recording is None:
        return user
    # No recording opens here, so neither cause nor ordinal matters.
    return moved(replace(user, paused_until=until), segment, Cause.AUTOMATIC, user.known_as, 0, now)


def stopped(user: UserRecordings, segment: Segment, now: datetime) -> UserRecordings:
    """The user stops what they started: the recording is closed, and may be started again."""
    return replace(
        user,
        state=STATES[_effective(segment.decision, user.decision), False, False],
        started=False,
        recordings=_closed(user, Closing.STOPPED, now),
        known_as=None,
        paused_until=None,
    )


def left(user: UserRecordings, now: datetime) -> UserRecordings:
    """The user is not recorded in this segment any more."""
    return replace(
        user,
        state=State.OFF,
        started=False,
        recordings=_closed(user, Closing.LEFT, now),
        known_as=None,
        paused_until=None,
    )


def ended(user: UserRecordings, now: datetime) -> UserRecordings:
    """The segment ends. `started` stays, for a segment that continues it."""
    return replace(user, state=State.OFF, recordings=_closed(user, Closing.SEGMENT_ENDED, now), paused_until=None)


def _effective(decision: SegmentDecision, own: Decision) -> Outcome:
    """A segment that is not to be recorded is recorded for nobody."""
    return Outcome.SKIP if decision.outcome is Outcome.SKIP else own.outcome


def _opened(
    user: UserRecordings, segment: Segment, cause: Cause, known_as: User | None, ordinal: int, now: datetime
) -> Recording:
    policy = segment.config.policy if segment.config else None
    return Recording(
        ordinal=ordinal,
        cause=cause,
        whole_call=cause is not Cause.AUTOMATIC and policy is not None and policy.capture.value == "WholeCall",
        automatic=user.decision.outcome is Outcome.RECORD,
        facts=user.decision.facts,
        groups=() if known_as is None else known_as.groups,
        parties=segment.call.signalled_as,
        opened=now,
        stretches=(Stretch(begun=now),),
    )


def _captured(user: UserRecordings, recording: Recording, segment: Segment, now: datetime) -> UserRecordings:
    """The open recording is to go on: with the parties of now, in a new stretch after a gap, unless it is paused."""
    state = State.RECORDING
    parties = tuple(dict.fromkeys((*recording.parties, *segment.call.signalled_as)))
    recording = replace(recording, facts=user.decision.facts, parties=parties)
    if user.paused_until is not None:
        state = State.PAUSED
        recording = replace(recording, stretches=_stretches_closed(recording, Closing.PAUSED, now))
    elif recording.stretches[-1].ended is not None:
        recording = replace(recording, stretches=(*recording.stretches, Stretch(begun=now)))
    return replace(user, state=state, recordings=(*user.recordings[:-1], recording))


def _closed(user: UserRecordings, reason: str, now: datetime) -> tuple[Recording, ...]:
    recording = user.open_recording
    if recording is None:
        return user.recordings
    closed = replace(recording, closed=now, stretches=_stretches_closed(recording, reason, now))
    return (*user.recordings[:-1], closed)


def _stretches_closed(recording: Recording, reason: str, now: datetime) -> tuple[Stretch, ...]:
    last = recording.stretches[-1]
    if last.ended is not None:
        return recording.stretches
    return (*recording.stretches[:-1], replace(last, ended=now, ended_by=str(reason)))
