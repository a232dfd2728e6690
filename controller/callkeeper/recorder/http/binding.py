"""From a request to the arguments of its route's function: what a route of this recorder may ask for, and no more.

The framework documents the routes, and its fields check what is sent; between the two it looks for everything that any
application could ask for, at a cost of as much as a call's decision. Here are the few things that are asked for.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.http.json_bodies import read_json
from callkeeper.recorder.http.problems import Problem

Source = Callable[[Request, str], Any]
LARGE_BYTES = 256 * 1024
"""A body that takes some milliseconds to read."""

_NOTHING = object()


async def actor_of(request: Request) -> Actor:
    """Who asks; the door has put them there."""
    actor: Actor = request.state.actor
    return actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The arguments of one route.

    Attributes:
        sources: where values come from by their names, in the order in which they are checked.
        body: the field of the JSON body, or None.
        actor: the name of the argument for who asks, or None.
        request: likewise for the request itself.
    """

    sources: tuple[tuple[str, Source, Any], ...]
    body: Any
    actor: str | None
    request: str | None

    @classmethod
    def of(cls, wanted: Dependant) -> "Binding":
        """What this function asks for.

        Raises:
            TypeError: something that no route of this recorder asks for.
        """
        who = [dependency for dependency in wanted.dependencies if dependency.call is actor_of]
        others = (
            wanted.cookie_params,
            wanted.body_params[1:],
            [dependency for dependency in wanted.dependencies if dependency.call is not actor_of],
            wanted.response_param_name,
            wanted.background_tasks_param_name,
        )
        if any(others):
            raise TypeError(f"{wanted.path} asks for what is not bound here: {others}")
        lists = [field for field in wanted.query_params if _is_list(field)]
        single = [field for field in wanted.query_params if field not in lists]
        places: Sequence[tuple[str, Source, Sequence[Any]]] = (
            ("path", lambda request, name: request.path_params.get(name, _NOTHING), wanted.path_params),
            ("query", lambda request, name: request.query_params.get(name, _NOTHING), single),
            ("query", lambda request, name: request.query_params.getlist(name) or _NOTHING, lists),
            ("header", lambda request, name: request.headers.get(name, _NOTHING), wanted.header_params),
        )
        return cls(
            sources=tuple((place, source, field) for place, source, fields in places for field in fields),
            body=wanted.body_params[0] if wanted.body_params else None,
            actor=who[0].name if who else None,
            request=wanted.request_param_name,
        )

    async def arguments(self, request: Request) -> dict[str, Any]:
        """What the route's function is called with.

        Raises:
            Problem: the body is not JSON, or does not come.
            RequestValidationError: something does not fit.
        """
        found: dict[str, Any] = {}
        errors: list[Any] = []
        for place, source, field in self.sources:
            found[field.name] = _checked(field, source(request, field.alias), (place, field.alias), errors)
        if self.body is not None:
            body = await _body_of(request)
            # A whole config or directory is read beside the event loop; for others that would cost more than reading.
            large = len(body) > LARGE_BYTES
            checked = await asyncio.to_thread(self._read, body, errors) if large else self._read(body, errors)
            found[self.body.name] = checked
        if errors:
            raise RequestValidationError(errors)
        if self.actor is not None:
            found[self.actor] = request.state.actor
        if self.request is not None:
            found[self.request] = request
        return found

    def _read(self, body: bytes, errors: list[Any]) -> Any:
        return _checked(self.body, read_json(body) if body else _NOTHING, ("body",), errors)


def _is_list(field: Any) -> bool:
    """Whether a name of the query may be given more than once."""
    annotation = field.field_info.annotation
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def _checked(field: Any, value: Any, place: tuple[str, ...], errors: list[Any]) -> Any:
    if value is _NOTHING:
        if field.field_info.is_required():
            errors.append({"type": "missing", "loc": place, "msg": "Field required", "input": None})
            return None
        return field.get_default()
    checked, wrong = field.validate(value, loc=place)
    errors.extend(wrong)
    return checked


async def _body_of(request: Request) -> bytes:
    """The whole body; how large it may be was seen to before (`limits`).

    Raises:
        Problem: it does not come to its end in time.
    """
    try:
        async with asyncio.timeout(bounds.BODY_SECONDS):
            return await request.body()
    except TimeoutError as error:
        raise Problem(
            "body-stalled", f"the body did not come within {bounds.BODY_SECONDS} seconds", "send it again, faster"
        ) from error
