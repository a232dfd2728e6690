"""The one door every request goes through: who asks, whether they may, what came of it, and how long it took.

A route is refused at start when `rights.RIGHTS` has no row for it. Authentication and rights come before the body is
read, so that nobody without a right makes the recorder parse anything. A fault of ours ends here in a problem document;
its log line names the place in the code and never the data.
"""

import traceback
from time import perf_counter
from typing import Annotated, Any, Protocol

import structlog
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callkeeper.audit.peer_address import Network, peer_address
from callkeeper.policy.directory import Role
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import Fault, RecorderError
from callkeeper.recorder.http.binding import Binding, actor_of
from callkeeper.recorder.http.problems import Problem, internal_error, of_error, of_problem, of_validation
from callkeeper.recorder.http.rights import ANYBODY, RIGHTS
from callkeeper.recorder.metrics import Metrics
from callkeeper.recorder.principals import Principal

log = structlog.get_logger()

_SCHEME = "bearer "


class Principals(Protocol):
    """Tells whose token it is."""

    def principal(self, token: str) -> Principal | None:
        """The principal, or None."""
        ...

    @property
    def fault(self) -> str | None:
        """Why the principals are not those of the file as it is now, or None."""
        ...


def door(principals: Principals, metrics: Metrics, trusted_proxies: tuple[Network, ...]) -> type[APIRoute]:
    """The route class of an application: everything below is the same for each of its routes."""

    class Door(APIRoute):
        """A route behind the door."""

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            assert self.methods is not None
            (self._method,) = self.methods
            self._allowed = RIGHTS[self._method, self.path_format]
            self._binding = Binding.of(self.dependant)

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            """One request to this address; whatever it comes to is answered here."""
            if scope["method"] != self._method:
                await super().handle(scope, receive, send)
                return
            begun = perf_counter()
            try:
                response = await self._answer(Request(scope, receive, send))
            except Exception as error:  # noqa: BLE001 - this is where faults end; each is answered and named
                response = _answer(error, self.path_format)
            took = perf_counter() - begun
            metrics.answered(self._method, self.path_format, response.status_code, took)
            await response(scope, receive, send)

        async def _answer(self, request: Request) -> Response:
            if self._allowed is not ANYBODY:
                principal = _let_in(_principal(request, principals), self._allowed)
                address = peer_address(request, trusted_proxies)
                request.state.actor = Actor(principal=principal, ip_address=address)
            if self._binding.body is not None:
                see_media_type(request, "application/json")
            response: Response = await self.endpoint(**await self._binding.arguments(request))
            return response

    return Door


ActorOf = Annotated[Actor, Depends(actor_of)]
"""Who asks; let in by the door."""


def see_media_type(request: Request, wanted: str) -> None:
    """See that the body is declared as what is read.

    Raises:
        Problem: it is not.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise Problem("unsupported-media-type", f"the body is not declared as {wanted}", f"send Content-Type: {wanted}")


def _principal(request: Request, principals: Principals) -> Principal:
    header = request.headers.get("authorization", "")
    token = header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME else ""
    found = principals.principal(token) if 0 < len(token) <= bounds.TOKEN_CHARACTERS else None
    if found is None:
        raise Problem(
            "unauthenticated",
            "no token, or one this recorder does not know",
            "send Authorization: Bearer … with a token of the recorder's token file",
            headers={"WWW-Authenticate": 'Bearer realm="callkeeper"'},
        )
    return found


def _let_in(principal: Principal, allowed: frozenset[Role]) -> Principal:
    if not principal.roles.isdisjoint(allowed):
        return principal
    roles = ", ".join(sorted(allowed))
    raise Problem(
        "forbidden",
        f"this takes one of the roles {roles}",
        "ask with a principal that has one",
        {"roles": sorted(allowed)},
    )


def _answer(error: Exception, route: str) -> Response:
    if isinstance(error, Problem):
        return of_problem(error)
    if isinstance(error, RequestValidationError):
        return of_validation(error)
    if isinstance(error, RecorderError):
        if isinstance(error, Fault):
            log.error("request_fault", route=route, problem=error.problem, detail=error.detail)
        return of_error(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request_failed", route=route, error=type(error).__name__, file=last.filename, line=last.lineno)
    return internal_error()
