"""Turns: how many do something at once, without anybody waiting for ever. And calm: when to begin, after a burst."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

BURST, BURST_SECONDS = 50, 2.0
"""More than a person changes by hand, and less than a push of hundreds of objects on a busy API server."""


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


class Calm:
    """Tells when what comes has come: after a short pause, in a burst after a longer one, at last after the cap."""

    def __init__(self, *, pause_seconds: float, burst_pause_seconds: float, cap_seconds: float) -> None:
        """Prepare.

        Args:
            pause_seconds: so long nothing has to come.
            burst_pause_seconds: likewise while `BURST` of them came within `BURST_SECONDS`.
            cap_seconds: the longest to wait.
        """
        self._pause_seconds = pause_seconds
        self._burst_pause_seconds = burst_pause_seconds
        self._cap_seconds = cap_seconds
        self._came = asyncio.Event()
        self._instants: deque[float] = deque(maxlen=BURST)

    def came(self) -> None:
        """Something came."""
        self._instants.append(time.monotonic())
        self._came.set()

    async def wait(self) -> None:
        """Wait until something came, and what comes with it."""
        await self._came.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._cap_seconds):
                while self._came.is_set():
                    self._came.clear()
                    await asyncio.sleep(self._burst_pause_seconds if self._is_burst() else self._pause_seconds)
        self._came.clear()

    def _is_burst(self) -> bool:
        return len(self._instants) == BURST and time.monotonic() - self._instants[0] < BURST_SECONDS
