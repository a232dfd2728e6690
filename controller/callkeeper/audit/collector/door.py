"""The one door every request of the collector goes through: who asks, whether they may, and what came of it.

Rights and allowances come before the body is read, so that nobody without a right makes the collector parse anything. A
fault of ours ends here in a problem document; its log line names the place in the code and never the data.
"""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.logs import LogUnavailable, TooManyLogs, UnknownLog
from callkeeper.audit.collector.metrics import Metrics
from callkeeper.audit.collector.names import LogName, LogNameError
from callkeeper.audit.collector.principals import CollectorPrincipal, CollectorRole
from callkeeper.audit.collector.problems import Problem, answer
from callkeeper.audit.collector.wire import WireError
from callkeeper.audit.errors import (
    CheckpointError,
    EventError,
    KeyUnusable,
    RangeError,
    SelectionError,
    StoreError,
    StoreFull,
)
from callkeeper.audit.peer_address import Network, peer_address

log = structlog.get_logger()
_SCHEME = "bearer "


class Principals(Protocol):
    """Tells whose token it is."""

    def principal(self, token: str) -> CollectorPrincipal | None:
        """The principal, or None."""
        ...

    @property
    def fault(self) -> str | None:
        """Why the principals are not those of the file as it is now, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was let in.

    Attributes:
        request: itself.
        principal: who asks.
        ip_address: from where; empty when unknown.
    """

    request: Request
    principal: CollectorPrincipal
    ip_address: str

    def log_name(self) -> LogName:
        """The log the address names, if it is among the principal's own.

        Raises:
            Problem: it is not.
        """
        parameters = self.request.path_params
        return self.allowed(LogName(parameters["namespace"], parameters["recorder"]))

    def allowed(self, name: LogName) -> LogName:
        """The log, if it is among the principal's own.

        Raises:
            Problem: it is not.
        """
        if not self.principal.may_use(name):
            raise Problem("forbidden", f"the log {name} is not among those of this principal")
        return name


Handler = Callable[[Asked], Awaitable[Response]]


class Door:
    """Makes endpoints of handlers."""

    def __init__(self, principals: Principals, metrics: Metrics, trusted_proxies: tuple[Network, ...] = ()) -> None:
        self._principals = principals
        self._trusted_proxies = trusted_proxies
        self._metrics = metrics

    def __call__(
        self, method: str, route: str, roles: frozenset[CollectorRole], handler: Handler
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint that lets these roles at the handler."""

        async def through(request: Request) -> Response:
            begun = perf_counter()
            try:
                principal = self._let_in(request, roles)
                address = peer_address(request, self._trusted_proxies)
                response = await handler(Asked(request=request, principal=principal, ip_address=address))
            except Exception as error:  # noqa: BLE001 - this is where faults end; each is answered and named
                problem = _problem(error, route)
                self._metrics.refused.labels(problem.name).inc()
                response = answer(problem)
            self._metrics.requests.labels(method, route, response.status_code).observe(perf_counter() - begun)
            return response

        return through

    def _let_in(self, request: Request, roles: frozenset[CollectorRole]) -> CollectorPrincipal:
        header = request.headers.get("authorization", "")
        token = header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME else ""
        found = self._principals.principal(token) if 0 < len(token) <= bounds.TOKEN_CHARACTERS else None
        if found is None:
            raise Problem("unauthenticated", "no token, or one this collector does not know")
        if found.roles.isdisjoint(roles):
            raise Problem(
                "forbidden", f"this takes one of the roles {', '.join(sorted(roles))}", {"roles": sorted(roles)}
            )
        return found


_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (EventError, "invalid-event"),
    (LogNameError, "invalid-request"),
    (RangeError, "invalid-request"),
    (SelectionError, "invalid-request"),
    (UnknownLog, "unknown-log"),
    (TooManyLogs, "too-many-logs"),
    (LogUnavailable, "store-unavailable"),
    (StoreFull, "store-full"),
    (KeyUnusable, "key-unusable"),
    (CheckpointError, "invalid-request"),
    (StoreError, "store-unavailable"),
)
"""The problem type of each error of the audit room that a handler lets through."""


def _problem(error: Exception, route: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, WireError):
        return Problem(error.problem, str(error), error.members)
    if isinstance(error, ClientDisconnect):
        return Problem("malformed-json", "the body ended before it was complete")
    for kind, name in _NAMES:
        if isinstance(error, kind):
            return Problem(name, str(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request_failed", route=route, error=type(error).__name__, file=last.filename, line=last.lineno)
    return Problem("internal-error", "the collector failed to answer")
