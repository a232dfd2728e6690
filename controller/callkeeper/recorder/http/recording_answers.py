"""What is answered about recordings, as models (see `answers`)."""

from pydantic import Field

from callkeeper.recorder.http.answers import Answer, GapAnswer, StretchAnswer


class RecordingPartyAnswer(Answer):
    """A party as it is shown; who withheld the number is `anonymous`."""

    role: str
    display: str
    user: str | None


class RecordingMediaAnswer(Answer):
    """What is stored; where, is nobody's business."""

    content_type: str
    bytes: int
    duration_seconds: float | None
    sha256: str = Field(description="Empty while it grows.")
    playable: bool = Field(description="False for an MP4 whose index never came: kept as it is.")
    channels: list[str]


class PlayTicketAnswer(Answer):
    """An address that plays one recording without a token."""

    url: str = Field(description="Relative to the recorder's; keep it as you would a password.")
    expires_at: str


class RecordingItemAnswer(Answer):
    """A recording in a list."""

    id: str
    segment: str
    conversation: str
    user: str
    groups: list[str] = Field(description="Of the user, as of the call.")
    cause: str
    mode: str
    whole_call: bool
    shared_line: bool
    kind: str
    direction: str
    scope: str
    opened_at: str
    closed_at: str | None
    status: str = Field(description="open, closed (its media is awaited), complete, interrupted or failed.")
    held: bool
    held_until: str | None = Field(
        description="Until when its holds keep it from expiring; null: not held, without end, or as long as it is open."
    )
    restricted: bool = Field(
        description="A request to erase is registered: parties, tags, notes and media are withheld."
    )
    parties: list[RecordingPartyAnswer]
    tags: list[str]
    media: RecordingMediaAnswer | None


class RecordingsAnswer(Answer):
    """A page, the latest opened first; it may hold fewer than asked for, or none, while there is a next one."""

    items: list[RecordingItemAnswer]
    next_cursor: str | None


class NoteAnswer(Answer):
    """A note."""

    id: str
    author: str
    text: str
    created_at: str
    edited_at: str | None


class HoldAnswer(Answer):
    """A legal hold."""

    id: str
    conversation: str
    owner: str
    reason: str
    placed_at: str
    released_at: str | None
    released_by: str | None


class RecordingHoldAnswer(HoldAnswer):
    """A hold, as it protects one recording."""

    protects_until: str | None = Field(
        description="Until when it keeps the recording from expiring; null: without end, or as long as it is open."
    )


class WhyRecordedAnswer(Answer):
    """The latest decision for the recording's user."""

    outcome: str
    reason: str
    source: str | None = Field(description="kind/namespace/name and the entry.")
    config_revision: str
    directory_revision: str


class RetentionAnswer(Answer):
    """When the recording goes, under the rule in force now."""

    expires_at: str | None = Field(description="Null: never.")
    why: str = Field(description="Open, Base, Extra, Minimum or ReleaseGrace.")
    minimum_until: str | None = Field(description="Until then no role deletes.")
    rule: str = Field(description="The rule's object and words; empty without a config.")
    revision: str


class RecordingDetailsAnswer(RecordingItemAnswer):
    """Everything about a recording."""

    decision: WhyRecordedAnswer | None
    stretches: list[StretchAnswer]
    gaps: list[GapAnswer]
    notes: list[NoteAnswer]
    holds: list[RecordingHoldAnswer]
    retention: RetentionAnswer


class TagsAnswer(Answer):
    """All tags of a recording."""

    tags: list[str]


class ErasureAnswer(Answer):
    """What became of a request to erase."""

    id: str
    recording: str
    requested_at: str
    requested_by: str
    executed: bool
    waits_for: str = Field(description="What protects the recording; empty when it was executed.")


class SweepAnswer(Answer):
    """A sweep, running or over."""

    begun_at: str
    ended_at: str | None
    looked_at: int
    expired: int
    finished: int = Field(description="Deletions and erasures taken to their end.")
    released: int
    failed: int = Field(description="Recordings whose media could not be removed.")
    halted: str | None = Field(description="clock, outbox, failed, or null.")


class ClockAnswer(Answer):
    """Whether the wall clock is believed."""

    now: str
    seen: str | None = Field(description="The last time that was believed.")
    stopped_at: str | None = Field(description="When the sweeper stopped for it; null while it is believed.")
    ahead_seconds: float


class RetentionStatusAnswer(Answer):
    """The rule in force and how its sweeper stands."""

    rule: str
    revision: str
    clock: ClockAnswer
    sweep: SweepAnswer | None
    unreachable: int = Field(description="Removals begun and not finished; at most 1,000 are counted.")
    erasures: int = Field(description="Requests to erase that wait for protection to end.")
