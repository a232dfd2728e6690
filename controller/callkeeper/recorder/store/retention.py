"""What decides how long a recording stays, as it is kept: holds, registered erasures, and the tombstone in the end.

Values only: the arithmetic is `policy.retention`, deleting and holding are `recorder.retention` and
`recorder.recordings`, the rows `retention_rows`.
"""

from dataclasses import dataclass
from datetime import datetime


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
