"""A segment of a conversation as a value: its call, the decision on it, and who is being recorded since when.

Immutable: what happens to a segment makes a new one (`transitions`). A recording as it is kept, with its media, is
`store.recording`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callkeeper.policy.call import Call, Party
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.decision import Decision, Facts, SegmentDecision
from callkeeper.policy.directory import User


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

    @property
    def started_users(self) -> frozenset[str]:
        """Whose on-demand start still stands."""
        return frozenset(name for name, user in self.users.items() if user.started)

    @property
    def paused_users(self) -> frozenset[str]:
        """Whose recordings are paused."""
        return frozenset(name for name, user in self.users.items() if user.paused_until is not None)

    def overdue_pauses(self, now: datetime) -> frozenset[str]:
        """Whose pause has lasted as long as it may."""
        users = self.users.items()
        return frozenset(name for name, user in users if user.paused_until is not None and user.paused_until <= now)

    @property
    def is_buffering(self) -> bool:
        """Whether somebody may still start it and would keep it from its start (`capture: WholeCall`)."""
        policy = self.config.policy if self.config is not None else None
        if self.ended is not None or policy is None or policy.capture.value != "WholeCall":
            return False
        return any(user.state is State.WAITING for user in self.users.values())
