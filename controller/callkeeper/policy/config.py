"""`RecorderConfig`: everything a recorder has to know, as one frozen value.

It is what `compile` makes, what travels to the recorder, and what a decision reads. Every entry carries the object it
comes from, so that any decision can be traced to a line in git. Two configs with the same entries are equal and have
the same revision, whatever the order of the lists they were written in. The JSON form is in `config_json`.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from callkeeper.kinds.terms import Capture, Mode, SampledOut, UnknownDirection


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Source:
    """Where a setting comes from; file and line are looked up by whoever read the files.

    Attributes:
        object: `kind/namespace/name`.
        entry: the entry's own text (a pattern, a range `first-last`, a user) or the field's name (`inbound`).
    """

    object: str
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.object} {self.entry}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Override:
    """One user's mode.

    Attributes:
        user: directory id or e-mail address, case-folded.
        mode: never `Default`, which is the absence of an override.
        object: `kind/namespace/name` of the RecordingPolicy or UserPolicy that says so.
    """

    user: str
    mode: Mode
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection:
    """Default mode, always-on limit and overrides (RecordingPolicy, UserPolicy).

    Attributes:
        default_mode: for users without an override.
        always_on_limit_percent: 0 to 100 in steps of 5, of conversations.
        sampled_out: what becomes of always-on calls outside the limit.
        capture: what a start on demand captures.
        overrides: sorted; one per user.
        object: the RecordingPolicy in force, or None where the defaults stand.
    """

    default_mode: Mode = Mode.ON_DEMAND
    always_on_limit_percent: int = 100
    sampled_out: SampledOut = SampledOut.DENY
    capture: Capture = Capture.FROM_START
    overrides: tuple[Override, ...] = ()
    object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSection:
    """Which call types are recorded (RecordingFilter).

    Attributes:
        group_meeting_and_unparked: the toggle that group, meeting and unparked calls need.
        internal: calls whose parties all belong to the organisation.
        external: calls with anybody else.
        inbound: calls that reached the recorded user.
        outbound: calls the recorded user placed.
        unknown_direction: what becomes of calls without a direction.
        internal_numbers: canonical patterns of numbers that count as the organisation's own, sorted.
        object: the RecordingFilter in force, or None where the defaults stand.
    """

    group_meeting_and_unparked: bool = True
    internal: bool = True
    external: bool = True
    inbound: bool = True
    outbound: bool = True
    unknown_direction: UnknownDirection = UnknownDirection.RECORD
    internal_numbers: tuple[str, ...] = ()
    object: str | None = None


class BlacklistEntry(NamedTuple):
    """One pattern that is never recorded; a tuple, since there may be 100,000, and others take three times as long.

    Attributes:
        pattern: canonical (`X`, never `x`).
        object: `Blacklist/namespace/name`.
        entry: the pattern or range as it stands in that object, canonical.
    """

    pattern: str
    object: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSection:
    """How long recordings are kept (RetentionRule), in the words of the manifest.

    Attributes:
        retention: `forever`, `<n>d` or `<n>h`.
        extra_retention: what a legal hold adds: `disabled`, `<n>d` or `unlimited`.
        minimum_retention: until then no role deletes: `none`, `<n>d` or `<n>h`.
        object: the RetentionRule in force, or None where the defaults stand.
    """

    retention: str = "forever"
    extra_retention: str = "disabled"
    minimum_retention: str = "none"
    object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSection:
    """How the audit log is kept (AuditLog).

    Attributes:
        application_name: the AppName of rows this recorder emits.
        rotation: `daily`, or a size in MiB as `<n>Mi` after which a day's segment is continued in a further file.
        retention: how long the log itself is kept: `forever` or `<n>d`.
        compress_closed: files of days that are over are compressed.
        object: the AuditLog in force, or None where the defaults stand.
    """

    application_name: str = "callkeeper"
    rotation: str = "daily"
    retention: str = "forever"
    compress_closed: bool = False
    object: str | None = None


@dataclass(frozen=True, kw_only=True)
class RecorderConfig:
    """All settings of one recorder.

    Not slotted: what is derived from it (`revision`, the matchers of `decide`) is cached beside it on first use.

    Attributes:
        policy: who is recorded, and how.
        filter: which call types are recorded.
        blacklist: numbers never recorded; sorted, without repetition.
        retention: how long recordings are kept.
        audit: how the audit log is kept.
        missing: objects that must be valid before anything may be recorded, sorted; while there is one the recorder
            records nothing, reason `SettingsIncomplete`.
        blacklisted_before: how many patterns were in force when a removal began to wait for its confirmation; None
            while none waits. The share it takes away stays reckoned from it, whatever is added meanwhile.
    """

    policy: PolicySection = field(default_factory=PolicySection)
    filter: FilterSection = field(default_factory=FilterSection)
    blacklist: tuple[BlacklistEntry, ...] = ()
    retention: RetentionSection = field(default_factory=RetentionSection)
    audit: AuditSection = field(default_factory=AuditSection)
    missing: tuple[str, ...] = ()
    blacklisted_before: int | None = None
