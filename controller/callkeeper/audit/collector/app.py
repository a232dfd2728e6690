"""The collector as an ASGI application: every operation behind one door, every error a problem document.

Whoever composes it (`serving`) hands in the logs and the principals. Serve it with uvicorn's `proxy_headers=False`: a
server that believes anybody's X-Forwarded-For would write that into the log.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.door import Door, Principals
from callkeeper.audit.collector.downloads import DownloadRoutes
from callkeeper.audit.collector.export_routes import ExportRoutes
from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.collector.metrics import Metrics
from callkeeper.audit.collector.operations import OPERATIONS
from callkeeper.audit.collector.problems import Problem, answer
from callkeeper.audit.collector.proofs import ProofRoutes
from callkeeper.audit.collector.routes import LogRoutes
from callkeeper.audit.collector.service import ServiceRoutes
from callkeeper.audit.peer_address import Network
from callkeeper.audit.store import utc_now


def create_app(
    logs: Logs,
    principals: Principals,
    *,
    now: Callable[[], datetime] = utc_now,
    shown: Iterable[Collector] = (),
    trusted_proxies: tuple[Network, ...] = (),
) -> Starlette:
    """Make the application; whoever serves it closes `app.state.exports` at the end.

    Args:
        logs: what is kept.
        principals: who may ask.
        now: the clock, aware.
        shown: further metrics.
        trusted_proxies: whose X-Forwarded-For is believed.
    """
    metrics = Metrics(logs, shown)
    door = Door(principals, metrics, trusted_proxies)
    exports = ExportRoutes(logs, now)
    parts: tuple[Any, ...] = (
        LogRoutes(logs, metrics),
        DownloadRoutes(logs, metrics, now),
        exports,
        ProofRoutes(logs, now),
        ServiceRoutes(logs, metrics, principals),
    )
    routes = []
    for one in OPERATIONS:
        (handler,) = (getattr(part, one.handler) for part in parts if hasattr(part, one.handler))
        endpoint = handler if one.roles is None else door(one.method, one.path, one.roles, handler)
        route = Route(one.path, endpoint, methods=[one.method])
        # Starlette adds HEAD to GET; an audited download must not be asked for without being meant.
        route.methods = {one.method}
        routes.append(route)
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
    app.router.redirect_slashes = False
    app.state.exports = exports
    app.add_middleware(ShortAddress)
    return app


class ShortAddress:
    """Refuses addresses that are too long before anything looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if (
            scope["type"] == "http"
            and len(scope.get("raw_path") or b"") + len(scope["query_string"]) > bounds.QUERY_BYTES
        ):
            problem = Problem("uri-too-long", f"the address has more than {bounds.QUERY_BYTES} bytes")
            await answer(problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _no_route(request: Request, error: Exception) -> Response:
    """The answer for what has no route: an unknown address, or another method."""
    assert isinstance(error, HTTPException)
    allowed = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    if allowed:
        names = ", ".join(sorted(allowed))
        return answer(Problem("method-not-allowed", f"this address takes {names}", headers={"Allow": names}))
    return answer(Problem("not-found", "there is nothing at this address"))
