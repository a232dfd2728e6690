"""How long recordings are kept: expiry, legal holds, minimum retention, and who may end or place what.

All of it is arithmetic on instants (aware datetimes, UTC) with `now` as an argument; deleting is the sweeper's and the
API's, under these answers. What a change of the rule does to existing recordings is in `retention_change`.

Facts:
    - A recording's clock starts at the end of its segment; of an interrupted one, at its last stored media. An open
      one has no clock.
    - Expiry is evaluated live against the rule in force; nothing is stored but the minimum, which never shrinks.
    - An answer of "never" and one too far for the calendar are the same to a sweeper.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from callkeeper.kinds.duration import parse_extra_retention, parse_minimum_retention, parse_retention
from callkeeper.policy.config import RetentionSection

RELEASE_GRACE = timedelta(hours=24)
"""What is left after the last release of a hold: a day to notice a release made by mistake."""

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """A retention section read as spans of time.

    Attributes:
        retention: base retention; None is forever.
        extra: what a hold adds; None is without end, zero is disabled.
        minimum: until then no role deletes; zero is none.
    """

    retention: timedelta | None = None
    extra: timedelta | None = NOTHING
    minimum: timedelta = NOTHING

    @classmethod
    def of(cls, section: RetentionSection) -> "RetentionTerms":
        """Read the words of a section.

        Raises:
            DurationError: a word is none that the setting takes.
        """
        return _terms(section.retention, section.extra_retention, section.minimum_retention)

    @property
    def holds_allowed(self) -> bool:
        """Whether a hold protects at all; with extra retention disabled it does not."""
        return self.extra != NOTHING

    @property
    def held_retention(self) -> timedelta | None:
        """Base and extra retention together; None where either has no end."""
        if self.retention is None or self.extra is None:
            return None
        return self.retention + self.extra


@lru_cache(maxsize=64)
def _terms(retention: str, extra: str, minimum: str) -> RetentionTerms:
    return RetentionTerms(
        retention=parse_retention(retention),
        extra=parse_extra_retention(extra),
        minimum=parse_minimum_retention(minimum),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold; it covers a whole conversation, and several stack.

    Attributes:
        id: of the hold.
        owner: directory id of who placed it and may release it.
        reason: as the owner gave it.
        placed_at: when it was placed.
        released_at: when it was released; None while it protects.
    """

    id: str
    owner: str
    reason: str
    placed_at: datetime
    released_at: datetime | None = None


class Why(StrEnum):
    """What an expiry follows from.

    Attributes:
        OPEN: the recording has not ended; open recordings never expire.
        BASE: base retention.
        EXTRA: base and extra retention, under a hold.
        MINIMUM: minimum retention, which reaches further than the rest.
        RELEASE_GRACE: the 24 hours after the last release.
    """

    OPEN = "Open"
    BASE = "Base"
    EXTRA = "Extra"
    MINIMUM = "Minimum"
    RELEASE_GRACE = "ReleaseGrace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When a recording goes, and why then.

    Attributes:
        at: the instant; None is never.
        why: what it follows from.
    """

    at: datetime | None
    why: Why

    def passed(self, now: datetime) -> bool:
        """Whether the recording is to go now."""
        return self.at is not None and self.at <= now

    def sooner_than(self, other: "Expiry") -> bool:
        """Whether this is strictly earlier than the other."""
        return self.at is not None and (other.at is None or self.at < other.at)


def clock_start(
    *, segment_ended_at: datetime | None, interrupted: bool = False, last_media_at: datetime | None = None
) -> datetime | None:
    """From when a recording's retention counts: the `ended_at` of all that follows; None while it is open.

    Args:
        segment_ended_at: when the recording's segment ended.
        interrupted: the end was never seen (a crash); the last stored media stands for it.
        last_media_at: when the last media was stored.
    """
    if not interrupted:
        return segment_ended_at
    return last_media_at if last_media_at is not None else segment_ended_at


def grown_minimum(
    *, ended_at: datetime | None, rule: RetentionTerms, minimum_until: datetime | None = None
) -> datetime | None:
    """Until when no role deletes, after this rule came into force: it may grow, never shrink.

    Args:
        ended_at: as `clock_start` has it; an open recording's minimum has not begun.
        rule: the rule in force.
        minimum_until: what was stored with the recording before.
    """
    if ended_at is None or rule.minimum == NOTHING:
        return minimum_until
    candidate = _plus(ended_at, rule.minimum)
    if candidate is None:
        candidate = datetime.max.replace(tzinfo=ended_at.tzinfo)
    return candidate if minimum_until is None else max(candidate, minimum_until)


def is_held(holds: Iterable[Hold]) -> bool:
    """Whether a hold is not released."""
    return any(hold.released_at is None for hold in holds)


def expiry(
    *,
    ended_at: datetime | None,
    rule: RetentionTerms,
    now: datetime,
    holds: Iterable[Hold] = (),
    minimum_until: datetime | None = None,
) -> Expiry:
    """When the recording expires under the rule in force.

    It is the latest of what applies: base retention, minimum retention, base and extra retention while held, and 24
    hours from each release (of which the last counts). So a hold never brings an expiry forward, nor does placing one
    undo the grace of an earlier release. A hold not yet marked released while extra retention is disabled counts as
    released now: its 24 hours begin when the release is recorded.

    Args:
        ended_at: as `clock_start` has it.
        rule: the rule in force.
        now: the present instant.
        holds: of the recording's conversation, released ones included.
        minimum_until: as stored with the recording (`grown_minimum`).
    """
    if ended_at is None:
        return Expiry(at=None, why=Why.OPEN)
    latest = Expiry(at=_after(ended_at, rule.retention), why=Why.BASE)
    minimum = grown_minimum(ended_at=ended_at, rule=rule, minimum_until=minimum_until)
    if minimum is not None:
        latest = _later(latest, Expiry(at=minimum, why=Why.MINIMUM))
    for hold in holds:
        latest = _later(latest, under_hold(hold, ended_at, rule, now))
    return latest


def under_hold(hold: Hold, ended_at: datetime, rule: RetentionTerms, now: datetime) -> Expiry:
    """What one hold makes of the expiry of a recording that ended at this instant: until when it protects."""
    if hold.released_at is None:
        return while_held(ended_at, rule, now)
    return Expiry(at=_plus(hold.released_at, RELEASE_GRACE), why=Why.RELEASE_GRACE)


def while_held(ended_at: datetime, rule: RetentionTerms, now: datetime) -> Expiry:
    """What any hold that is not released makes of the expiry of a recording that ended at this instant."""
    if rule.holds_allowed:
        return Expiry(at=_after(ended_at, rule.held_retention), why=Why.EXTRA)
    return Expiry(at=_plus(now, RELEASE_GRACE), why=Why.RELEASE_GRACE)


def _later(first: Expiry, second: Expiry) -> Expiry:
    return second if first.sooner_than(second) else first


def _after(instant: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else _plus(instant, span)


def _plus(instant: datetime, span: timedelta) -> datetime | None:
    """The instant plus the span; None where the calendar ends before that."""
    try:
        return instant + span
    except OverflowError:
        return None


class Refusal(StrEnum):
    """Why something may not be done to a recording.

    Attributes:
        OPEN: it has not ended.
        HELD: a hold protects it.
        MINIMUM_RETENTION: minimum retention has not passed.
        HOLDS_DISABLED: extra retention is disabled, so a hold would protect nothing.
        GONE: its time is over or its media are deleted; the API answers 410 with the tombstone.
    """

    OPEN = "Open"
    HELD = "Held"
    MINIMUM_RETENTION = "MinimumRetention"
    HOLDS_DISABLED = "HoldsDisabled"
    GONE = "Gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether something may be done.

    Attributes:
        refusal: why not; None where it may.
        message: the answer in words.
    """

    refusal: Refusal | None
    message: str

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.refusal is None


def may_delete(
    *,
    ended_at: datetime | None,
    rule: RetentionTerms,
    now: datetime,
    holds: Iterable[Hold] = (),
    minimum_until: datetime | None = None,
) -> Verdict:
    """Whether a role may delete the recording now (arguments as for `expiry`); who holds the role is not asked here.

    While held nobody deletes, also under `forever`; before the minimum no role does. The grace after a release delays
    expiry alone: protection ends with the last release.
    """
    if is_held(holds):
        return Verdict(refusal=Refusal.HELD, message="a legal hold protects the recording until it is released")
    if ended_at is None:
        return Verdict(refusal=Refusal.OPEN, message="the recording is still running; stop it first")
    minimum = grown_minimum(ended_at=ended_at, rule=rule, minimum_until=minimum_until)
    if minimum is not None and now < minimum:
        return Verdict(
            refusal=Refusal.MINIMUM_RETENTION,
            message=f"minimum retention protects the recording until {_text(minimum)}",
        )
    return Verdict(refusal=None, message="nothing protects the recording")


def may_hold(*, ended_at: datetime | None, rule: RetentionTerms, now: datetime, media_exists: bool = True) -> Verdict:
    """Whether a new hold on the recording is accepted.

    After base expiry it is as long as the media exist and base and extra retention together are ahead.

    Args:
        ended_at: as `clock_start` has it; an open recording can be held.
        rule: the rule in force.
        now: the present instant.
        media_exists: whether the media are still stored.
    """
    if not media_exists:
        return Verdict(refusal=Refusal.GONE, message="the recording's media are deleted; there is nothing left to hold")
    if not rule.holds_allowed:
        return Verdict(
            refusal=Refusal.HOLDS_DISABLED,
            message="extra retention is disabled, so a hold would protect nothing; set extraRetention first",
        )
    if ended_at is not None:
        held_until = _after(ended_at, rule.held_retention)
        if held_until is not None and held_until <= now:
            return Verdict(
                refusal=Refusal.GONE, message=f"retention and extra retention both ended at {_text(held_until)}"
            )
    return Verdict(refusal=None, message="the recording can be held")


def _text(instant: datetime) -> str:
    return instant.isoformat(sep=" ", timespec="seconds")
