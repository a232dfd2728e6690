"""Threads that write media, so that the event loop never waits for a disk, and pays one call for many writes.

Each upload keeps to one lane, so what is given for it is done in the order it was given. A lane takes all that waits,
does it, and tells the event loop once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
LANES = 4
"""A disk that takes 5 ms for a sync does 800 a second in four lanes: 4,000 uploads that sync every 5 s."""

MOST_JOBS = 64
"""Jobs done before those who wait for them are told."""

Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Lanes:
    """A few threads; for one event loop. Started with the first job, ended by `close`."""

    def __init__(self, count: int = LANES) -> None:
        self._lanes = [_Lane(f"media-{number}") for number in range(count)]

    def run(self, lane: int, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Do this after all that was given to this lane before; any number names a lane."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._lanes[lane % len(self._lanes)].add(job, future)
        return future

    def close(self) -> None:
        """Finish what was given and end the threads; blocks."""
        for lane in self._lanes:
            lane.close()


class _Lane:
    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._wake = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, job: Callable[[], Any], future: "asyncio.Future[Any]") -> None:
        self._loop = future.get_loop()
        self._jobs.append((job, future))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._wake.release()

    def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._wake.release()
            thread.join()

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
            while self._jobs and len(done) < MOST_JOBS:
                job, future = self._jobs.popleft()
                try:
                    done.append((future, job(), None))
                except BaseException as error:  # noqa: BLE001 - whoever gave the job gets it
                    done.append((future, None, error))
            for _ in range(len(done) - 1):
                self._wake.acquire(blocking=False)
            if not done:
                if self._thread is None:
                    return
                continue
            self._tell(done)

    def _tell(self, done: list[tuple["asyncio.Future[Any]", Any, BaseException | None]]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_resolve, done)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def _resolve(done: list[tuple["asyncio.Future[Any]", Any, BaseException | None]]) -> None:
    for future, result, error in done:
        if future.done():
            continue  # its task was cancelled; what was done stands
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
