"""Reads one object: from what a YAML document or the API server held to a model and everything to be said about it.

The one door for the command line, the admission webhook and the operator, which is why they agree. What needs more than
one object (singletons, one user in two objects, shadowed patterns) is said elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError

from callkeeper.kinds.audit_export import AuditExport
from callkeeper.kinds.audit_log import AuditLog
from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.confirmation import ConfirmationError, parse_confirmation
from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.reading_errors import did_you_mean, findings_of
from callkeeper.kinds.recorder import Recorder
from callkeeper.kinds.recording_filter import RecordingFilter
from callkeeper.kinds.recording_policy import RecordingPolicy
from callkeeper.kinds.resource import Resource, shorten
from callkeeper.kinds.retention_rule import RetentionRule
from callkeeper.kinds.terms import API_VERSION, CONFIRM_ANNOTATION, DEFAULT_NAMESPACE
from callkeeper.kinds.user_policy import UserPolicy

KINDS: Mapping[str, type[Resource]] = {
    model.__name__: model
    for model in (
        Recorder,
        RecordingPolicy,
        UserPolicy,
        RecordingFilter,
        Blacklist,
        RetentionRule,
        AuditLog,
        AuditExport,
    )
}
"""The model of each kind, by the kind's name."""

MAX_FINDINGS = 500
"""Findings of one object that are given out; more help nobody, and 20,000 bad numbers must not fill a terminal."""

_ABOUT_KEYS = {"extra_forbidden", "invalid_key"}
"""Errors that are about a field's name, so that a null value does not take them away."""

_CONFIRM_PATH: tuple[PathPart, ...] = ("metadata", "annotations", CONFIRM_ANNOTATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReading:
    """What one document held.

    Attributes:
        key: names the object as far as it could be read; kind and name are empty where it could not.
        resource: the model, or None when there is an error among the findings.
        findings: everything to be said about this object by itself, the first `MAX_FINDINGS` of it.
        recorder: name of the Recorder it belongs to (its own for a Recorder), or None where it could not be read.
        created: `metadata.creationTimestamp` as the API server wrote it, or empty.
        annotations: those that are text.
        uid: `metadata.uid`, or empty.
        generation: `metadata.generation`, or 0.
        deleting: whether the object has a deletion timestamp.
    """

    key: ObjectKey
    resource: Resource | None
    findings: tuple[Finding, ...]
    recorder: str | None
    created: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    uid: str = ""
    generation: int = 0
    deleting: bool = False


def read_object(document: Mapping[str, Any]) -> ObjectReading:
    """Read one object of our API group. Total: whatever is wrong with it becomes a finding.

    Nulls are absent, as the API server has it for what is created; a server-side apply refuses them, so they are warned
    of. `60.0` is 60; the status is not looked at.
    """
    metadata = _mapping(document.get("metadata"))
    annotations = _mapping(metadata.get("annotations"))
    key = ObjectKey(
        kind=_text(document.get("kind")),
        namespace=_text(metadata.get("namespace")) or DEFAULT_NAMESPACE,
        name=_text(metadata.get("name")),
    )
    resource, findings = _validate(document, key)
    generation = metadata.get("generation")
    return ObjectReading(
        key=key,
        resource=resource,
        findings=findings,
        recorder=_recorder_of(document, key),
        created=_text(metadata.get("creationTimestamp")),
        annotations={name: text for name, text in annotations.items() if isinstance(text, str)},
        uid=_text(metadata.get("uid")),
        generation=generation if isinstance(generation, int) else 0,
        deleting=metadata.get("deletionTimestamp") is not None,
    )


def _validate(document: Mapping[str, Any], key: ObjectKey) -> tuple[Resource | None, tuple[Finding, ...]]:
    named = key if key.kind and key.name else None
    unreadable = _check_envelope(document, named)
    model = KINDS.get(key.kind)
    if unreadable or model is None:
        return None, unreadable
    try:
        resource = _parse(document, model)
    except ValidationError as error:
        return None, _bounded(findings_of(error, model, named), model, named)
    nulls = _nulls(document, resource) if _has_null(document.get("spec", ())) else ()
    said = _bounded(chain(_checks(resource), nulls), model, named)
    if any(finding.severity is Severity.ERROR for finding in said):
        return None, said
    return resource, said


def _parse(document: Mapping[str, Any], model: type[Resource]) -> Resource:
    """Validate; null fields are dropped only once they were complained of, so that good files pay nothing for it.

    Raises:
        ValidationError: the document is not an object of this kind.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        nulls = [
            detail["loc"]
            for detail in error.errors(include_url=False, include_context=False)
            if detail["input"] is None
            and detail["type"] not in _ABOUT_KEYS
            and isinstance(detail["loc"][-1], str)
            and detail["loc"][-1] != "[key]"
        ]
        if not nulls:
            raise
    return model.model_validate(_without(document, nulls))


def _without(document: Mapping[str, Any], paths: list[tuple[PathPart, ...]]) -> dict[str, Any]:
    """A copy that lacks what the paths lead to; parts no path leads to are shared with the original."""
    copy: dict[Any, Any] = dict(document)
    copied: dict[tuple[PathPart, ...], Any] = {(): copy}
    for path in paths:
        parent = copy
        for depth, part in enumerate(path[:-1], start=1):
            here = path[:depth]
            if here not in copied:
                child = parent[part]
                copied[here] = dict(child) if isinstance(child, Mapping) else list(child)
                parent[part] = copied[here]
            parent = copied[here]
        parent.pop(path[-1], None)
    return copy


def _check_envelope(document: Mapping[str, Any], key: ObjectKey | None) -> tuple[Finding, ...]:
    """Say when the document is of no kind and version that there is."""
    kind, version = document.get("kind"), document.get("apiVersion")
    known = isinstance(kind, str) and kind in KINDS
    findings = []
    if version != API_VERSION:
        what = f"apiVersion is {shorten(version)}" if isinstance(version, str) else _no_text("apiVersion", version)
        findings.append(
            Finding(
                rule=f"{_text(kind).lower() if known else 'object'}.api-version",
                severity=Severity.ERROR,
                message=f"{what}; the only version is `{API_VERSION}`",
                hint=f"write `apiVersion: {API_VERSION}`",
                key=key,
                path=("apiVersion",),
            )
        )
    if not known:
        what = f"there is no kind {shorten(kind)}" if isinstance(kind, str) else _no_text("kind", kind)
        hint = did_you_mean(_text(kind), list(KINDS)) or f"kinds there are: {', '.join(KINDS)}"
        findings.append(
            Finding(rule="object.kind", severity=Severity.ERROR, message=what, hint=hint, key=key, path=("kind",))
        )
    return tuple(findings)


def _no_text(name: str, value: object) -> str:
    return f"{name} is missing" if value is None else f"{name} is not text"


def _checks(resource: Resource) -> Iterator[Finding]:
    """What is wrong or surprising beyond the form of the values, the confirmation included."""
    yield from resource.check()
    text = resource.confirmation
    if text is None:
        return
    if not resource.confirmable:
        message = f"{CONFIRM_ANNOTATION} has no effect on this kind"
        yield resource.finding("confirm", Severity.WARNING, message, _CONFIRM_PATH, hint="remove it")
        return
    try:
        foreign = [part for part in parse_confirmation(text).parts if part not in resource.confirmable]
    except ConfirmationError as error:
        yield resource.finding("confirm", Severity.ERROR, error.message, _CONFIRM_PATH)
        return
    if foreign:
        message = f"`{foreign[0]}` confirms nothing on the kind {resource.key.kind}"
        hint = f"parts there are: {', '.join(sorted(resource.confirmable))}"
        yield resource.finding("confirm", Severity.ERROR, message, _CONFIRM_PATH, hint=hint)


def _has_null(value: object) -> bool:
    """Whether a null is in it, at any depth; asked of every good object, so no path is made and types are compared."""
    if type(value) is dict or isinstance(value, Mapping):
        return any(one is None or (type(one) is not str and _has_null(one)) for one in value.values())
    if type(value) is list:
        return any(one is None or (type(one) is not str and _has_null(one)) for one in value)
    return value is None


def _nulls(document: Mapping[str, Any], resource: Resource) -> Iterator[Finding]:
    """Warn of fields of the spec that are null."""
    for path in _null_paths(document["spec"], ("spec",)):
        message = f"`{path[-1]}` is null, which a server-side apply refuses"
        yield resource.finding("null", Severity.WARNING, message, path, hint="leave the field out")


def _null_paths(value: object, path: tuple[PathPart, ...]) -> Iterator[tuple[PathPart, ...]]:
    if isinstance(value, (Mapping, list)):
        for part, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _null_paths(inner, (*path, part))
    elif value is None:
        yield path


def _bounded(findings: Iterator[Finding], model: type[Resource], key: ObjectKey | None) -> tuple[Finding, ...]:
    """The first findings, errors never lost to warnings, and a last one that counts the rest."""
    first = list(islice(findings, MAX_FINDINGS))
    errors, others = 0, 0
    for rest in findings:
        errors, others = (errors + 1, others) if rest.severity is Severity.ERROR else (errors, others + 1)
    if errors or others:
        first.append(
            Finding(
                rule=f"{model.__name__.lower()}.more",
                severity=Severity.ERROR if errors else Severity.WARNING,
                message=f"{errors + others} more findings about this object are not shown ({errors} of them errors)",
                key=key,
            )
        )
    return tuple(first)


def _recorder_of(document: Mapping[str, Any], key: ObjectKey) -> str | None:
    if key.kind == Recorder.__name__:
        return key.name or None
    return _text(_mapping(_mapping(document.get("spec")).get("recorderRef")).get("name")) or None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
