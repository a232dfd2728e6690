"""A recording as the store keeps it: its names, how it stands, its media, its notes, and why it was made.

What is asked of recordings is in `search`, what protects and removes them in `retention`; a recording that is being
made, in memory, is `calls.segment.Recording`.

Facts:
    - A recording has two names: `id`, shown outside (`<segment>-<n>`), and `key`, a number that orders recordings by
      segment and joins rows. `key_of` makes it, so that a recording's key is known before anything is written.
    - Durations are whole microseconds; a text's bounds are the edge's business.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callkeeper.recorder.calls.segment import Stretch

RECORDINGS_BITS = 20
"""A segment has less than 2^20 recordings: 1,000 users with 1,000 recordings each (`bounds`) are below it."""


def key_of(segment_number: int, ordinal: int) -> int:
    """The key of the n-th recording of a segment."""
    return segment_number << RECORDINGS_BITS | ordinal


def recording_id(segment: str, ordinal: int) -> str:
    """The name of the n-th recording of a segment."""
    return f"{segment}-{ordinal}"


class Status(StrEnum):
    """How a recording stands.

    Attributes:
        OPEN: it is being made.
        CLOSED: it has ended and its media is not complete yet.
        COMPLETE: its media is stored whole.
        INTERRUPTED: the recorder or the upload died in the middle; what had arrived is kept.
        FAILED: it has ended and no media came.
        UNREACHABLE: it is being removed: shown to nobody, its media may be gone already.
    """

    OPEN = "open"
    CLOSED = "closed"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The stored media of a recording.

    Attributes:
        content_type: as recognised by content, `audio/wav`.
        bytes: of the file.
        duration: in microseconds; None when the format does not say.
        sha256: of the file, hexadecimal; empty while it grows.
        path: relative to the media folder.
        channels: who is on which channel, by the channel's place; empty where unknown.
    """

    content_type: str
    bytes: int
    duration: int | None
    sha256: str
    path: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptParty:
    """A party of a recording, as it is searched and shown.

    Attributes:
        role: calling, called, originalCalled, redirecting, connected or participant.
        number: normalized; None without one, and where the caller withheld it (it is neither shown nor searched).
        display: what is shown, the number or the user; `anonymous` for who withheld it; empty when nothing is known.
        user: the directory id or address the source named, or None.
    """

    role: str
    number: str | None
    display: str
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecording:
    """A recording as it is kept.

    Attributes:
        key: orders and joins (`key_of`).
        id: its name outside.
        segment: id of its segment.
        conversation: shared by the segments of one conversation; what holds cover.
        user: whose it is.
        groups: of that user as of the opening.
        cause: automatic, started or inherited.
        mode: AlwaysOn or OnDemand.
        whole_call: it keeps the call from the segment's start.
        shared_line: the user is one of several owners of a line; who answered is not known.
        kind: of the call, as of the last decision while it was open.
        direction: likewise, seen from the user.
        scope: likewise.
        opened: when.
        closed: when; None while open.
        status: how it stands.
        clock: from when its retention counts (`policy.retention.clock_start`); None while it has no clock.
        minimum_until: until then no role deletes (`policy.retention.grown_minimum`); None when nothing was promised.
        last_media: when the last media was stored, or None.
        restricted: an erasure is registered: media and details are withheld.
        held: a hold on its conversation is not released.
        stretches: what is captured; the gaps are between them.
        parties: in the order they were signalled.
        tags: sorted.
        media: what is stored, or None.
    """

    key: int
    id: str
    segment: str
    conversation: str
    user: str
    groups: tuple[str, ...]
    cause: str
    mode: str
    whole_call: bool
    shared_line: bool
    kind: str
    direction: str
    scope: str
    opened: datetime
    closed: datetime | None
    status: Status
    clock: datetime | None
    minimum_until: datetime | None
    last_media: datetime | None
    restricted: bool
    held: bool
    stretches: tuple[Stretch, ...]
    parties: tuple[KeptParty, ...]
    tags: tuple[str, ...]
    media: Media | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note on a recording.

    Attributes:
        id: of the note.
        recording: key of the recording.
        author: directory id or component of who wrote it.
        text: as written.
        created: when.
        edited: when last, or None.
    """

    id: str
    recording: int
    author: str
    text: str
    created: datetime
    edited: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision:
    """Why a recording was made: the latest decision for its user while the segment was open.

    Attributes:
        outcome: of the decision.
        reason: of it.
        source: the setting that decided, `kind/namespace/name entry`; None where none did.
        config_revision: pinned for the segment; empty without a config.
        directory_revision: of the users as they were.
    """

    outcome: str
    reason: str
    source: str | None
    config_revision: str
    directory_revision: str
