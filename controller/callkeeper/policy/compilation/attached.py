"""The objects attached to one recorder, sorted out before anything is compiled.

Whatever order they come in, what is made of them is the same: two readings of one name are one invalid object, and
everything below walks through them in the order of age and name.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compilation.values import AcceptedReason, ObjectResult
from callkeeper.policy.config import RecorderConfig

YOUNGEST = "9999"
"""Sorts an object without a creationTimestamp (a file) behind every object that has one."""


@dataclass(kw_only=True)
class Attached:
    """The readings of one recorder, and what is said about them while compiling.

    Attributes:
        recorder: the Recorder's key.
        readings: the settings objects, oldest first, then by name.
        in_force: the config in force, or None.
        verdicts: reason and message per object that is not simply accepted.
        findings: what was found while compiling, beside the readings' own findings.
    """

    recorder: ObjectKey
    readings: tuple[ObjectReading, ...]
    in_force: RecorderConfig | None
    verdicts: dict[ObjectKey, tuple[AcceptedReason, str]] = field(default_factory=dict)
    findings: dict[ObjectKey, list[Finding]] = field(default_factory=lambda: defaultdict(list))

    def of_kind(self, kind: str) -> tuple[ObjectReading, ...]:
        """The readings of this kind, oldest first."""
        return tuple(reading for reading in self.readings if reading.key.kind == kind)

    def exists(self, object_text: str) -> bool:
        """Whether the object `kind/namespace/name` is among the readings."""
        return any(str(reading.key) == object_text for reading in self.readings)

    def refuse(self, finding: Finding, reason: AcceptedReason) -> None:
        """Say that an object does not come into force, or not all of it, and why."""
        assert finding.key is not None
        self.findings[finding.key].append(finding)
        self.judge(finding.key, reason, finding.message)

    def judge(self, key: ObjectKey, reason: AcceptedReason, message: str) -> None:
        """Give the verdict on an object; the first one stays, unless it took part of the object in."""
        given = self.verdicts.get(key)
        if given is None or (given[0] is AcceptedReason.PARTLY_CONFLICTED and given[0] is not reason):
            self.verdicts[key] = reason, message

    def result(self, reading: ObjectReading) -> ObjectResult:
        """What became of this object."""
        reason, message = self.verdicts.get(
            reading.key, (AcceptedReason.ACCEPTED, "valid and attached to its recorder")
        )
        if reading.resource is None:
            errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
            reason, message = AcceptedReason.INVALID, errors[0].message if errors else "not readable"
        findings = (*reading.findings, *sorted(self.findings[reading.key], key=_finding_order))
        return ObjectResult(key=reading.key, reason=reason, message=message, findings=findings)


def age(reading: ObjectReading) -> tuple[str, str]:
    """Sorts by creationTimestamp, then name; RFC 3339 in UTC sorts as text."""
    return reading.created or YOUNGEST, reading.key.name


def attach(objects: Iterable[ObjectReading], recorder: ObjectKey, in_force: RecorderConfig | None) -> Attached:
    """Pick the settings objects of this recorder.

    An object whose `recorderRef` cannot be read is attached to every recorder of its namespace: it may have been
    meant for any of them, and until it says so none of them may run without it.
    """
    mine = [
        reading
        for reading in unique(objects)
        if reading.key.kind != "Recorder"
        and reading.key.namespace == recorder.namespace
        and reading.recorder in {recorder.name, None}
    ]
    return Attached(recorder=recorder, readings=tuple(sorted(mine, key=age)), in_force=in_force)


def unique(readings: Iterable[ObjectReading]) -> list[ObjectReading]:
    """One reading per key; a key that occurs more than once is invalid, whichever text came first."""
    by_key: dict[ObjectKey, list[ObjectReading]] = defaultdict(list)
    for reading in readings:
        by_key[reading.key].append(reading)
    return [same[0] if len(same) == 1 else _ambiguous(same) for same in by_key.values()]


def _ambiguous(same: Sequence[ObjectReading]) -> ObjectReading:
    key = same[0].key
    finding = Finding(
        rule="object.duplicate",
        severity=Severity.ERROR,
        key=key,
        path=("metadata", "name"),
        message=f"{key} is there {len(same)} times",
        hint="keep one of them, or give the others names of their own",
    )
    recorders = {reading.recorder for reading in same}
    return replace(
        min(same, key=lambda reading: (age(reading), reading.uid or "")),
        resource=None,
        findings=(finding,),
        recorder=recorders.pop() if len(recorders) == 1 else None,
        annotations={},
        generation=max(reading.generation for reading in same),
        deleting=any(reading.deleting for reading in same),
    )


def _finding_order(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.json_path, finding.message
