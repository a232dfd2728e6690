"""What a decision says: the outcome, the reason, and each step on the way to it."""

from dataclasses import dataclass
from enum import StrEnum

from callkeeper.policy.call import CallKind, Consent, Direction, Scope
from callkeeper.policy.config import Source


class Outcome(StrEnum):
    """What is to happen with one user's recording of a segment."""

    RECORD = "record"
    WAIT = "waitForStart"
    SKIP = "doNotRecord"


class Rule(StrEnum):
    """The steps of a decision, in the order they are taken.

    `RECORDED_USER` is no step of a user's decision: it answers for a segment that has nobody to decide about.
    """

    RECORDED_USER = "recordedUser"
    CONFIG = "config"
    CONSENT = "consent"
    LICENCE = "licence"
    BLACKLIST = "blacklist"
    FILTER = "filter"
    MODE = "mode"
    LIMIT = "limit"
    ON_DEMAND = "onDemand"


class Reason(StrEnum):
    """Why a step stopped the decision, or let it pass. Each has a line in docs/reference/decision.md."""

    NO_CONFIG = "NoConfig"
    SETTINGS_INCOMPLETE = "SettingsIncomplete"
    NO_RECORDED_USER = "NoRecordedUser"
    CONSENT_REFUSED = "ConsentRefused"
    NO_LICENCE = "NoLicence"
    BLACKLISTED = "Blacklisted"
    FILTERED_KIND = "FilteredKind"
    FILTERED_SCOPE = "FilteredScope"
    FILTERED_DIRECTION = "FilteredDirection"
    ALWAYS_ON = "AlwaysOn"
    OUTSIDE_LIMIT = "OutsideLimit"
    ON_DEMAND = "OnDemand"
    PASSED = "Passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule's answer.

    Attributes:
        rule: which step this is.
        reason: `PASSED` where the rule let the call pass.
        stops: whether the decision ends here.
        message: the answer in words, without any party's number.
        source: the object and entry (or field) that answered; None where a built-in default or a fact did.
    """

    rule: Rule
    reason: Reason
    stops: bool
    message: str
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the decision knew about the call besides the settings.

    Attributes:
        kind: of the call.
        scope: internal or external.
        direction: seen from this user.
        consent: as stated.
        shared_line: the user was found as one of several owners of a line, because who answered is not known.
    """

    kind: CallKind
    scope: Scope
    direction: Direction
    consent: Consent
    shared_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision for one recorded user of a segment.

    Attributes:
        user: the directory id, or the reference as given where the directory has no such user.
        outcome: record, wait for the user's start, or do not record.
        steps: every step taken, the last being the one that stopped.
        facts: what was known about the call.
        config_revision: SHA-256 of the config it was taken under; empty without one.
        directory_revision: SHA-256 of the user directory.
    """

    user: str
    outcome: Outcome
    steps: tuple[Step, ...]
    facts: Facts
    config_revision: str
    directory_revision: str

    @property
    def deciding(self) -> Step:
        """The step that stopped."""
        return self.steps[-1]

    @property
    def reason(self) -> Reason:
        """Why, machine-readable."""
        return self.deciding.reason

    @property
    def source(self) -> Source | None:
        """The object and entry that decided."""
        return self.deciding.source


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDecision:
    """The decisions of all recorded users of a segment, and what follows for the segment.

    Attributes:
        outcome: record if one user's decision says so, else wait if one waits, else do not record; a blacklisted
            party forbids it for all.
        decisions: one per recorded user, ordered by user; empty when the segment has none.
    """

    outcome: Outcome
    decisions: tuple[Decision, ...]

    @classmethod
    def of(cls, decisions: tuple[Decision, ...]) -> "SegmentDecision":
        """What follows for the segment from the decisions of its recorded users."""
        if len(decisions) == 1:
            return cls(outcome=decisions[0].outcome, decisions=decisions)
        outcomes = [decision.outcome for decision in decisions]
        forbidden = any(decision.reason is Reason.BLACKLISTED for decision in decisions)
        for outcome in () if forbidden else (Outcome.RECORD, Outcome.WAIT):
            if outcome in outcomes:
                return cls(outcome=outcome, decisions=decisions)
        return cls(outcome=Outcome.SKIP, decisions=decisions)

    @property
    def decisive(self) -> Decision | None:
        """The user's decision that made the segment's outcome; None when the segment has no recorded user.

        Of several it is the one that got furthest in the chain, then the first user's: "their calls are not recorded,
        internal calls are filtered" says more than "and the other party has no licence". A blacklisted party is
        always named.
        """
        if len(self.decisions) <= 1:
            return self.decisions[0] if self.decisions else None
        return max(
            self.decisions,
            key=lambda decision: (
                decision.reason is Reason.BLACKLISTED,
                decision.outcome is self.outcome,
                len(decision.steps),
            ),
        )

    @property
    def deciding(self) -> Step:
        """The step that made the segment's outcome."""
        decisive = self.decisive
        return NO_RECORDED_USER if decisive is None else decisive.deciding

    @property
    def reason(self) -> Reason:
        """Why, machine-readable."""
        return self.deciding.reason

    @property
    def source(self) -> Source | None:
        """The object and entry that decided."""
        return self.deciding.source


NO_RECORDED_USER = Step(
    rule=Rule.RECORDED_USER,
    reason=Reason.NO_RECORDED_USER,
    stops=True,
    message="no party of the call is a user of the directory whose calls could be recorded",
)
