"""Problem documents (RFC 9457) of the collector: every type there is.

Each type has a line in docs/reference/audit-collector.md. A document says what failed (`detail`) and what to do
(`next`); it repeats nothing of an event but its place and sequence.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from callkeeper.audit.collector import bounds
from callkeeper.audit.errors import AuditError

MEDIA_TYPE = "application/problem+json"

TYPES: Mapping[str, tuple[int, str, str]] = {
    "malformed-json": (400, "The body is not JSON", "send JSON (RFC 8259, UTF-8) with the levels of the schema"),
    "unauthenticated": (
        401,
        "No valid token",
        "send Authorization: Bearer … (on the command line --token-file) with a token of its file",
    ),
    "forbidden": (403, "Not among your rights", "ask with a principal that may, or have its entry changed"),
    "not-found": (404, "No such address", "see schemas/audit-collector-api.json for what there is"),
    "unknown-export": (404, "No such export", "see its name; one that was never asked for, or was deleted"),
    "unknown-log": (404, "No such log", "see its name; a log begins with its first event or settings"),
    "method-not-allowed": (405, "Not with this method", "see schemas/audit-collector-api.json for what there is"),
    "body-stalled": (408, "The body does not come", "send it again, or several smaller ones"),
    "sequence-out-of-order": (409, "The events do not ascend", "send a sender's events in the order of its numbers"),
    "export-exists": (409, "Another export has this name", "choose another name, or delete it first"),
    "body-too-large": (413, "The body is too large", "send several smaller ones; see docs/reference/limits.md"),
    "uri-too-long": (414, "The address is too long", "see docs/reference/limits.md"),
    "unsupported-media-type": (415, "Another media type is expected", "send Content-Type: application/json"),
    "range-not-satisfiable": (416, "The part lies behind the end", "ask for less, or for the whole"),
    "invalid-event": (422, "An event cannot become a row", "mend the event named, or upgrade the collector first"),
    "invalid-request": (422, "The request is not valid", "see schemas/audit-collector-api.json"),
    "too-busy": (429, "Too much at once", "send it again after Retry-After"),
    "internal-error": (500, "The collector failed", "see its log; the fault is ours"),
    "key-unusable": (503, "No checkpoint can be signed", "see that the signing key is there and can be read"),
    "store-unavailable": (503, "The log takes no rows now", "send it again after Retry-After; see the collector's log"),
    "store-full": (503, "The disk is nearly full", "make room on the volume; senders go on by themselves"),
    "too-many-exports": (503, "Too many exports", "delete exports not needed any more"),
    "too-many-logs": (503, "Too many logs", "remove logs not in use from the collector's folder, or add a collector"),
}
"""Every problem type with its status, its title and what to do."""

_RETRY = {
    "too-busy": bounds.RETRY_SECONDS,
    "key-unusable": bounds.RETRY_FULL_SECONDS,
    "store-unavailable": bounds.RETRY_SECONDS,
    "store-full": bounds.RETRY_FULL_SECONDS,
    "too-many-exports": bounds.RETRY_FULL_SECONDS,
    "too-many-logs": bounds.RETRY_FULL_SECONDS,
}
"""What Retry-After says, in seconds."""


class Problem(AuditError):  # noqa: N818 - RFC 9457's word
    """A request that is answered with a problem document."""

    def __init__(
        self,
        name: str,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what failed.

        Args:
            name: of the type.
            detail: what failed, on which object.
            members: further members of the document.
            headers: further headers of the answer.
        """
        super().__init__(detail)
        self.name = name
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """HTTP's number."""
        return TYPES[self.name][0]


def document(name: str, detail: str, members: Mapping[str, Any] | None = None) -> bytes:
    """The problem document."""
    status, title, step = TYPES[name]
    value = {"type": f"/problems/{name}", "title": title, "status": status, "detail": detail, "next": step}
    return json.dumps({**(members or {}), **value}, ensure_ascii=False).encode("utf-8", "replace")


def answer(problem: Problem) -> Response:
    """The answer to a request that failed so."""
    headers = dict(problem.headers)
    if problem.name in _RETRY:
        headers.setdefault("Retry-After", str(_RETRY[problem.name]))
    if problem.name == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="callkeeper"'
    content = document(problem.name, problem.detail, problem.members)
    return Response(content, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)
