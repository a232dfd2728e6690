"""Where each object stands: in force or not, why, since when, and what is to be said about it. Pure.

The operator's word is the condition `Ready`; it counts only for the generation it speaks of. What is added is what
anybody can find by reading: findings, which an operator that does not run cannot say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.kinds.reading import ObjectReading, read_object
from callkeeper.policy.cross_check import cross_check


class Verdict(StrEnum):
    """Whether an object is in force.

    Attributes:
        IN_FORCE: yes, as it is now.
        WAITING: not yet; somebody is at it.
        NOT_IN_FORCE: no, until somebody acts.
        SUSPENDED: no, because the Recorder says to leave everything as it is.
        DELETING: it is being deleted.
    """

    IN_FORCE = "yes"
    WAITING = "waiting"
    NOT_IN_FORCE = "no"
    SUSPENDED = "suspended"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One object.

    Attributes:
        key: the object.
        recorder: name of the Recorder it belongs to, or None.
        verdict: whether it is in force.
        reason: of `Ready`, in one word.
        why: in a sentence.
        since: RFC 3339, since when that is so; empty where nobody has said so yet.
        revision: of the config it is in, where its status says so.
        findings: errors and warnings.
    """

    key: ObjectKey
    recorder: str | None
    verdict: Verdict
    reason: str
    why: str
    since: str
    revision: str | None
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "object": str(self.key),
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
            "recorder": self.recorder,
            "inForce": self.verdict.value,
            "reason": self.reason,
            "why": self.why,
            "since": self.since or None,
            "revision": self.revision,
            "findings": [
                {
                    "rule": one.rule,
                    "severity": one.severity.value,
                    "path": one.json_path,
                    "message": one.message,
                    "hint": one.hint,
                }
                for one in self.findings
            ],
        }


Document = Mapping[str, Any]

_UNSEEN = "The operator has not seen this object yet"
_UNSEEN_GENERATION = "The operator has not seen the latest change yet"
_NO_INSTANT = "1970-01-01T00:00:00Z"
"""What a default of the CRD says, since it cannot know."""


def readings_of(documents: Iterable[Document]) -> tuple[ObjectReading, ...]:
    """Objects read as the operator reads them."""
    return tuple(read_object(document) for document in documents)


def standings(documents: Sequence[Document]) -> tuple[Standing, ...]:
    """Where each object stands, by namespace, the Recorder before its settings."""
    readings = readings_of(documents)
    said: dict[ObjectKey, list[Finding]] = {reading.key: list(reading.findings) for reading in readings}
    for finding in cross_check(readings):
        # Several Recorders without an endpoint are a folder's matter; in a cluster each is refused by the operator.
        if finding.key in said and finding.rule != "recorder.embedded-twice":
            said[finding.key].append(finding)
    found = [
        _standing(document, reading, tuple(said[reading.key]))
        for document, reading in zip(documents, readings, strict=True)
    ]
    return tuple(sorted(found, key=_order))


def _order(one: Standing) -> tuple[str, str, bool, ObjectKey]:
    return one.key.namespace, one.recorder or "", one.key.kind != "Recorder", one.key


def _standing(document: Document, reading: ObjectReading, findings: tuple[Finding, ...]) -> Standing:
    status = _mapping(document.get("status"))
    conditions = {one.get("type"): one for one in _list(status.get("conditions")) if isinstance(one, dict)}
    ready = _mapping(conditions.get("Ready"))
    verdict, reason, why = _verdict(document, status, ready, under_way=_is_true(conditions.get("Reconciling")))
    since = str(ready.get("lastTransitionTime") or "")
    revision = status.get("revision")
    return Standing(
        key=reading.key,
        recorder=reading.recorder,
        verdict=verdict,
        reason=reason,
        why=why,
        # What the condition has held since says nothing about a change that it does not speak of.
        since="" if since == _NO_INSTANT or why == _UNSEEN_GENERATION else since,
        revision=revision if isinstance(revision, str) else None,
        findings=tuple(one for one in findings if one.severity is not Severity.NOTE),
    )


def _verdict(document: Document, status: Document, ready: Document, *, under_way: bool) -> tuple[Verdict, str, str]:
    metadata, spec = _mapping(document.get("metadata")), _mapping(document.get("spec"))
    reason, message = str(ready.get("reason") or "Pending"), str(ready.get("message") or _UNSEEN)
    if metadata.get("deletionTimestamp"):
        return Verdict.DELETING, "Deleting", "It is being deleted"
    if spec.get("suspend") is True or reason == "Suspended":
        return Verdict.SUSPENDED, "Suspended", message if reason == "Suspended" else "spec.suspend is true"
    if status.get("observedGeneration") not in {None, metadata.get("generation")}:
        return Verdict.WAITING, "Pending", _UNSEEN_GENERATION
    if ready.get("status") == "True":
        return Verdict.IN_FORCE, reason, message
    if ready.get("status") == "False" and not under_way:
        return Verdict.NOT_IN_FORCE, reason, message
    return Verdict.WAITING, reason, message


def _is_true(condition: object) -> bool:
    return isinstance(condition, dict) and condition.get("status") == "True"


def _mapping(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
