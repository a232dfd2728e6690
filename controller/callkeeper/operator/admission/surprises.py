"""What is legal but surprising beside the other objects: what kubectl says below "configured". Pure.

The answers are `compile`'s and `shadowed`'s, as in `callkeeper validate`; nothing is judged here anew.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.finding import Finding, ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.operator.admission.verdict import said
from callkeeper.policy.compile import ObjectResult
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.shadowing import Shadow, shadowed

MAX_PATTERNS_COMPARED = 2_000
"""Of all Blacklists of a recorder; more take longer than a write may wait, and `callkeeper validate` compares them."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "Recorder": ("Recorder",),
    "RecordingPolicy": ("Recorder", "RecordingPolicy", "UserPolicy"),
    "UserPolicy": ("Recorder", "RecordingPolicy", "UserPolicy"),
    "RecordingFilter": ("Recorder", "RecordingFilter"),
    "Blacklist": ("Recorder", "Blacklist"),
    "RetentionRule": ("Recorder", "RetentionRule"),
    "AuditLog": ("Recorder", "AuditLog"),
    "AuditExport": ("Recorder",),
}
"""Kinds whose objects are needed to tell what is surprising about one of a kind."""

_TELLS_NOTHING = (".confirmation-required",)
"""Asked of the recorder, which alone knows what a change takes away."""


def needed(reading: ObjectReading) -> tuple[str, ...]:
    """The kinds to be listed for this object."""
    if len(_patterns(reading)) > MAX_PATTERNS_COMPARED:
        return ("Recorder",)
    return NEEDED.get(reading.key.kind, ())


def surprises(reading: ObjectReading, neighbours: Sequence[ObjectReading]) -> list[str]:
    """Warnings about an object that is about to be stored among these."""
    objects = [*(one for one in neighbours if one.key != reading.key), reading]
    if reading.recorder is None:
        return []
    recorder = ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder)
    return [*_recorder(reading, objects, recorder), *_compiled(reading, objects, recorder), *_shadows(reading, objects)]


def _recorder(reading: ObjectReading, objects: Sequence[ObjectReading], recorder: ObjectKey) -> Iterator[str]:
    if isinstance(reading.resource, Recorder):
        if reading.resource.spec.endpoint is None:
            yield "spec.endpoint: without it the operator programs no recorder; it is left out for `callkeeper up` only"
    elif not any(one.key == recorder for one in objects):
        yield (
            f"spec.recorderRef.name: there is no Recorder {recorder.name} in namespace {recorder.namespace} yet; "
            "nothing comes into force until there is"
        )


def _compiled(reading: ObjectReading, objects: Sequence[ObjectReading], recorder: ObjectKey) -> Iterator[str]:
    if reading.key.kind in {"Blacklist", "AuditExport"}:
        return  # they add up; what there is to say about two of them is in `_shadows`
    compiled = compile_objects(objects, recorder=recorder)
    yield from _new(compiled.results.get(reading.key), reading.findings)
    policy = reading.key.kind == "RecordingPolicy" and compiled.config is not None
    if policy and compiled.config is not None and _records_nobody(compiled.config):
        yield "spec: nothing would be recorded: every call is always on, and the limit is 0 percent without a start"


def _new(result: ObjectResult | None, own: Collection[Finding]) -> Iterator[str]:
    """Findings that the object has only beside the others."""
    if result is None:
        return
    for finding in result.findings:
        if finding not in own and not finding.rule.endswith(_TELLS_NOTHING):
            yield said(finding)


def _records_nobody(config: RecorderConfig) -> bool:
    policy = config.policy
    on_demand = [one for one in policy.overrides if one.mode.value == "OnDemand"]
    return (
        policy.default_mode.value == "AlwaysOn"
        and policy.always_on_limit_percent == 0
        and policy.sampled_out.value == "Deny"
        and not on_demand
    )


def _shadows(reading: ObjectReading, objects: Sequence[ObjectReading]) -> Iterator[str]:
    if reading.key.kind != "Blacklist" or len(_patterns(reading)) > MAX_PATTERNS_COMPARED:
        return
    places: dict[str, list[ObjectKey]] = {}
    for one in objects:
        if one.recorder == reading.recorder:
            for pattern in _patterns(one):
                places.setdefault(pattern, []).append(one.key)
    if len(places) > MAX_PATTERNS_COMPARED:
        return
    for shadow in shadowed(sorted(places)):
        if reading.key in {*places[shadow.pattern], *places[shadow.by]}:
            yield _shadow(shadow, places, reading.key)


def _shadow(shadow: Shadow, places: Mapping[str, list[ObjectKey]], own: ObjectKey) -> str:
    def where(pattern: str) -> str:
        return "" if own in places[pattern] else f" of {places[pattern][0]}"

    return (
        f"spec.numbers: {shadow.by}{where(shadow.by)} covers {shadow.pattern}{where(shadow.pattern)} already; "
        "the narrower one adds nothing"
    )


def _patterns(reading: ObjectReading) -> list[str]:
    resource = reading.resource
    return [one.pattern for one in resource.spec.numbers] if isinstance(resource, Blacklist) else []
