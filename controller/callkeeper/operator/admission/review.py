"""AdmissionReview (admission.k8s.io/v1) in and out.

The API server sends who asks, the object as it would be stored and as it was, and waits. What cannot be read is
answered too, with an allowed review where there is a uid to answer to: this webhook refuses what is wrong in an object,
never what it does not understand.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callkeeper.kinds.resource import MAX_NAME_LENGTH
from callkeeper.kinds.terms import GROUP

MAX_REVIEW_BYTES = 8 * 1024 * 1024
"""An object is at most 3 MiB on its way; a review holds it as it was and as it would be."""

MAX_WARNINGS = 16
"""Lines that kubectl prints below its answer; the API server cuts them all when there are 4,096 characters."""

MAX_WARNING_LENGTH = 250
"""The API server cuts a longer one at 256."""

MAX_MESSAGE_LENGTH = 4_000
"""Of a refusal: ten findings with their hints."""

MAX_UID_LENGTH = 128

API_VERSION = "admission.k8s.io/v1"


class Operation(StrEnum):
    """What is asked for."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question.

    Attributes:
        uid: to answer to.
        operation: what is asked for.
        namespace: where.
        name: of the object; empty where the API server has not said.
        document: the object as it would be stored; empty for a deletion.
        before: the object as it is; empty for a creation.
        user: whose rights it is done with.
        dry_run: nothing will be stored.
        field_manager: the tool's own name for itself, or empty.
    """

    uid: str
    operation: Operation
    namespace: str
    name: str
    document: Mapping[str, Any]
    before: Mapping[str, Any]
    user: str
    dry_run: bool = False
    field_manager: str = ""


class ReviewError(ValueError):
    """A body is no question that this webhook answers.

    Attributes:
        uid: of the question, where it has one.
    """

    def __init__(self, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.uid = uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One answer.

    Attributes:
        allowed: whether it may be stored.
        message: why not.
        code: HTTP status of a refusal.
        reason: the API server's word for it, `Invalid` or `Forbidden`.
        rules: ids of the rules that made it refuse.
        warnings: lines for whoever asked.
    """

    allowed: bool = True
    message: str = ""
    code: int = 422
    reason: str = "Invalid"
    rules: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_review(body: bytes) -> Review:
    """Read a question.

    Raises:
        ReviewError: it is none, or none about our objects.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ReviewError(f"the body is not JSON: {str(error)[:100]}") from error
    request = _mapping(_mapping(value).get("request"))
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid or len(uid) > MAX_UID_LENGTH:
        raise ReviewError("the body is no AdmissionReview with a request and its uid")
    if _mapping(value).get("apiVersion") != API_VERSION:
        raise ReviewError(f"the review is not of {API_VERSION}", uid)
    operation = _text(request.get("operation"))
    if operation not in set(Operation):
        raise ReviewError("the operation is not one that is looked at", uid)
    if _mapping(request.get("resource")).get("group") != GROUP or request.get("subResource"):
        raise ReviewError(f"it is about no object of {GROUP}", uid)
    document, before = _mapping(request.get("object")), _mapping(request.get("oldObject"))
    metadata = _mapping((document or before).get("metadata"))
    return Review(
        uid=uid,
        operation=Operation(operation),
        namespace=_text(request.get("namespace")) or _text(metadata.get("namespace")),
        name=(_text(request.get("name")) or _text(metadata.get("name")))[:MAX_NAME_LENGTH],
        document=document,
        before=before,
        user=_text(_mapping(request.get("userInfo")).get("username")),
        dry_run=request.get("dryRun") is True,
        field_manager=_text(_mapping(request.get("options")).get("fieldManager")),
    )


def answer(uid: str, verdict: Verdict) -> dict[str, Any]:
    """The AdmissionReview that answers."""
    response: dict[str, Any] = {"uid": uid, "allowed": verdict.allowed}
    if not verdict.allowed:
        message = verdict.message[:MAX_MESSAGE_LENGTH]
        response["status"] = {"code": verdict.code, "reason": verdict.reason, "message": message}
    if verdict.warnings:
        response["warnings"] = bounded(verdict.warnings)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def bounded(warnings: Sequence[str]) -> list[str]:
    """The warnings as the API server passes them on: so many, so long, one line each."""
    lines = list(dict.fromkeys(one_line(text) for text in warnings))
    if len(lines) > MAX_WARNINGS:
        left = len(lines) - MAX_WARNINGS + 1
        lines = [*lines[: MAX_WARNINGS - 1], f"and {left} more; `callkeeper validate` names them all"]
    return lines


def one_line(text: str) -> str:
    """The text as one warning."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_WARNING_LENGTH else f"{line[: MAX_WARNING_LENGTH - 1]}…"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
