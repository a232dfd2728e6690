"""Writes of one turn of the event loop in one call of the system.

The server writes the head of an answer and then its body, and the event loop hands each to the system as it comes: two
calls, two packets, and a peer that is woken twice. What is written in one turn goes out together here at its end.
"""

import asyncio
from typing import Any

HELD_BYTES = 16 * 1024
"""So much is held until the end of the turn; more goes out at once, so that the transport's flow control sees it."""


class JoinedWrites:
    """A transport that holds small writes back to the end of the turn; in everything else the transport it has."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send this, after what was written before."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what is held."""
        held, self._held, self._size = self._held, [], 0
        if held and not self._transport.is_closing():  # else the peer has gone in the same turn
            self._transport.writelines(held)

    def write_eof(self) -> None:
        """Nothing more comes after what was written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close when everything is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
