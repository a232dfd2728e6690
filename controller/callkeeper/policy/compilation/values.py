"""What goes into `compile` and what comes out, beside the objects and the config themselves."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callkeeper.kinds.finding import Finding, ObjectKey
from callkeeper.policy.config import RecorderConfig


class AcceptedReason(StrEnum):
    """Why an object is accepted, or not: the reasons of the condition `Accepted`.

    Attributes:
        ACCEPTED: valid, and nothing stands in its way.
        PARTLY_CONFLICTED: accepted, but for entries that another object contradicts.
        INVALID: something in the object is wrong; what was in force of it stays.
        CONFLICTED: another object of this kind is in force for the same recorder.
        CONFIRMATION_REQUIRED: the change takes something away and waits for a word.
        TOO_MANY_PATTERNS: with it the recorder would exceed the limit of patterns that start with a wildcard.
        RECORDER_NOT_FOUND: there is no Recorder of that name in the namespace.
    """

    ACCEPTED = "Accepted"
    PARTLY_CONFLICTED = "PartlyConflicted"
    INVALID = "Invalid"
    CONFLICTED = "Conflicted"
    CONFIRMATION_REQUIRED = "ConfirmationRequired"
    TOO_MANY_PATTERNS = "TooManyPatterns"
    RECORDER_NOT_FOUND = "RecorderNotFound"


class Hold(StrEnum):
    """Why nothing may be programmed at all right now.

    Attributes:
        RECORDER_DELETING: the Recorder (or its namespace) is on its way out; what it runs stays as it is.
        RECORDER_INVALID: the Recorder itself is not valid.
        SUSPENDED: `spec.suspend` is true.
        IN_FORCE_LOST: what is in force is not known any more, and not every object is valid.
    """

    RECORDER_DELETING = "RecorderDeleting"
    RECORDER_INVALID = "RecorderInvalid"
    SUSPENDED = "Suspended"
    IN_FORCE_LOST = "InForceLost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A config is in force, but its body is not to be had any more.

    Attributes:
        revision: the revision that was programmed.
    """

    revision: str


InForce = RecorderConfig | Lost | None
"""The last config this owner programmed; None when there never was one. A foreign config (drift) never counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the recorder runs, where that is not what is in force: drift, or a body that is lost.

    Attributes:
        config: it, or None where the recorder has no config.
    """

    config: RecorderConfig | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What going from the recorder's present config to a candidate would do, as the recorder itself counted it.

    Attributes:
        shortens: recordings whose expiry moves earlier.
        deletes: recordings that would expire at once.
        holds: legal holds that lose protection.
        considered_calls: calls of the last 30 days that were decided anew.
        changed_decisions: those of them that would be decided otherwise.
        spent: `spent_key`s of the confirmations that were used up.
    """

    shortens: int = 0
    deletes: int = 0
    holds: int = 0
    considered_calls: int = 0
    changed_decisions: int = 0
    spent: frozenset[str] = frozenset()


def spent_key(text: str) -> str:
    """SHA-256 (hex) of a confirmation's canonical text.

    Of the text alone: it goes with an object that is renamed, and would confirm there what it was not meant for.
    """
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class UsedConfirmation:
    """A confirmation that lets a change of this compile pass; it travels beside the config and is then spent.

    Attributes:
        object: `kind/namespace/name` of the object that carries the annotation.
        text: the annotation in its canonical form.
    """

    object: str
    text: str

    @property
    def spent_key(self) -> str:
        """Under which the recorder remembers it as spent."""
        return spent_key(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectResult:
    """What became of one object.

    Attributes:
        key: the object.
        reason: accepted or why not.
        message: the reason in a sentence.
        findings: everything said about the object, from its reading and from this compile.
    """

    key: ObjectKey
    reason: AcceptedReason
    message: str
    findings: tuple[Finding, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the object's present text is (but for conflicting entries) part of the config."""
        return self.reason in {AcceptedReason.ACCEPTED, AcceptedReason.PARTLY_CONFLICTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The outcome for one recorder.

    Attributes:
        config: what is to be in force; None while `hold` stands and nothing is known to be in force.
        hold: why nothing may be programmed, or None.
        held_back: objects (`kind/namespace/name`) whose present text is not in `config`, because of `hold`.
        results: per object attached to the recorder, and for the Recorder itself.
        confirmations: those that were needed and given, sorted.
        question: the config whose effects must be asked from the recorder before `config` may be programmed; None
            when there is nothing to ask. Compile again with the answer.
    """

    config: RecorderConfig | None
    hold: Hold | None = None
    held_back: frozenset[str] = frozenset()
    results: Mapping[ObjectKey, ObjectResult] = field(default_factory=dict)
    confirmations: tuple[UsedConfirmation, ...] = ()
    question: RecorderConfig | None = None
