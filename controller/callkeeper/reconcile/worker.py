"""Runs reconciles for one recorder: one at a time, bursts coalesced, failures tried again, drift looked for.

A source offers what it has whenever that changes; the worker takes the latest. How long it waits is its `Backoff`'s
and its caller's business; it has no clock but the event loop's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import count

from callkeeper.kinds.reading import ObjectReading
from callkeeper.reconcile.backoff import UNREACHABLE_CAP_SECONDS, Backoff
from callkeeper.reconcile.errors import RecorderError
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.port import RecorderState
from callkeeper.reconcile.reasons import Reason
from callkeeper.reconcile.reconciler import Reconciler
from callkeeper.reconcile.status import Statuses

DRIFT_POLL_SECONDS = 2.0
"""How long a foreign config may go unseen."""

FULL_READ_EVERY = 15
"""Of so many looks one reads everything: what a cheap look does not tell (another owner with the same settings, a
recorder that does not tell the truth about its revision) goes unseen for half a minute."""


class Worker:
    """Keeps one recorder reconciled until it is cancelled."""

    def __init__(
        self,
        reconciler: Reconciler,
        backoff: Backoff,
        tell: Callable[[Outcome], Awaitable[None]],
        *,
        previous: Statuses | None = None,
        remembers: bool = True,
        poll_seconds: float = DRIFT_POLL_SECONDS,
        turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        """Prepare.

        Args:
            reconciler: does it.
            backoff: how long to wait after a failure.
            tell: called after every reconcile.
            previous: statuses of an earlier run.
            remembers: whether the statuses of each reconcile are kept for the next; False where `previous` shows them.
            poll_seconds: between looks for drift.
            turn: entered for each reconcile, where many workers share a machine.
        """
        self._reconciler = reconciler
        self._backoff = backoff
        self._tell = tell
        self._statuses: Statuses = previous or {}
        self._remembers = remembers
        self._poll_seconds = poll_seconds
        self._turn = turn
        self._readings: Sequence[ObjectReading] | None = None
        self._woken = asyncio.Event()
        self._seen: RecorderState | None = None
        self._away = False

    @property
    def statuses(self) -> Statuses:
        """The statuses as of the last reconcile."""
        return self._statuses

    def offer(self, readings: Sequence[ObjectReading]) -> None:
        """Say what the objects are now; a reconcile follows."""
        self._readings = readings
        self._woken.set()

    @property
    def waiting(self) -> bool:
        """Whether something was offered that no reconcile has taken yet."""
        return self._woken.is_set()

    def wake(self) -> None:
        """Reconcile again with what was offered last."""
        if self._readings is not None:
            self._woken.set()

    async def run(self) -> None:
        """Reconcile whenever there is a reason to, for ever."""
        await self._woken.wait()
        while True:
            if await self._reconcile():
                self._backoff.succeeded()
                await self._until_something_happens()
            else:
                await self._sleep(self._backoff.failed(UNREACHABLE_CAP_SECONDS if self._away else None))

    async def _reconcile(self) -> bool:
        """Reconcile once; False where it is to be tried again. An outcome is large, and is not kept while it waits."""
        assert self._readings is not None
        async with self._turn():
            # Offered while it waited for its turn: taken too.
            self._woken.clear()
            outcome = await self._reconciler.reconcile(self._readings, self._statuses)
        if self._remembers:
            self._statuses = outcome.statuses
        self._seen = outcome.state
        self._away = outcome.failure is not None and outcome.failure[0] is Reason.UNREACHABLE
        await self._tell(outcome)
        return not outcome.retry

    async def _until_something_happens(self) -> None:
        """Return when objects were offered, or the recorder runs something else than it did."""
        for looks in count(1):
            if await self._sleep(self._poll_seconds):
                return
            try:
                if not await self._as_seen(entirely=looks % FULL_READ_EVERY == 0):
                    return
            except RecorderError:
                return

    async def _as_seen(self, *, entirely: bool) -> bool:
        port, seen = self._reconciler.port, self._seen
        if seen is not None and not entirely:
            return await port.runs(seen)
        return _stamp(await port.read()) == _stamp(seen)

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
