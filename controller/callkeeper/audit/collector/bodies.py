"""Reading bodies within their bounds: counted as they arrive, and batches also against what is in memory in all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge
from starlette.requests import Request

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.problems import Problem


class Budget:
    """How many bytes of batches may be in memory at once."""

    def __init__(self, total: int, shown: Gauge) -> None:
        self._left = total
        self._shown = shown

    @asynccontextmanager
    async def spend(self, size: int) -> AsyncIterator[None]:
        """Hold so much while inside.

        Raises:
            Problem: there is not so much left; the sender is asked to wait.
        """
        if size > self._left:
            raise Problem("too-busy", "the collector has as many batches in hand as it takes at once")
        self._left -= size
        self._shown.inc(size)
        try:
            yield
        finally:
            self._left += size
            self._shown.dec(size)


def declared_size(request: Request, most: int) -> int:
    """What a body may come to: its Content-Length, or the most where it has none.

    Raises:
        Problem: it is declared as more than the most, or as something else than JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported-media-type", "the body is not declared as application/json")
    text = request.headers.get("content-length", "")
    if not (text.isascii() and text.isdigit()):
        return most
    if len(text) > len(str(most)) or int(text) > most:
        raise _too_large(most)
    return int(text)


async def read_body(request: Request, most: int) -> bytes:
    """The whole body.

    Raises:
        Problem: it is more than the most, or does not come to its end in time.
    """
    chunks, size = [], 0
    try:
        async with asyncio.timeout(bounds.BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                chunks.append(chunk)
    except TimeoutError as error:
        detail = f"{size} bytes of the body came within {bounds.BODY_SECONDS} seconds, and not its end"
        raise Problem("body-stalled", detail, headers={"Connection": "close"}) from error
    return b"".join(chunks)


def _too_large(most: int) -> Problem:
    # What is still on its way is not read: the connection cannot be used again.
    return Problem("body-too-large", f"the body has more than {most} bytes", headers={"Connection": "close"})
