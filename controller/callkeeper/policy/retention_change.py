"""What a change of the retention rule would do to the recordings there are: the figures a confirmation is held against.

The gate itself, the annotation and its bounds, is in `compile`; the recorder counts with `effects_of`, because only it
knows the recordings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from callkeeper.policy.config import RetentionSection
from callkeeper.policy.retention import Expiry, Hold, RetentionTerms, expiry, grown_minimum

Words = tuple[str, str]
"""From and to, in the words of the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionChange:
    """Which words of a rule change; None where a word stays.

    Attributes:
        retention: base retention, from and to.
        extra_retention: what a hold adds, from and to.
        minimum_retention: from and to; it never shrinks for existing recordings, so it needs no confirmation.
        shortens: whether the change could shorten or take protection from an existing recording.
    """

    retention: Words | None
    extra_retention: Words | None
    minimum_retention: Words | None
    shortens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecording:
    """What the arithmetic needs to know of a recording.

    Attributes:
        conversation: whose holds cover it.
        ended_at: as `retention.clock_start` has it.
        minimum_until: as stored with it (`retention.grown_minimum`).
        name: what it is called in a sample.
    """

    conversation: str
    ended_at: datetime | None
    minimum_until: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A recording that a change takes something from.

    Attributes:
        name: of the recording.
        was: when it goes under the rule in force.
        becomes: when it would go.
        deleted: it would be gone at once.
        holds: unreleased holds of it that lose their protection.
    """

    name: str
    was: Expiry
    becomes: Expiry
    deleted: bool
    holds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionEffects:
    """What a change does to the recordings there are.

    Attributes:
        recordings: how many were looked at.
        shortens: those whose expiry moves earlier.
        deletes: those of them that would be gone at once.
        holds: unreleased holds that lose their protection, by extra retention being disabled or having run out.
        sample: some of the recordings it takes something from.
        losing: ids of those holds.
    """

    recordings: int = 0
    shortens: int = 0
    deletes: int = 0
    holds: int = 0
    sample: tuple[Affected, ...] = ()
    losing: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def with_others(self, others: "RetentionEffects") -> "RetentionEffects":
        """The effects on these recordings and on others; a hold that covers some of both counts once."""
        losing = self.losing | others.losing
        return RetentionEffects(
            recordings=self.recordings + others.recordings,
            shortens=self.shortens + others.shortens,
            deletes=self.deletes + others.deletes,
            holds=len(losing),
            sample=self.sample + others.sample,
            losing=losing,
        )


def retention_change(old: RetentionSection, new: RetentionSection) -> RetentionChange:
    """Name the words that change, and whether they could take something away.

    Raises:
        DurationError: a section holds a word that the setting does not take.
    """
    return RetentionChange(
        retention=_changed(old.retention, new.retention),
        extra_retention=_changed(old.extra_retention, new.extra_retention),
        minimum_retention=_changed(old.minimum_retention, new.minimum_retention),
        shortens=shortens(old, new),
    )


def shortens(old: RetentionSection, new: RetentionSection) -> bool:
    """Whether there can be a recording that the new rule keeps for a shorter time, or a hold that it takes from.

    True where base retention is shorter, where base and extra retention together are, or where extra retention becomes
    disabled (a hold also protects from deletion under `forever`). A shorter minimum never is: existing recordings keep
    theirs.

    Raises:
        DurationError: a section holds a word that the setting does not take.
    """
    before, after = RetentionTerms.of(old), RetentionTerms.of(new)
    if before.holds_allowed and not after.holds_allowed:
        return True
    if _shorter(after.retention, before.retention):
        return True
    return before.holds_allowed and _shorter(after.held_retention, before.held_retention)


def effects_of(
    recordings: Iterable[StoredRecording],
    holds: Mapping[str, Iterable[Hold]],
    old: RetentionSection,
    new: RetentionSection,
    now: datetime,
    *,
    sample: int = 0,
) -> RetentionEffects:
    """Count what going from the old rule to the new one does at this instant.

    Args:
        recordings: all there are, streamed.
        holds: by conversation, released ones included.
        old: the rule in force.
        new: the rule that would come into force.
        now: the present instant; a recording already expired under the old rule is not counted, it goes either way.
        sample: of the recordings that lose something, the first so many are named.

    Raises:
        DurationError: a section holds a word that the setting does not take.
    """
    before, after = RetentionTerms.of(old), RetentionTerms.of(new)
    affected: list[Affected] = []
    seen = shortened = deleted = 0
    losing: set[str] = set()
    for recording in recordings:
        seen += 1
        covering = tuple(holds.get(recording.conversation, ()))
        was, becomes = _expiries(recording, covering, before, after, now)
        goes_at_once = not was.passed(now) and becomes.passed(now)
        is_shortened = becomes.sooner_than(was) and not was.passed(now)
        lost: tuple[str, ...] = ()
        if is_shortened:
            shortened += 1
            deleted += goes_at_once
        if covering and (goes_at_once or (before.holds_allowed and not after.holds_allowed)):
            lost = tuple(hold.id for hold in covering if hold.released_at is None)
            losing.update(lost)
        if len(affected) < sample and (is_shortened or lost):
            found = Affected(name=recording.name, was=was, becomes=becomes, deleted=goes_at_once, holds=lost)
            affected.append(found)
    return RetentionEffects(
        recordings=seen,
        shortens=shortened,
        deletes=deleted,
        holds=len(losing),
        sample=tuple(affected),
        losing=frozenset(losing),
    )


def released_by(holds: Iterable[Hold], old: RetentionSection, new: RetentionSection, now: datetime) -> tuple[Hold, ...]:
    """The holds as they stand after a confirmed change: those that lose extra retention count as released now.

    Returns:
        All holds in their order; the released ones differ from those given, and each is audited.

    Raises:
        DurationError: a section holds a word that the setting does not take.
    """
    if RetentionTerms.of(new).holds_allowed or not RetentionTerms.of(old).holds_allowed:
        return tuple(holds)
    return tuple(hold if hold.released_at is not None else replace(hold, released_at=now) for hold in holds)


def _expiries(
    recording: StoredRecording, holds: tuple[Hold, ...], before: RetentionTerms, after: RetentionTerms, now: datetime
) -> tuple[Expiry, Expiry]:
    # The minimum that the old rule gave the recording stays with it, whatever the new rule says.
    minimum = grown_minimum(ended_at=recording.ended_at, rule=before, minimum_until=recording.minimum_until)
    was = expiry(ended_at=recording.ended_at, rule=before, now=now, holds=holds, minimum_until=minimum)
    becomes = expiry(ended_at=recording.ended_at, rule=after, now=now, holds=holds, minimum_until=minimum)
    return was, becomes


def _changed(old: str, new: str) -> Words | None:
    return None if old == new else (old, new)


def _shorter(new: timedelta | None, old: timedelta | None) -> bool:
    return new is not None and (old is None or new < old)
