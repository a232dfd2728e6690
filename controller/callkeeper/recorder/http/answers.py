"""What the recorder answers, as models: the contract another recorder would have to meet.

Answers are made as plain values in `shown` and written without passing through these models, which would cost more
than the decision itself; a test holds every answer against its model. No answer about a call repeats a party's number.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """Base: camel case on the wire. Clients must ignore members they do not know."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class VerificationAnswer(Answer):
    """What verifying the audit log found; its row says the same."""

    sound: bool = Field(description="Nothing altered was found.")
    chain: str = Field(description="Head of the chain up to which it was verified.")
    rows: int
    problems: int = Field(description="Pieces of damage; `callkeeper audit verify` names them.")
    against: int = Field(description="Checkpoints kept elsewhere that it was held against.")


class ProblemDocument(BaseModel):
    """RFC 9457; every type has a section in docs/reference/problems.md. Some carry further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/<name>`.", examples=["/problems/owner-conflict"])
    title: str
    status: int
    detail: str = Field(description="What failed, on which object.")
    next: str = Field(description="What to do.")


class SourceAnswer(Answer):
    """Where a setting comes from; file, line and column where the recorder was started from a folder."""

    object: str = Field(description="kind/namespace/name.")
    entry: str = Field(description="The entry's text, or the field's name.")
    file: str | None = None
    line: int | None = None
    column: int | None = None


class StepAnswer(Answer):
    """One rule's answer."""

    rule: str
    reason: str
    stops: bool
    message: str
    source: SourceAnswer | None


class FactsAnswer(Answer):
    """What the decision knew besides the settings."""

    kind: str
    scope: str
    direction: str
    consent: str
    shared_line: bool


class DecisionAnswer(Answer):
    """The decision for one recorded user."""

    user: str
    outcome: str = Field(description="record, waitForStart or doNotRecord.")
    reason: str
    message: str
    source: SourceAnswer | None
    steps: list[StepAnswer]
    facts: FactsAnswer


class StretchAnswer(Answer):
    """A time that is captured; `to` is null while it lasts."""

    from_: str = Field(alias="from")
    to: str | None
    ended_by: str | None


class GapAnswer(Answer):
    """A time inside a recording that is not captured."""

    from_: str = Field(alias="from")
    to: str | None
    reason: str | None


class RecordingAnswer(Answer):
    """One recording of one user."""

    id: str = Field(description="Where its media goes: `/v1/recordings/{id}/media`.")
    cause: str = Field(description="automatic, started, or inherited from an earlier segment.")
    whole_call: bool
    opened_at: str
    closed_at: str | None
    stretches: list[StretchAnswer]
    gaps: list[GapAnswer]


class UserAnswer(Answer):
    """How it stands with one recorded user."""

    user: str
    state: str = Field(description="recording, paused, waiting, suspended or off.")
    paused_until: str | None = Field(description="When a pause ends by itself; null while there is none.")
    recordings: list[RecordingAnswer]


class SegmentAnswer(Answer):
    """A segment and what was decided about it."""

    segment: str
    native_id: str
    conversation: str
    parent_segment_id: str | None
    kind: str
    state: str = Field(description="open or ended.")
    started_at: str
    ended_at: str | None
    outcome: str
    reason: str
    message: str
    source: SourceAnswer | None
    config_revision: str = Field(description="Pinned for the segment; empty when there was no config.")
    directory_revision: str
    decisions: list[DecisionAnswer]
    users: list[UserAnswer]


class SegmentsAnswer(Answer):
    """A page of segments, the latest started first."""

    items: list[SegmentAnswer]
    next_cursor: str | None


class LedgerTotalsAnswer(Answer):
    """How many segments stand how."""

    expected: int
    recorded: int
    skipped: int
    failed: int


class LedgerRowAnswer(Answer):
    """A segment in the ledger."""

    segment: str
    conversation: str
    kind: str
    started_at: str
    ended_at: str | None
    interrupted: bool = Field(description="The recorder ended before it saw the segment's end.")
    outcome: str
    reason: str
    state: str = Field(description="expected, recorded, skipped or failed.")
    why: str = Field(description="Open, MediaAwaited, MediaComplete, Interrupted, NoMedia, or the decision's reason.")
    recordings: int
    config_revision: str


class LedgerAnswer(Answer):
    """A page of the ledger, ascending, with the totals of the whole range."""

    from_: str = Field(alias="from")
    to: str
    totals: LedgerTotalsAnswer
    items: list[LedgerRowAnswer]
    next_cursor: str | None


class ConfigAnswer(Answer):
    """The config in force, with its envelope; revision, owner and config are null before the first."""

    revision: str | None
    owner: str | None
    epoch: int
    programmed_at: str | None
    sections: dict[str, int] = Field(description="The sections this recorder reads, with their versions.")
    spent_confirmations: list[str] = Field(description="SHA-256 (hex) of object, a line feed, and text.")
    config: dict[str, Any] | None


class EffectiveAnswer(Answer):
    """What holds for the user who asks."""

    revision: str | None
    user: str
    mode: str | None
    source: SourceAnswer | None
    licensed: bool
    always_on_limit_percent: int | None
    filter: dict[str, Any] | None
    retention: dict[str, Any] | None


class PutAnswer(Answer):
    """What is in force now."""

    revision: str
    changed: bool


class ChangedDecisionAnswer(Answer):
    """One decision that would be another."""

    segment: str
    user: str
    kind: str
    direction: str
    scope: str
    before: dict[str, Any]
    after: dict[str, Any]


class AffectedRecordingAnswer(Answer):
    """One recording that would be kept for a shorter time, or lose the protection of a hold."""

    recording: str
    was: str | None = Field(description="When it goes under the rule in force; null is never.")
    becomes: str | None = Field(description="When it would go.")
    deleted: bool = Field(description="It would be gone at once.")
    holds: list[str] = Field(description="Ids of its holds that would lose their protection.")


class EffectsAnswer(Answer):
    """What the candidate would do."""

    recordings: int
    shortens: int
    deletes: int
    holds: int
    considered_calls: int
    changed_decisions: int
    removes_blacklist_entries: int
    sample: list[ChangedDecisionAnswer]
    affected_recordings: list[AffectedRecordingAnswer] = Field(description="Up to 20 of them, for a look.")


class CheckAnswer(Answer):
    """The effects of a candidate; nothing was changed."""

    revision: str = Field(description="What the candidate's revision would be.")
    changes: list[str] = Field(description="Sections that differ from what is in force.")
    effects: EffectsAnswer
    spent: list[str] = Field(description="Confirmations that are used up, as in `GET /v1/config`.")


class DirectoryUserAnswer(Answer):
    """One user, with the mode in force and where it comes from."""

    id: str
    name: str
    surname: str
    email: str
    lines: list[dict[str, str | None]]
    licences: list[str]
    roles: list[str]
    groups: list[str]
    status: str
    mode: str | None
    overridden: bool
    source: SourceAnswer | None
    policy_active: bool = Field(description="False: the mode is kept, and without effect until `inactiveReason` ends.")
    inactive_reason: str | None = Field(description="noLicence or disabled; null when active.")


class DirectoryAnswer(Answer):
    """A page of users, ordered by id."""

    revision: str
    items: list[DirectoryUserAnswer]
    next_cursor: str | None


class DirectoryPutAnswer(Answer):
    """The directory that is in force now."""

    revision: str
    changed: bool


class LicenceAnswer(Answer):
    """A user after a licence was given or taken."""

    changed: bool = Field(description="False: it was so before.")
    user: DirectoryUserAnswer


class ImportLineAnswer(Answer):
    """What becomes of one line of the file."""

    line: int = Field(description="Counted from 1; where the row starts.")
    result: str = Field(description="created, changed, unchanged or problem.")
    id: str | None
    column: str = Field(description="The wrong cell; empty when nothing is wrong, or it is about the row.")
    message: str


class ImportAnswer(Answer):
    """What an import did, or would do."""

    applied: bool = Field(description="Whether anything was brought into force.")
    revision: str = Field(description="Of the directory in force now.")
    counts: dict[str, int] = Field(description="Lines by result.")
    lines: list[ImportLineAnswer]


class PrincipalAnswer(Answer):
    """Who asks, as this recorder knows them."""

    id: str
    email: str
    roles: list[str]
    user: str | None = Field(description="Their id in the user directory; null when they are not in it.")


class HealthAnswer(Answer):
    """What was looked at; each check is `ok` or says what is wrong."""

    status: str
    checks: dict[str, str]
