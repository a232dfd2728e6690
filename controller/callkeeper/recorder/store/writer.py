"""The one writer: a thread with its own connection that commits whatever is waiting together, without timers.

While one commit is on its way to the disk, units queue up; the next commit takes them all. One that waits alone pays
one sync, a hundred that wait together share it. Each unit has a savepoint, so that one that raises is undone alone.

Facts:
    - An error of the database that may have undone the whole transaction (disk full, input and output) fails every
      unit of the batch: none of them is acknowledged, each caller may try again. The connection is opened anew then.
    - Waiters are told through one call into the event loop per commit.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from callkeeper.recorder.errors import RowsRefused, StorageFault

T = TypeVar("T")
Unit = Callable[[Connection], tuple[T, bool]]
"""Gives its result, and whether it added something that others have to be told of once it is committed."""

MOST_UNITS = 2_000
"""Units in one commit, so that nobody waits for more than a fraction of a second of other people's writing."""


class _Waiting:
    __slots__ = ("error", "future", "news", "result", "unit")

    def __init__(self, unit: Unit[Any], future: "asyncio.Future[Any]") -> None:
        self.unit = unit
        self.future = future
        self.result: Any = None
        self.news = False
        self.error: BaseException | None = None


class Writer:
    """Runs units one after the other and commits them in groups."""

    def __init__(self, engine: Engine, name: str, on_commit: Callable[[bool], None]) -> None:
        """Start the thread.

        Args:
            engine: begins transactions that may write at once.
            name: of the store, in messages.
            on_commit: called in the event loop's thread after each commit, before those who wait are told, with
                whether a unit of this very commit added something to tell of.
        """
        self._engine = engine
        self._name = name
        self._on_commit = on_commit
        self._queue: deque[_Waiting] = deque()
        self._wake = threading.Semaphore(0)
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, unit: Unit[T]) -> "asyncio.Future[T]":
        """Queue a unit; the future is done when it is on disk, or has failed.

        Raises:
            StorageFault: the store was closed.
        """
        if self._closing:
            raise StorageFault(f"the store {self._name} is closed", "try again when the recorder runs")
        loop = asyncio.get_running_loop()
        self._loop = loop
        future: asyncio.Future[T] = loop.create_future()
        self._queue.append(_Waiting(unit, future))
        self._wake.release()
        return future

    def close(self) -> None:
        """Finish what is queued and end the thread; blocks."""
        self._closing = True
        self._wake.release()
        self._thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            self._wake.acquire()
            batch = self._take()
            if batch:
                try:
                    connection = connection if connection is not None else self._engine.connect()
                    self._commit(connection, batch)
                except SQLAlchemyError as error:
                    _fail(batch, fault(self._name, error))
                    _drop(connection)
                    connection = None
                except BaseException as error:  # noqa: BLE001 - a thread that dies would leave everybody waiting
                    _fail(batch, error)
                    _drop(connection)
                    connection = None
                self._tell(batch)
            elif self._closing:
                _drop(connection)
                return

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._queue and len(batch) < MOST_UNITS:
            batch.append(self._queue.popleft())
        # One permit was taken to get here; those of the units taken besides go with them.
        for _ in range(len(batch) - 1):
            self._wake.acquire(blocking=False)
        return batch

    def _commit(self, connection: Connection, batch: list[_Waiting]) -> None:
        with connection.begin():
            # By hand: the library's own savepoints cost five times what the unit's statement does.
            raw = connection.connection.dbapi_connection
            assert raw is not None
            mark = raw.cursor().execute
            for waiting in batch:
                mark("SAVEPOINT unit")
                try:
                    waiting.result, waiting.news = waiting.unit(connection)
                except DBAPIError as error:
                    if not isinstance(error.orig, _refusals(connection)):
                        raise
                    waiting.error = refused(self._name, error)
                except BaseException as error:  # noqa: BLE001 - the unit's own; its caller gets it
                    waiting.error = error
                if waiting.error is not None:
                    mark("ROLLBACK TO unit")
                mark("RELEASE unit")
        self.commits += 1

    def _tell(self, batch: list[_Waiting]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._resolve, batch)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _resolve(self, batch: list[_Waiting]) -> None:
        self._on_commit(any(waiting.news for waiting in batch if waiting.error is None))
        for waiting in batch:
            if waiting.future.done():
                continue  # its task was cancelled; what was written stands all the same
            if waiting.error is None:
                waiting.future.set_result(waiting.result)
            else:
                waiting.future.set_exception(waiting.error)


def fault(name: str, error: BaseException) -> StorageFault:
    """A database's error as the recorder's; statements and values, which hold numbers, are left out."""
    cause = getattr(error, "orig", None) or error
    raised = StorageFault(
        f"the store {name} cannot be used: {type(cause).__name__}: {cause}",
        "see that its disk has room and can be written, then try again",
    )
    raised.__cause__ = cause
    return raised


def refused(name: str, error: DBAPIError) -> RowsRefused:
    """What a statement that contradicts the tables is told."""
    return RowsRefused(f"the store {name} refuses the rows: {type(error.orig).__name__}", "this is a fault of ours")


def _refusals(connection: Connection) -> tuple[type[BaseException], ...]:
    """Errors of a statement that leave the transaction as it was: what it asked for contradicts the tables."""
    module = connection.dialect.loaded_dbapi
    return (module.IntegrityError, module.ProgrammingError, module.DataError)


def _fail(batch: list[_Waiting], error: BaseException) -> None:
    for waiting in batch:
        waiting.result, waiting.error = None, error


def _drop(connection: Connection | None) -> None:
    if connection is not None:
        connection.invalidate()
        connection.close()
