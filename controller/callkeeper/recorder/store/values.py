"""What the store takes and gives: plain values, whatever database is behind it.

Facts:
    - A recording has two names: `id`, shown outside (`<segment>-<n>`), and `key`, a number that orders recordings by
      segment and joins rows. `key_of` makes it, so that a recording's key is known before anything is written.
    - Durations are whole microseconds; a text's bounds are the edge's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import User
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.segment import Stretch

RECORDINGS_BITS = 20
"""A segment has less than 2^20 recordings: 1,000 users with 1,000 recordings each (`bounds`) are below it."""


def key_of(segment_number: int, ordinal: int) -> int:
    """The key of the n-th recording of a segment."""
    return segment_number << RECORDINGS_BITS | ordinal


def recording_id(segment: str, ordinal: int) -> str:
    """The name of the n-th recording of a segment."""
    return f"{segment}-{ordinal}"


class LedgerState(StrEnum):
    """How a segment stands in the ledger; follows from its recordings alone.

    Attributes:
        EXPECTED: it has recordings, and the media of at least one is still awaited.
        RECORDED: the media of every recording is complete.
        SKIPPED: it has no recording, rightly; the reason is the decision's.
        FAILED: a recording's media is missing or was interrupted.
    """

    EXPECTED = "expected"
    RECORDED = "recorded"
    SKIPPED = "skipped"
    FAILED = "failed"


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
class KeptHold:
    """A legal hold on a conversation.

    Attributes:
        id: of the hold.
        conversation: what it covers.
        owner: who placed it.
        reason: as given.
        placed: when.
        released: when; None while it protects.
        released_by: who released it, or None.
    """

    id: str
    conversation: str
    owner: str
    reason: str
    placed: datetime
    released: datetime | None = None
    released_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """A request to erase a recording that is still protected (GDPR, article 17(3)).

    Attributes:
        id: of the request.
        recording: id of the recording; stays when the recording has gone.
        requested_by: who asked.
        requested: when.
        executed: when it was carried out; None before.
    """

    id: str
    recording: str
    requested_by: str
    requested: datetime
    executed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What is left of a recording that was removed.

    Attributes:
        recording: its id.
        key: its key.
        segment: id of its segment.
        conversation: of that segment.
        user: whose it was.
        groups: of that user as of the call, so that who could see it may be told it has gone.
        opened: when it was opened.
        closed: when it was closed.
        clock: from when its retention counted.
        sha256: of its media; empty when there was none.
        bytes: of its media.
        removed: when it was removed.
        removed_by: who did; `system:retention` for expiry.
        why: expired, deleted or erased.
        rule: the retention rule's object and words that explain it; empty where no rule was asked.
        revision: of the config in force then; empty without one.
    """

    recording: str
    key: int
    segment: str
    conversation: str
    user: str
    groups: tuple[str, ...]
    opened: datetime
    closed: datetime | None
    clock: datetime | None
    sha256: str
    bytes: int
    removed: datetime
    removed_by: str
    why: str
    rule: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An audit event that commits with its action and is numbered by the outbox.

    Attributes:
        at: the instant of the action.
        email: who acted.
        ip_address: from where; empty without a peer.
        app_name: the emitter's application.
        action: what was done.
        details: JSON-able.
    """

    at: datetime
    email: str
    ip_address: str
    app_name: str
    action: Action
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSize:
    """What waits in the outbox.

    Attributes:
        rows: undelivered.
        oldest: instant of the first of them; None when there are none.
    """

    rows: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A segment in the ledger.

    Attributes:
        number: the segment's place in the order of all.
        segment: its id.
        conversation: of it.
        kind: of the call.
        started: when.
        ended: when; None while open.
        interrupted: the recorder died before it saw the end.
        outcome: of the latest decision.
        reason: of that decision.
        state: how it stands.
        why: what the state follows from, a word.
        recordings: how many it has or had.
        config_revision: pinned for it.
    """

    number: int
    segment: str
    conversation: str
    kind: str
    started: datetime
    ended: datetime | None
    interrupted: bool
    outcome: str
    reason: str
    state: LedgerState
    why: str
    recordings: int
    config_revision: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringRecording:
    """What the arithmetic of retention needs of a recording, as few columns as there are.

    Attributes:
        key: of the recording.
        id: likewise.
        conversation: whose holds cover it.
        clock: from when its retention counts; None while open.
        minimum_until: as stored with it.
    """

    key: int
    id: str
    conversation: str
    clock: datetime | None
    minimum_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What opening the store found and did.

    Attributes:
        last_number: the highest number a segment has; 0 without any.
        segments: those that a run which ended without closing them had left open; they are closed as interrupted.
        recordings: likewise.
        users: those of the directory that is kept.
        retired: the deleted ones by id.
    """

    last_number: int
    segments: int
    recordings: int
    users: tuple[User, ...] = ()
    retired: Mapping[str, Retired] = field(default_factory=dict)
