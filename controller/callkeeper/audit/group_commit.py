"""Group commit without timers: whatever is queued when the disk is free goes into one write and one sync.

Everybody who waited for it is told at once. One that waits alone pays one sync; sixty-four that wait together share it.
Write and sync run in a thread of their own: a sync takes as long as the disk likes, and the event loop has calls to
attend to. What is done per row is kept to queueing it and telling its task; the rest is done per commit.

Knows rows as bytes; what they say, and what a failure means for the store, is `store`'s business.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from callkeeper.audit.batch import Batch
from callkeeper.audit.routing import PreparedRow
from callkeeper.audit.writer_thread import WriterThread

Write = Callable[[Batch], None]
"""Puts rows on disk, in the writer's thread; raises what it failed with."""


class GroupCommit:
    """For one event loop and one thread that writes."""

    def __init__(
        self,
        thread: WriterThread,
        write: Write,
        *,
        ended: Callable[[BaseException | None], None],
        error: Callable[[BaseException], Exception],
    ) -> None:
        """Write nothing until `add`.

        Args:
            thread: that writes.
            write: called in it.
            ended: told in the loop how a commit ended, before those who waited for it: None, or why it failed.
            error: makes of that what one of those who waited is told.
        """
        self._thread = thread
        self._write = write
        self._ended = ended
        self._error = error
        self._queue: list[PreparedRow] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._in_flight: list[asyncio.Future[None]] = []
        self._busy = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_idle(self) -> bool:
        """Nobody waits for anything."""
        return not self._waiting and not self._in_flight

    def add(self, rows: list[PreparedRow]) -> asyncio.Future[None]:
        """Queue rows; done when they, and everything queued before them, are on disk."""
        loop = self._loop or self._running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue += rows
        self._waiting.append(done)
        if not self._busy:
            # In the loop's next round, so that everybody who is about to append gets into the same commit.
            self._busy = True
            loop.call_soon(self._start, loop)
        return done

    def nothing(self) -> asyncio.Future[None]:
        """What is returned where nothing is to be written nor waited for: done already."""
        done: asyncio.Future[None] = (self._loop or self._running_loop()).create_future()
        done.set_result(None)
        return done

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Asked for once: the answer costs a system call."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting:
            self._busy = False
            return
        rows, self._queue = self._queue, []
        self._in_flight, self._waiting = self._waiting, []
        batch = Batch(rows)
        self._thread.begin(self._commit, loop, batch)
        batch.prepare()  # while the thread wakes

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: Batch) -> None:
        """In the writer's thread. Tells the loop itself: a future between the two would cost as much as ten rows."""
        failure = None
        try:
            self._write(batch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait are told
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._finish, loop, failure)

    def _finish(self, loop: asyncio.AbstractEventLoop, failure: BaseException | None) -> None:
        told, self._in_flight = self._in_flight, []
        self._ended(failure)
        if failure is None:
            for waiter in told:
                if not waiter.done():  # else its task was cancelled; the row stands all the same
                    waiter.set_result(None)
            # After the tasks just told have run: those that go on appending share the next commit.
            loop.call_soon(self._start, loop)
            return
        told += self._waiting
        self._waiting, self._queue, self._busy = [], [], False
        for waiter in told:
            if not waiter.done():
                waiter.set_exception(self._error(failure))
