"""HTTP on a connection, with bounds on what comes before a request is one: the server's own has none on its head.

Serve the application with `http=BoundedProtocol`. What is over a bound here is answered like anything else, with a
problem document, and the connection is closed: where its next request would begin is not known.
"""

import asyncio
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callkeeper.recorder import bounds
from callkeeper.recorder.http.joined_writes import JoinedWrites
from callkeeper.recorder.http.problems import MEDIA_TYPE, TYPES, document

_REASONS = {400: "Bad Request", 431: "Request Header Fields Too Large"}
_NEXT = "send fewer or shorter headers; see docs/reference/limits.md"
LINGER_SECONDS = 1.0
"""How long what still comes on a refused connection is thrown away before it is closed."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = True
        self._head_bytes = self._came_with_head = 0
        self._is_refused = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """It is there; its first head is awaited."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._end_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; of a head no more than the bound and what came with it."""
        if self._is_refused:
            return  # read and thrown away, see `_refuse`
        self._came_with_head = self._head_bytes + len(data)
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > bounds.HEAD_BYTES and not self._is_refused:
                self._refuse("headers-too-large", f"the head has more than {bounds.HEAD_BYTES} bytes", _NEXT)
            elif self._head_timer is None:
                self._await_head()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP; the server calls this."""
        self._refuse("malformed-request", "this is no request of HTTP/1.1", "see RFC 9112 for what is one")
        del msg

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._is_in_head = False
        self._end_head_timer()
        # Most heads come whole, in fewer bytes than they may have, and need no counting.
        is_long = self._came_with_head > bounds.HEAD_BYTES
        if len(self.headers) > bounds.HEADERS or (is_long and _bytes_of(self.headers) > bounds.HEAD_BYTES):
            self.app = _headers_too_large
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(bounds.HEAD_SECONDS, self.transport.close)

    def _end_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, name: str, detail: str, next_step: str) -> None:
        status, body = TYPES[name][0], document(name, detail, next_step)
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        # Closed with bytes unread, the connection would be reset and the answer lost: they are awaited for a moment.
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._end_head_timer()
        self._head_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _bytes_of(headers: list[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) for name, value in headers])


async def _headers_too_large(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    name = "headers-too-large"
    detail = f"the head has more than {bounds.HEADERS} headers or {bounds.HEAD_BYTES} bytes"
    body = document(name, detail, _NEXT)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TYPES[name][0], "headers": headers})
    await send({"type": "http.response.body", "body": body})
