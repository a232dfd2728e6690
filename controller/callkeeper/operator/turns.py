"""Turns: how many do something at once, without anybody waiting for ever. And calm: when to begin, after a burst."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Turns:
    """So many at once; whoever has waited long enough goes ahead all the same.

    What is behind a turn may hang (a recorder that does not answer), and must not hold up all the others.
    """

    def __init__(self, at_once: int, patience_seconds: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience_seconds = patience_seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back."""
        has_one = False
        try:
            async with asyncio.timeout(self._patience_seconds):
                has_one = await self._free.acquire()
        except TimeoutError:
            pass
        try:
            yield
        finally:
            if has_one:
                self._free.release()


async def calm(woken: asyncio.Event, *, pause_seconds: float, cap_seconds: float) -> None:
    """Wait until nothing has come for a pause, or for the cap, whatever comes; the event is clear then.

    Args:
        woken: set by what comes.
        pause_seconds: so long nothing has to come.
        cap_seconds: the longest to wait.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(cap_seconds):
            while woken.is_set():
                woken.clear()
                await asyncio.sleep(pause_seconds)
    woken.clear()
