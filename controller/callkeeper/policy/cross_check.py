"""What is wrong or surprising across objects: said by `callkeeper validate` before anything runs.

It asks `compile`, as the operator does, so that CI and the cluster never disagree. What is wrong within one object is
found when it is read (`kinds.reading`) and not repeated here.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.pattern import canonical_pattern
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.shadowing import shadowed

_LISTED = 5
"""Recorders listed in a hint."""


def cross_check(readings: Sequence[ObjectReading]) -> tuple[Finding, ...]:
    """Findings that need more than one object to be seen; each names its object and path.

    A key that occurs twice is reported by whoever read the files, with both places; here it is only kept out.
    """
    findings = [*_recorders_missing(readings), *_embedded_twice(readings)]
    own = {id(finding) for reading in readings for finding in reading.findings}
    for recorder in _recorders(readings):
        for result in compile_objects(readings, recorder=recorder).results.values():
            findings.extend(
                finding for finding in result.findings if id(finding) not in own and finding.rule != "object.duplicate"
            )
        findings.extend(_shadowed(readings, recorder))
    return tuple(dict.fromkeys(findings))


def _recorders(readings: Iterable[ObjectReading]) -> list[ObjectKey]:
    """Every recorder that is there or is referred to."""
    keys = {reading.key for reading in readings if reading.key.kind == "Recorder"}
    for reading in readings:
        if reading.key.kind != "Recorder" and reading.recorder is not None:
            keys.add(ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder))
    return sorted(keys)


def _recorders_missing(readings: Sequence[ObjectReading]) -> Iterable[Finding]:
    present = {reading.key for reading in readings if reading.key.kind == "Recorder"}
    for reading in readings:
        if reading.key.kind == "Recorder" or reading.recorder is None:
            continue
        wanted = ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder)
        if wanted not in present:
            yield Finding(
                rule=f"{reading.key.kind.lower()}.recorder-not-found",
                severity=Severity.WARNING,
                key=reading.key,
                path=("spec", "recorderRef", "name"),
                message=f"there is no {wanted} here; nothing comes into force until it exists",
                hint=_recorder_hint(wanted, present),
            )


def _recorder_hint(wanted: ObjectKey, present: Collection[ObjectKey]) -> str:
    if not present:
        return "it may live elsewhere; settings and their Recorder share a namespace"
    # Imported for a name that may be misspelt only.
    from difflib import get_close_matches  # noqa: PLC0415 - see above

    beside = [key.name for key in sorted(present) if key.namespace == wanted.namespace]
    if near := get_close_matches(wanted.name, beside, n=1):
        return f"did you mean `{near[0]}`?"
    named_so = [str(key) for key in sorted(present) if key.name == wanted.name]
    known = named_so[0] if named_so else ", ".join(beside[:_LISTED])
    there_is = f"; there is {known}" if known else ""
    return f"it may live elsewhere; settings and their Recorder share a namespace{there_is}"


def embedded_recorders(readings: Iterable[ObjectReading]) -> list[ObjectKey]:
    """Those without an endpoint, ascending: a folder runs them itself."""
    return sorted(
        reading.key
        for reading in readings
        if isinstance(reading.resource, Recorder) and reading.resource.spec.endpoint is None
    )


def _embedded_twice(readings: Iterable[ObjectReading]) -> Iterable[Finding]:
    embedded = embedded_recorders(readings)
    for key in embedded[1:]:
        yield Finding(
            rule="recorder.embedded-twice",
            severity=Severity.ERROR,
            key=key,
            path=("spec",),
            message=f"{embedded[0]} has no endpoint either, and a folder has at most one embedded recorder",
            hint="give one of the two its spec.endpoint",
        )


def _shadowed(readings: Iterable[ObjectReading], recorder: ObjectKey) -> Iterable[Finding]:
    """Patterns that another pattern of the same recorder covers."""
    places: dict[str, list[tuple[ObjectKey, tuple[PathPart, ...]]]] = defaultdict(list)
    for reading in readings:
        if (
            isinstance(reading.resource, Blacklist)
            and reading.key.namespace == recorder.namespace
            and reading.recorder == recorder.name
        ):
            for index, number in enumerate(reading.resource.spec.numbers):
                path: tuple[PathPart, ...] = ("spec", "numbers", index, "pattern")
                places[canonical_pattern(number.pattern)].append((reading.key, path))
    for shadow in shadowed(sorted(places)):
        by_key, _ = places[shadow.by][0]
        for key, place in places[shadow.pattern]:
            elsewhere = f" of {by_key}" if by_key != key else ""
            yield Finding(
                rule="blacklist.shadowed",
                severity=Severity.WARNING,
                key=key,
                path=place,
                message=f"{shadow.by}{elsewhere} covers this pattern already: both hit {shadow.witness}",
                hint="remove the narrower one, unless it is there as a note to readers",
            )
