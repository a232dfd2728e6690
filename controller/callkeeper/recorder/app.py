"""The recorder as an ASGI application: every route behind one door, every error a problem document.

Whoever composes it (`local/`) hands in the parts and serves it. Serve it with uvicorn's `proxy_headers=False`: which
proxies are believed is decided here (`RecorderParts.trusted_proxies`), and a server that rewrites the peer first would
believe anybody.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from callkeeper.recorder.http.answers import ProblemDocument
from callkeeper.recorder.http.audit_routes import add_audit_routes
from callkeeper.recorder.http.call_routes import add_call_routes
from callkeeper.recorder.http.config_routes import add_config_routes
from callkeeper.recorder.http.door import door
from callkeeper.recorder.http.graph_routes import add_graph_routes
from callkeeper.recorder.http.hold_routes import add_hold_routes
from callkeeper.recorder.http.ledger_routes import add_ledger_routes
from callkeeper.recorder.http.limits import Limits
from callkeeper.recorder.http.media_routes import add_media_routes
from callkeeper.recorder.http.page_routes import add_page_routes
from callkeeper.recorder.http.playing_routes import add_playing_routes
from callkeeper.recorder.http.problems import answer_http
from callkeeper.recorder.http.recording_routes import add_recording_routes
from callkeeper.recorder.http.retention_routes import add_retention_routes
from callkeeper.recorder.http.rights import ANYBODY, RIGHTS
from callkeeper.recorder.http.service_routes import add_service_routes
from callkeeper.recorder.http.user_routes import add_user_routes
from callkeeper.recorder.http.user_writing_routes import add_user_writing_routes
from callkeeper.recorder.parts import Recorder, RecorderParts

TITLE = "Callkeeper recorder"
VERSION = "v1alpha1"


class Api(FastAPI):
    """The application; what is asked of it goes to its route without a detour.

    Each route answers its own errors (`door`), so what the framework puts around them is for addresses that are not
    there. Asked by way of it, a call start takes half as long again.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._limits = Limits(self._routed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; its bounds come first."""
        await self._limits(scope, receive, send)

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            method, path = scope["method"], scope["path"]
            for route in self.routes:
                if isinstance(route, Route) and route.methods is not None and method in route.methods:
                    found = route.path_regex.match(path)
                    if found is not None:
                        scope["path_params"] = found.groupdict()
                        await route.handle(scope, receive, send)
                        return
        await super().__call__(scope, receive, send)


def create_app(parts: RecorderParts) -> FastAPI:
    """Make the application; the running parts are at `app.state.recorder` (a `Recorder`).

    Raises:
        StorageFault: what was kept cannot be read.
    """
    recorder = Recorder.of(parts)
    app = Api(title=TITLE, version=VERSION, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.router.route_class = door(parts.principals, recorder.metrics, parts.trusted_proxies)
    app.state.recorder = recorder
    # Routes are tried in this order: what comes in from calls, which is most requests, comes first.
    for add in (
        add_call_routes,
        add_media_routes,
        add_graph_routes,
        add_config_routes,
        add_user_routes,
        add_user_writing_routes,
        add_ledger_routes,
        add_recording_routes,
        add_hold_routes,
        add_retention_routes,
        add_playing_routes,
        add_audit_routes,
        add_service_routes,
        add_page_routes,
    ):
        add(app, recorder)
    app.add_exception_handler(HTTPException, answer_http)
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, with its security and who may use which route."""
    document = get_openapi(
        title=TITLE,
        version=VERSION,
        description="The contract between whoever programs a recorder, tells it of calls, and reads from it. "
        "Errors are RFC 9457 problem documents; see docs/reference/problems.md.",
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    schemas[ProblemDocument.__name__] = ProblemDocument.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for (method, path), roles in RIGHTS.items():
        if roles is not ANYBODY:
            operation = document["paths"][path][method.lower()]
            operation["security"] = [{"token": []}]
            operation["x-roles"] = sorted(roles)
    return document
