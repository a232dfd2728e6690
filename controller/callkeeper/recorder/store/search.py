"""What is asked of the recordings: which of them, who asks, and from where a page goes on.

Values only; how a search becomes SQL is in `searching`.
"""

from dataclasses import dataclass
from datetime import datetime

from callkeeper.recorder.store.recording import KeptRecording, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """What somebody may see of the recordings: everything, or those of a user and of groups.

    Attributes:
        everything: no bound (administrator, auditor).
        user: the own recordings of this directory id, or None.
        groups: recordings of users who were in one of these groups as of the call.
    """

    everything: bool = False
    user: str | None = None
    groups: frozenset[str] = frozenset()


EVERYTHING = Viewer(everything=True)
"""For the recorder itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which recordings; every member narrows, None and empty do not.

    Attributes:
        opened_from: opened at this instant or later.
        opened_to: opened before this instant.
        user: whose recording.
        number: normalized, of any party.
        conversation: all of one conversation.
        segment: all of one segment.
        direction: inbound, outbound or unknown.
        scope: internal or external.
        kind: of the call.
        mode: AlwaysOn or OnDemand.
        status: how it stands.
        shortest: microseconds of media at least.
        longest: microseconds of media at most.
        tags: it has all of them.
        held: whether a hold on its conversation is not released.
        note: a note of it contains this text, without regard to case (ASCII).
    """

    opened_from: datetime | None = None
    opened_to: datetime | None = None
    user: str | None = None
    number: str | None = None
    conversation: str | None = None
    segment: str | None = None
    direction: str | None = None
    scope: str | None = None
    kind: str | None = None
    mode: str | None = None
    status: Status | None = None
    shortest: int | None = None
    longest: int | None = None
    tags: tuple[str, ...] = ()
    held: bool | None = None
    note: str | None = None


Place = tuple[datetime, int]
"""Where a page ended: opened and key of its last recording. Pages go from the latest opened back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A page for people.

    Attributes:
        recordings: those that fit, the latest opened first; fewer than asked for, or none, where few of those looked at
            do.
        next: where the next page goes on; None at the end.
    """

    recordings: list[KeptRecording]
    next: Place | None
