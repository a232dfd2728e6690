"""Runs reconciles for one recorder: one at a time, bursts coalesced, failures tried again, drift looked for.

A source offers what it has whenever that changes; the worker takes the latest. How long it waits is its `Backoff`'s
and its caller's business; it has no clock but the event loop's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from callkeeper.kinds.reading import ObjectReading
from callkeeper.reconcile.backoff import Backoff
from callkeeper.reconcile.errors import RecorderError
from callkeeper.reconcile.port import RecorderState
from callkeeper.reconcile.reconciler import Outcome, Reconciler
from callkeeper.reconcile.status import Statuses

DRIFT_POLL_SECONDS = 2.0
"""How long a foreign config may go unseen."""


class Worker:
    """Keeps one recorder reconciled until it is cancelled."""

    def __init__(
        self,
        reconciler: Reconciler,
        backoff: Backoff,
        tell: Callable[[Outcome], Awaitable[None]],
        *,
        previous: Statuses | None = None,
        poll_seconds: float = DRIFT_POLL_SECONDS,
    ) -> None:
        self._reconciler = reconciler
        self._backoff = backoff
        self._tell = tell
        self._statuses: Statuses = previous or {}
        self._poll_seconds = poll_seconds
        self._readings: Sequence[ObjectReading] | None = None
        self._woken = asyncio.Event()
        self._seen: tuple[str | None, str | None, int] | None = None

    @property
    def statuses(self) -> Statuses:
        """The statuses as of the last reconcile."""
        return self._statuses

    def offer(self, readings: Sequence[ObjectReading]) -> None:
        """Say what the objects are now; a reconcile follows."""
        self._readings = readings
        self._woken.set()

    async def run(self) -> None:
        """Reconcile whenever there is a reason to, for ever."""
        await self._woken.wait()
        while True:
            self._woken.clear()
            assert self._readings is not None
            outcome = await self._reconciler.reconcile(self._readings, self._statuses)
            self._statuses = outcome.statuses
            self._seen = _stamp(outcome.state)
            await self._tell(outcome)
            if outcome.retry:
                await self._sleep(self._backoff.failed())
            else:
                self._backoff.succeeded()
                await self._until_something_happens()

    async def _until_something_happens(self) -> None:
        """Return when objects were offered, or the recorder runs something else than it did."""
        while not await self._sleep(self._poll_seconds):
            try:
                state = await self._reconciler.port.read()
            except RecorderError:
                return
            if _stamp(state) != self._seen:
                return

    async def _sleep(self, seconds: float) -> bool:
        """Wait; True when objects were offered meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True


def _stamp(state: RecorderState | None) -> tuple[str | None, str | None, int] | None:
    return None if state is None else (state.revision, state.owner, state.epoch)
