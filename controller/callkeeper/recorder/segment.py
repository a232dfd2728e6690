"""What becomes of a segment: a pure state machine from call events to who is being recorded since when.

A segment is decided when it starts and again at every change of parties, kind or consent, under the settings it
started with and the directory of the moment. Whoever speaks a protocol makes `Call` values and an instant; what comes
back is a new `Segment`. No media, no clock, no I/O: capturing follows the stretches found here.

Facts:
    - Per user, the state follows from the decision, whether the user has started on demand, and whether a recording is
      open (`STATES`). A recording is open from the automatic or the user's start until the stop, the user's leaving
      or the segment's end; inside it, stretches are what is captured, and between them are the gaps.
    - A user's licence is held as of the opening of the recording: the running one completes when it is taken away.
    - No instant lies before the one before it: a clock that steps back makes an empty stretch, not a negative one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from callkeeper.policy.call import Call, CallKind, Direction, Party
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Decision, Facts, Outcome, SegmentDecision
from callkeeper.policy.directory import Directory, User
from callkeeper.recorder.kept_users import KeptUsers


class State(StrEnum):
    """How it stands with one user's recording of a segment: `SUSPENDED` by a decision, `PAUSED` by somebody."""

    RECORDING = "recording"
    PAUSED = "paused"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    OFF = "off"


class Cause(StrEnum):
    """What opened a recording.

    Attributes:
        AUTOMATIC: the decision.
        STARTED: the user, on demand.
        INHERITED: the user's start in an earlier segment of the conversation.
    """

    AUTOMATIC = "automatic"
    STARTED = "started"
    INHERITED = "inherited"


class Closing(StrEnum):
    """What ended a stretch besides a decision, whose reason stands for itself."""

    STOPPED = "Stopped"
    PAUSED = "Paused"
    LEFT = "Left"
    SEGMENT_ENDED = "SegmentEnded"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time that is captured.

    Attributes:
        begun: its first instant.
        ended: the first instant that is not captured any more; None while it lasts.
        ended_by: a decision's reason or a `Closing`; None while it lasts.
    """

    begun: datetime
    ended: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording of one user: what the media will be attached to.

    Attributes:
        ordinal: counts the recordings of the segment, from 1.
        cause: what opened it.
        whole_call: once started, it keeps the call from the segment's start (RecordingPolicy, `capture: WholeCall`).
        automatic: the settings asked for it, not the user.
        facts: of the call, as the last decision saw them that let it be captured.
        groups: of the user, when it was opened.
        parties: everybody signalled while it was captured, with the place they were signalled in.
        opened: when.
        closed: when; None while it is open.
        stretches: what is captured, ascending; the gaps are between them.
    """

    ordinal: int
    cause: Cause
    whole_call: bool
    automatic: bool
    facts: Facts
    groups: tuple[str, ...]
    parties: tuple[tuple[str, Party], ...]
    opened: datetime
    closed: datetime | None = None
    stretches: tuple[Stretch, ...] = ()

    @property
    def gaps(self) -> tuple[Stretch, ...]:
        """The times left out, each with the reason the capture before it ended for; the last one may be open."""
        found = []
        following = [stretch.begun for stretch in self.stretches[1:]]
        for stretch, resumed in zip(self.stretches, [*following, self.closed], strict=True):
            if stretch.ended is not None and (resumed is None or resumed > stretch.ended):
                found.append(Stretch(begun=stretch.ended, ended=resumed, ended_by=stretch.ended_by))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecordings:
    """How it stands with one recorded user.

    Attributes:
        user: as in the decision.
        decision: the latest; of a user who left, the last one there was.
        state: recording, paused, waiting, suspended or off.
        started: the user has started on demand and not stopped.
        recordings: in the order they were opened; only the last may be open.
        known_as: the directory's entry when the open recording was opened.
        paused_until: nothing of the open recording is captured before; None while it is not paused.
    """

    user: str
    decision: Decision
    state: State
    started: bool = False
    recordings: tuple[Recording, ...] = ()
    known_as: User | None = None
    paused_until: datetime | None = None

    @property
    def open_recording(self) -> Recording | None:
        """The recording that is open, or None."""
        last = self.recordings[-1] if self.recordings else None
        return last if last is not None and last.closed is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment of a conversation and what has become of it.

    Attributes:
        id: given by the recorder.
        number: counts the segments of this run of the recorder; the order of lists.
        parent: the segment this one continues (transfer, retrieval from park, consultation), or None.
        begun_as: the call as it started, to tell a repetition from something else.
        call: the call as it is now.
        config: the settings it is decided under, for as long as it lasts.
        decision: the latest.
        users: by reference; who left stays listed.
        started: when.
        ended: when; None while it is open.
        latest: the latest instant of any event.
        reserved: the highest ordinal that was given to a recording which may not be among them yet.
    """

    id: str
    number: int
    parent: str | None
    begun_as: Call
    call: Call
    config: RecorderConfig | None
    decision: SegmentDecision
    users: Mapping[str, UserRecordings]
    started: datetime
    ended: datetime | None = None
    latest: datetime
    reserved: int = 0


def begin(
    *,
    identifier: str,
    number: int,
    call: Call,
    begun_as: Call,
    parent: Segment | None,
    config: RecorderConfig | None,
    directory: Directory,
    started_before: frozenset[str],
    now: datetime,
) -> Segment:
    """A segment starts: decided under the settings and the directory of now.

    Args:
        identifier: the recorder's id for it.
        number: its place in the order of segments.
        call: what starts.
        begun_as: the call as it was sent, before anything was inherited.
        parent: the segment it continues, if any.
        config: the settings in force, pinned from here on.
        directory: the users of now.
        started_before: users whose on-demand start goes on where the new decision is to wait.
        now: the instant.
    """
    segment = Segment(
        id=identifier,
        number=number,
        parent=None if parent is None else parent.id,
        begun_as=begun_as,
        call=call,
        config=config,
        decision=SegmentDecision.of(()),
        users={},
        started=now,
        latest=now,
    )
    return _decided(segment, call, directory, started_before, now)


def change(segment: Segment, call: Call, directory: Directory, now: datetime) -> Segment:
    """Parties, kind or consent have changed: decided again under the pinned settings, with the facts of now."""
    return _decided(segment, call, directory, frozenset(), max(now, segment.latest))


def start(segment: Segment, user: str, directory: Directory, now: datetime, *, ordinal: int | None = None) -> Segment:
    """The user starts on demand; whether the settings let them is asked before (`asked`).

    Args:
        segment: as it is.
        user: who starts.
        directory: the users of now.
        now: the instant.
        ordinal: of the recording that opens, where it was given before; else the next one.
    """
    now = max(now, segment.latest)
    segment = _decided(segment, segment.call, directory, frozenset(), now)
    recordings = replace(segment.users[user], started=True)
    moved = _moved(recordings, segment, Cause.STARTED, directory.find(user), ordinal or _next_ordinal(segment), now)
    return replace(segment, users={**segment.users, user: moved}, latest=now)


def stop(segment: Segment, user: str, now: datetime) -> Segment:
    """The user stops what they started: the recording is closed, and the segment waits for another start."""
    now = max(now, segment.latest)
    before = segment.users[user]
    closed = replace(
        before, started=False, recordings=_closed(before, Closing.STOPPED, now), known_as=None, paused_until=None
    )
    moved = replace(closed, state=STATES[_effective(segment.decision, closed.decision), False, False])
    return replace(segment, users={**segment.users, user: moved}, latest=now)


def pause(segment: Segment, users: Iterable[str], until: datetime, now: datetime) -> Segment:
    """Nothing of these users' open recordings is captured until then, or until they are resumed.

    A pause of what is suspended holds when the suspension ends; the gap keeps the reason it began with.
    """
    return _paused(segment, users, until, max(now, segment.latest))


def resume(segment: Segment, users: Iterable[str], now: datetime) -> Segment:
    """These users' recordings go on."""
    return _paused(segment, users, None, max(now, segment.latest))


def paused_users(segment: Segment) -> frozenset[str]:
    """Whose recordings are paused."""
    return frozenset(name for name, user in segment.users.items() if user.paused_until is not None)


def overdue_pauses(segment: Segment, now: datetime) -> frozenset[str]:
    """Whose pause has lasted as long as it may."""
    users = segment.users.items()
    return frozenset(name for name, user in users if user.paused_until is not None and user.paused_until <= now)


def end(segment: Segment, now: datetime) -> Segment:
    """The segment ends and with it every recording. `started` stays, for a segment that continues this one."""
    now = max(now, segment.latest)
    users = {
        name: replace(user, state=State.OFF, recordings=_closed(user, Closing.SEGMENT_ENDED, now), paused_until=None)
        for name, user in segment.users.items()
    }
    return replace(segment, users=users, ended=now, latest=now)


def asked(segment: Segment, directory: Directory, user: str) -> Decision | None:
    """What the settings say to a start of this user now: facts of now, nobody's licence kept; None: not recorded."""
    decision = decide(segment.config, segment.call, directory)
    return next((found for found in decision.decisions if found.user == user), None)


def started_users(segment: Segment) -> frozenset[str]:
    """Whose on-demand start still stands in this segment."""
    return frozenset(name for name, user in segment.users.items() if user.started)


def inherited_direction(call: Call, parent: Segment | None) -> Call:
    """A retrieval from park has the direction of the parked segment, unless its source states one."""
    if parent is None or call.kind is not CallKind.UNPARKED or call.direction is not None:
        return call
    seen = (decision.facts.direction for decision in parent.decision.decisions)
    known = parent.call.direction or next((found for found in seen if found is not Direction.UNKNOWN), None)
    return replace(call, direction=known)


def _decided(
    segment: Segment, call: Call, directory: Directory, started_before: frozenset[str], now: datetime
) -> Segment:
    directory = KeptUsers.where_needed(directory, _open_users(segment))
    decision = decide(segment.config, call, directory)
    # Filled below, before anybody sees it: a segment is copied once for a decision, not twice.
    users = dict(segment.users)
    segment = replace(segment, call=call, decision=decision, users=users, latest=now)
    ordinal = _next_ordinal(segment)
    for found in decision.decisions:
        before = users.get(found.user)
        started = found.user in started_before and found.outcome is Outcome.WAIT
        recordings = (
            UserRecordings(user=found.user, decision=found, state=State.OFF, started=started)
            if before is None
            else replace(before, decision=found)
        )
        cause = Cause.INHERITED if started else Cause.STARTED if recordings.started else Cause.AUTOMATIC
        moved = _moved(recordings, segment, cause, directory.find(found.user), ordinal, now)
        ordinal += len(moved.recordings) - len(recordings.recordings)
        users[found.user] = moved
    for gone in users.keys() - {found.user for found in decision.decisions}:
        left = users[gone]
        users[gone] = replace(
            left,
            state=State.OFF,
            started=False,
            recordings=_closed(left, Closing.LEFT, now),
            known_as=None,
            paused_until=None,
        )
    return segment


def _paused(segment: Segment, users: Iterable[str], until: datetime | None, now: datetime) -> Segment:
    changed = dict(segment.users)
    for name in users:
        user = changed[name]
        if user.open_recording is not None:
            # No recording opens here, so neither cause nor ordinal matters.
            paused = replace(user, paused_until=until)
            changed[name] = _moved(paused, segment, Cause.AUTOMATIC, user.known_as, 0, now)
    return replace(segment, users=changed, latest=now)


def _next_ordinal(segment: Segment) -> int:
    given = [user.recordings[-1].ordinal for user in segment.users.values() if user.recordings]
    return 1 + max(segment.reserved, *given) if given else 1 + segment.reserved


def _open_users(segment: Segment) -> tuple[User, ...]:
    users = segment.users.values()
    return tuple(user.known_as for user in users if user.known_as is not None and user.open_recording is not None)


def _effective(decision: SegmentDecision, own: Decision) -> Outcome:
    """A segment that is not to be recorded is recorded for nobody."""
    return Outcome.SKIP if decision.outcome is Outcome.SKIP else own.outcome


def _moved(
    user: UserRecordings, segment: Segment, cause: Cause, known_as: User | None, ordinal: int, now: datetime
) -> UserRecordings:
    """Bring the user's recordings to the state that the decision asks for; one that opens has this ordinal."""
    recording = user.open_recording
    state = STATES[_effective(segment.decision, user.decision), user.started, recording is not None]
    if state is State.RECORDING:
        if recording is None:
            policy = segment.config.policy if segment.config else None
            whole = cause is not Cause.AUTOMATIC and policy is not None and policy.capture.value == "WholeCall"
            opened = Recording(
                ordinal=ordinal,
                cause=cause,
                whole_call=whole,
                automatic=user.decision.outcome is Outcome.RECORD,
                facts=user.decision.facts,
                groups=() if known_as is None else known_as.groups,
                parties=segment.call.signalled_as,
                opened=now,
                stretches=(Stretch(begun=now),),
            )
            return replace(user, state=state, recordings=(*user.recordings, opened), known_as=known_as)
        parties = tuple(dict.fromkeys((*recording.parties, *segment.call.signalled_as)))
        recording = replace(recording, facts=user.decision.facts, parties=parties)
        if user.paused_until is not None:
            state = State.PAUSED
            recording = replace(recording, stretches=_stretches_closed(recording, Closing.PAUSED, now))
        elif recording.stretches[-1].ended is not None:
            recording = replace(recording, stretches=(*recording.stretches, Stretch(begun=now)))
        return replace(user, state=state, recordings=(*user.recordings[:-1], recording))
    reason = user.decision.reason.value
    if state is State.SUSPENDED and recording is not None:
        held = replace(recording, stretches=_stretches_closed(recording, reason, now))
        return replace(user, state=state, recordings=(*user.recordings[:-1], held))
    return replace(user, state=state, recordings=_closed(user, reason, now), known_as=None, paused_until=None)


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
