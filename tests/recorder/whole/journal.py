"""What a recorder acknowledged, kept by those who drive it, and what they asked for without hearing the answer."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class NoteKept:
    """A note that was acknowledged.

    Attributes:
        texts: what it may say: what was acknowledged last, and edits whose answer never came.
        edits: acknowledged ones.
        doubtful_edits: those without an answer.
        deleted: acknowledged.
        perhaps_deleted: asked for.
    """

    texts: set[str]
    edits: int = 0
    doubtful_edits: int = 0
    deleted: bool = False
    perhaps_deleted: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class RecordingKept:
    """A recording whose call's start was acknowledged.

    Attributes:
        name: its id.
        segment: of its call.
        conversation: likewise.
        sha256: of its media, once that was acknowledged as complete.
        ended: the end of its call was acknowledged.
        deleted: its deletion was acknowledged.
        perhaps_deleted: it was asked for.
        notes: by id.
        tags: acknowledged.
    """

    name: str
    segment: str
    conversation: str
    sha256: str | None = None
    ended: bool = False
    deleted: bool = False
    perhaps_deleted: bool = False
    notes: dict[str, NoteKept] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True, eq=False)
class HoldKept:
    """A hold that was acknowledged.

    Attributes:
        conversation: what it holds.
        released: its release was acknowledged.
        perhaps_released: it was asked for.
    """

    conversation: str
    released: bool = False
    perhaps_released: bool = False


@dataclass(slots=True, kw_only=True)
class Journal:
    """Everything.

    Attributes:
        recordings: by id.
        holds: by id.
        revision: the last config that was acknowledged.
        perhaps_revisions: configs asked for since, without an answer.
        told: acknowledged actions that leave a row of their own each, and how many, such as searches.
        perhaps_told: the same without an answer.
        doubtful: how often no answer came.
    """

    recordings: dict[str, RecordingKept] = field(default_factory=dict)
    holds: dict[str, HoldKept] = field(default_factory=dict)
    revision: str | None = None
    perhaps_revisions: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    perhaps_told: Counter[str] = field(default_factory=Counter)
    doubtful: int = 0
