"""Allowed or not: what is wrong within one object, by the function that reads objects everywhere, and the guard.

Refused is only what is wrong within one object, so that the order in which objects are applied has no say. An object
that was stored wrong while no webhook answered may be changed as long as its settings stay: whoever takes a label or
a finalizer off must not be held up.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.reading import ObjectReading, read_object
from callkeeper.kinds.terms import PROTECT_ANNOTATION
from callkeeper.operator.admission.review import Operation, Review, Verdict
from callkeeper.operator.attribution.versions import our_annotations

MAX_FINDINGS_SHOWN = 10
"""Findings that a refusal names; more scroll the first ones away."""

PROTECTED = "true"
"""What the annotation says to guard an object; anything else does not."""


def judge(review: Review) -> tuple[Verdict, ObjectReading | None]:
    """The verdict about an object by itself, with the reading where its settings are new; the guard is not in it."""
    if review.operation is Operation.DELETE or not review.document or _same_settings(review):
        return Verdict(), None
    reading = read_object(checked(review.document))
    errors = [one for one in reading.findings if one.severity is Severity.ERROR]
    if errors:
        rules = tuple(sorted({one.rule for one in errors}))
        return Verdict(allowed=False, message=refusal(errors), rules=rules), reading
    warnings = [said(one) for one in reading.findings if one.severity is Severity.WARNING]
    return Verdict(warnings=tuple(warnings)), reading


def asks_for_guard(review: Review) -> bool:
    """Whether this deletes an object that asks to be guarded."""
    if review.operation is not Operation.DELETE:
        return False
    return our_annotations(_metadata(review.before)).get(PROTECT_ANNOTATION) == PROTECTED


def guarded(review: Review) -> Verdict:
    """The refusal of a guarded object's deletion."""
    kind, name = str(review.before.get("kind", "object")), review.name
    return Verdict(
        allowed=False,
        code=403,
        reason="Forbidden",
        rules=("object.protected",),
        message=(
            f"{kind} {review.namespace}/{name} is protected against deletion; if you mean it, first run: kubectl "
            f"annotate --namespace {review.namespace} {kind.lower()} {name} {PROTECT_ANNOTATION}-"
        ),
    )


def refusal(errors: Iterable[Finding]) -> str:
    """What is wrong, one finding after the other, for one who sees nothing else."""
    found = list(errors)
    lines = [said(one) for one in found[:MAX_FINDINGS_SHOWN]]
    if len(found) > MAX_FINDINGS_SHOWN:
        lines.append(f"and {len(found) - MAX_FINDINGS_SHOWN} more; `callkeeper validate` names them all")
    return "; ".join(lines)


def said(finding: Finding) -> str:
    """A finding as one line: where, what, and what to do."""
    where = finding.json_path.removeprefix("$").removeprefix(".")
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{where}: {finding.message}{hint}" if where else f"{finding.message}{hint}"


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what the API server itself checks and keeps, whose release may know fields ours does not."""
    metadata = _metadata(document)
    kept = {
        name: metadata[name]
        for name in ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp")
        if name in metadata
    }
    lean = {name: document.get(name) for name in ("apiVersion", "kind", "spec") if name in document}
    return {**lean, "metadata": {**kept, "annotations": our_annotations(metadata)}}


def _same_settings(review: Review) -> bool:
    """Whether an update leaves the settings, and our annotations, as they are."""
    if review.operation is not Operation.UPDATE:
        return False
    if our_annotations(_metadata(review.document)) != our_annotations(_metadata(review.before)):
        return False
    return bool(review.document.get("spec") == review.before.get("spec"))


def _metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
