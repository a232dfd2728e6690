"""The page for people: a few files, the same for everybody, that ask the API with the token of who looks at them.

No framework, nothing from elsewhere, no script or style in the page itself: the policy sent with it lets a browser run
and load what comes from this recorder, and nothing else. The token is kept in the page's memory and nowhere.
"""

from hashlib import sha256
from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Path
from starlette.responses import Response

from callkeeper.recorder.http.entity_tags import IfNoneMatch, tags
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.parts import Recorder

INDEX = "index.html"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "media-src": "'self'",
    "connect-src": "'self'",
    # Signing in is a request of the script; no form is ever sent.
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    # What the recorder answers becomes text, never markup: the browser holds the script to it.
    "require-trusted-types-for": "'script'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


def add_page_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application; they are no part of the contract another recorder would meet."""
    del recorder  # the page knows nothing of it
    contents = {
        one.name: one.read_bytes() for one in files("callkeeper.recorder.page").iterdir() if _media_type(one.name)
    }
    entity_tags = {name: sha256(content).hexdigest()[:32] for name, content in contents.items()}

    def answered(name: str, if_none_match: str | None) -> Response:
        if name not in contents:
            raise Problem("not-found", "the page has no such file", "open / for the page")
        headers = {**HEADERS, "ETag": f'"{entity_tags[name]}"'}
        if entity_tags[name] in tags(if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(contents[name], headers=headers, media_type=_media_type(name))

    @app.get("/", include_in_schema=False)
    async def index(if_none_match: IfNoneMatch = None) -> Response:
        return answered(INDEX, if_none_match)

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: Annotated[str, Path(max_length=64)], if_none_match: IfNoneMatch = None) -> Response:
        return answered(name, if_none_match)


def _media_type(name: str) -> str | None:
    return _TYPES.get(name.rpartition(".")[2])
