"""Delivering what an emitter keeps in an outbox: in order, until the audit store has acknowledged it.

The emitter commits each event with the action it tells of and numbers it in the same breath; here the events are sent
by those numbers. Whatever dies in between, each becomes one row: the store drops a repeat by its mark of the sender,
and the sender takes away only what was acknowledged.

Not here: how an outbox is kept (the emitter's store), and when an emitter refuses to act (its own bound).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from callkeeper.audit.errors import AuditError
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.sender import Appender
from callkeeper.tasks.supervising import failure_of

log = structlog.get_logger()

MOST_EVENTS = 500
"""Events sent at once: some 100 KB, and one sync of the store."""

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
"""Between attempts while the store does not take events: doubled up to half a minute."""


class Outbox(Protocol):
    """Where an emitter keeps its events until they are delivered. Methods raise `OutboxUnavailable`."""

    async def first(self, limit: int) -> Sequence[AuditEvent]:
        """The undelivered events, ascending by sequence, at most so many."""
        ...

    async def delivered(self, sequence: int) -> None:
        """Everything up to this sequence is delivered: it need not be kept, and no event is given such a number."""
        ...


class OutboxSender:
    """Delivers from one outbox to one store. For one event loop; one sender per outbox."""

    def __init__(
        self,
        outbox: Outbox,
        store: Appender,
        name: str,
        *,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        """Deliver on from what the store has.

        Args:
            outbox: where events wait.
            store: where they go.
            name: the sender's id; no two senders of a store share one.
            first_wait_seconds: before the second attempt.
            longest_wait_seconds: between attempts, at most.
        """
        self._outbox = outbox
        self._store = store
        self._name = name
        self._waits = first_wait_seconds, longest_wait_seconds
        self._woken = asyncio.Event()
        self._told_when_empty: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self.failure: str | None = None

    async def start(self) -> None:
        """Agree with the store on the numbers, then deliver until `stop`.

        Nothing may be emitted before this returns: an outbox that was restored from a backup has forgotten numbers
        that the store has rows for, and would give them to other events.

        Raises:
            OutboxUnavailable: the outbox cannot be written.
        """
        mark = self._store.mark(self._name)
        if mark:
            await self._outbox.delivered(mark)
        self._task = asyncio.create_task(self._run(), name=f"deliver audit events of {self._name}")

    def wake(self) -> None:
        """Say that there are events; called after each commit that added some."""
        self._woken.set()

    async def flush(self, seconds: float) -> bool:
        """Wait until what is in the outbox now is delivered; False when that did not come about in time."""
        # A round under way may have looked before the last commit; the one after it has not.
        for _ in range(2):
            self.wake()
            emptied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._told_when_empty.append(emptied)
            try:
                async with asyncio.timeout(seconds):
                    await emptied
            except TimeoutError:
                return False
        return True

    async def stop(self, seconds: float) -> None:
        """Deliver what is there within this time, then end; what is left is delivered after the next start."""
        if self._task is None:
            return
        if self.failure is None:
            await self.flush(seconds)
        task, self._task = self._task, None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _run(self) -> None:
        wait, longest = self._waits
        while True:
            self._woken.clear()
            try:
                more = await self._deliver()
            except Exception as error:  # noqa: BLE001 - foreseen or not: the events wait, and are tried again
                self._failed(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
                continue
            if self.failure is not None:
                log.info("audit_delivery_resumed", sender=self._name)
            self.failure, wait = None, self._waits[0]
            if not more:
                told, self._told_when_empty = self._told_when_empty, []
                for emptied in told:
                    if not emptied.done():
                        emptied.set_result(None)
                await self._woken.wait()

    def _failed(self, error: Exception) -> None:
        failure = failure_of(error, AuditError)
        if self.failure is None:
            log.error("audit_delivery_failed", sender=self._name, **failure.fields)
        self.failure = failure.error

    async def _deliver(self) -> bool:
        """One round; whether there is more."""
        events = await self._outbox.first(MOST_EVENTS)
        if not events:
            return False
        await self._store.append(events)
        await self._outbox.delivered(events[-1].sequence)
        return len(events) == MOST_EVENTS
