"""Bounds on a request before anything looks at it: the length of its address and of its body, counted as it arrives.

Pure ASGI, so that a body without a length (chunked) is cut off like any other: what is over the bound is not kept.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callkeeper.recorder import bounds
from callkeeper.recorder.http.problems import MEDIA_TYPE, TYPES, document

LARGE_BODIES = frozenset({"/v1/config", "/v1/config:check", "/v1/users", "/v1/users:import"})
"""Addresses that take a whole config or directory."""

MEDIA_BODIES = "/media"
"""How the addresses end that take media, which is read as it comes and counted for the whole upload."""


class Limits:
    """Refuses what is too long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > bounds.QUERY_BYTES:
            await _refuse(send, "uri-too-long", f"the address has more than {bounds.QUERY_BYTES} bytes")
            return
        most = _most(scope)
        if _declared(scope) > most:
            await _refuse(send, "body-too-large", f"the body has more than {most} bytes")
            return
        await self._app(scope, *_counted(receive, send, most))


def _counted(receive: Receive, send: Send, most: int) -> tuple[Receive, Send]:
    """The same channels, counting what is received.

    Over the bound the peer is answered, and the application sees that it has gone.
    """
    seen = 0
    refused = answering = False

    async def receive_counted() -> Message:
        nonlocal seen, refused
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most and not refused:
            refused = True
            if not answering:
                await _refuse(send, "body-too-large", f"the body has more than {most} bytes")
        return {"type": "http.disconnect"} if refused else message

    async def send_unless_refused(message: Message) -> None:
        nonlocal answering
        answering = True
        if not refused:
            await send(message)

    return receive_counted, send_unless_refused


def _most(scope: Scope) -> int:
    path = scope["path"]
    if path in LARGE_BODIES:
        return bounds.CONFIG_BODY_BYTES
    if scope["method"] == "PATCH" and path.endswith(MEDIA_BODIES):
        return bounds.MEDIA_BYTES
    return bounds.BODY_BYTES


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and value.isascii():
            # A length of more digits than any bound has is over it, whatever it says.
            return int(value) if len(value) < len(str(bounds.MEDIA_BYTES)) + 2 else bounds.MEDIA_BYTES + 1
    return 0


async def _refuse(send: Send, name: str, detail: str) -> None:
    body = document(name, detail, "send less, or several requests; see docs/reference/limits.md")
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        # What is still on its way is not read: the connection cannot be used again.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TYPES[name][0], "headers": headers})
    await send({"type": "http.response.body", "body": body})
