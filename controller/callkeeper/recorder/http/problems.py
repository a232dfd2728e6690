"""Problem documents (RFC 9457): every type there is, and how errors become one.

Each type has a section in docs/reference/problems.md; its `type` is that section's name under `/problems/`. A document
says what failed (`detail`) and what to do (`next`); it never repeats what was sent but for the names of fields.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.routing import Route

from callkeeper.recorder.errors import RecorderError

MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 20
"""Errors of one body that are listed; the count of all is given."""

TYPES: Mapping[str, tuple[int, str]] = {
    "malformed-request": (400, "This is no HTTP request"),
    "malformed-json": (400, "The body is not JSON"),
    "json-too-deep": (400, "The body is nested too deeply"),
    "unauthenticated": (401, "No valid token"),
    "forbidden": (403, "Not among your rights"),
    "not-your-note": (403, "Somebody else's note"),
    "not-your-hold": (403, "Somebody else's hold"),
    "not-found": (404, "No such address"),
    "unknown-revision": (404, "No such revision"),
    "unknown-segment": (404, "No such segment"),
    "unknown-ticket": (404, "No such play ticket"),
    "audit-elsewhere": (404, "The audit log is kept elsewhere"),
    "unknown-recording": (404, "No such recording"),
    "unknown-note": (404, "No such note"),
    "unknown-conversation": (404, "No such conversation"),
    "unknown-hold": (404, "No such hold"),
    "no-media": (404, "No media is stored"),
    "unknown-user": (404, "No such user"),
    "method-not-allowed": (405, "Not with this method"),
    "body-stalled": (408, "The body does not come"),
    "upload-stalled": (408, "Too little arrives"),
    "owner-conflict": (409, "Another owner's recorder"),
    "stale-epoch": (409, "A stale epoch"),
    "segment-exists": (409, "Another segment with this native id is open"),
    "segment-ended": (409, "The segment has ended"),
    "other-conversation": (409, "The parent is of another conversation"),
    "start-refused": (409, "The settings do not let this call be recorded"),
    "automatic-recording": (409, "The recording is automatic"),
    "not-recording": (409, "Nothing is being recorded"),
    "not-buffered": (409, "Nothing of this call is kept before a start"),
    "recording-started": (409, "The call is being recorded"),
    "buffer-full": (409, "As much is kept as may be"),
    "capture-suspended": (409, "Nothing is captured just now"),
    "mismatching-upload-offset": (409, "The upload goes on from another offset"),
    "upload-superseded": (409, "Another request goes on with the upload"),
    "media-closed": (409, "The media takes nothing more"),
    "too-many-recordings": (409, "Too many recordings of one segment"),
    "confirmation-required": (409, "The change needs a word"),
    "recording-protected": (409, "Something protects the recording"),
    "recording-restricted": (409, "Erasure is registered"),
    "holds-disabled": (409, "A hold would protect nothing"),
    "too-many-holds": (409, "Too many holds on one conversation"),
    "too-many-notes": (409, "Too many notes on one recording"),
    "too-many-tags": (409, "Too many tags on one recording"),
    "clock-not-accepted": (409, "The clock has jumped"),
    "users-from-folder": (409, "The users come from another source"),
    "retired-id": (409, "The id was somebody else's"),
    "immutable-id": (409, "An id never changes"),
    "too-many-retired-users": (409, "Too many deleted users"),
    "recording-gone": (410, "The recording was removed"),
    "directory-mismatch": (412, "Another directory is in force"),
    "revision-mismatch": (412, "Another config is in force"),
    "body-too-large": (413, "The body is too large"),
    "media-lost": (410, "The media is not where it was stored"),
    "media-too-large": (413, "The media is too large"),
    "uri-too-long": (414, "The address is too long"),
    "unsupported-media-type": (415, "Another media type is expected"),
    "unsupported-media": (415, "Not media that is taken"),
    "range-not-satisfiable": (416, "The range lies behind the end"),
    "headers-too-large": (431, "The headers are too large"),
    "invalid-request": (422, "The request is not valid"),
    "invalid-config": (422, "The config is not valid"),
    "invalid-users": (422, "The directory is not valid"),
    "precondition-required": (428, "The state it was written for is not named"),
    "internal-error": (500, "The recorder failed"),
    "audit-unavailable": (503, "The audit row cannot be written"),
    "storage-failed": (503, "The state cannot be kept"),
    "too-many-open-segments": (503, "Too many open segments"),
    "too-many-uploads": (503, "Too many open uploads"),
    "storage-full": (507, "There is no room"),
}
"""Every problem type with its status and title."""

SHOWN_ADDRESSES = 4
"""Of those near one that is not there."""

_BY_STATUS = {400: "malformed-json", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
"""What the framework itself answers with."""


class Problem(HTTPException):
    """A problem found at the edge; errors of the recorder's parts become one in `of_error`."""

    def __init__(
        self,
        name: str,
        detail: str,
        next_step: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code=TYPES[name][0], detail=detail, headers=dict(headers or {}))
        self.name = name
        self.next_step = next_step
        self.members = dict(members or {})


def document(name: str, detail: str, next_step: str, members: Mapping[str, Any] | None = None) -> bytes:
    """The problem document."""
    status, title = TYPES[name]
    value = {"type": f"/problems/{name}", "title": title, "status": status, "detail": detail, "next": next_step}
    return json.dumps({**(members or {}), **value}, ensure_ascii=False).encode()


def of_problem(problem: Problem) -> Response:
    """The answer for a problem found at the edge."""
    content = document(problem.name, problem.detail, problem.next_step, problem.members)
    return Response(content, status_code=problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def of_error(error: RecorderError) -> Response:
    """The answer for an error of the recorder's parts."""
    content = document(error.problem, error.detail, error.next_step, error.members)
    return Response(content, status_code=TYPES[error.problem][0], headers=error.headers, media_type=MEDIA_TYPE)


_WORDS = {"extra_forbidden": "there is no such field", "missing": "it is missing"}
"""In plainer words than pydantic's, for the two mistakes that everybody makes."""


def of_validation(error: RequestValidationError) -> Response:
    """The answer for a body or query that does not fit its model; the values sent are not repeated."""
    found = [
        {"path": _path(item["loc"]), "message": _WORDS.get(item["type"], item["msg"])}
        for item in error.errors()[:SHOWN_ERRORS]
    ]
    first = f"{found[0]['path']}: {found[0]['message']}" if found else "it does not fit"
    members = {"errors": found, "errorCount": len(error.errors())}
    content = document(
        "invalid-request", f"the request does not fit its schema ({first})", "see schemas/recorder-api.json", members
    )
    return Response(content, status_code=TYPES["invalid-request"][0], media_type=MEDIA_TYPE)


def internal_error() -> Response:
    """The answer for a fault of ours."""
    content = document("internal-error", "the recorder failed to answer", "see its log; the fault is ours")
    return Response(content, status_code=TYPES["internal-error"][0], media_type=MEDIA_TYPE)


async def answer_http(request: Request, error: Exception) -> Response:
    """The answer for what the framework raises: unknown addresses, wrong methods, unreadable bodies."""
    if isinstance(error, Problem):
        return of_problem(error)
    assert isinstance(error, StarletteHTTPException)
    name = _BY_STATUS.get(error.status_code, "internal-error")
    headers = dict(error.headers or {})
    detail, next_step = str(error.detail), "see schemas/recorder-api.json for what there is"
    if name == "method-not-allowed":
        # The framework names the methods of the first route it finds; here a route has one.
        headers = {"Allow": ", ".join(sorted(_methods(request)))}
        detail = f"this address takes {headers['Allow']}"
    elif name == "not-found":
        detail = "there is nothing at this address"
        if near := _near(request):
            next_step = f"there is {', '.join(near)}; {next_step}"
    content = document(name, detail, next_step)
    return Response(content, status_code=TYPES[name][0], headers=headers, media_type=MEDIA_TYPE)


def _methods(request: Request) -> set[str]:
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return {
        method for route in routes if route.path_regex.match(request.scope["path"]) for method in route.methods or ()
    }


def _near(request: Request) -> list[str]:
    """The addresses that go on where the one asked for ends, as `/v1/recordings:search` after `/v1/recordings`."""
    asked = request.scope["path"].rstrip("/")
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    near = {
        (route.path, method)
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
        if route.path.startswith((f"{asked}:", f"{asked}/")) and asked.count("/") > 1
    }
    # What is asked of all of them comes before what is asked of one.
    listed = sorted(near, key=lambda one: (one[0][len(asked)] != ":", one))
    return [f"{method} {path}" for path, method in listed[:SHOWN_ADDRESSES]]


def _path(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)
