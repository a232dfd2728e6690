"""The one writer: a thread with its own connection that commits whatever is waiting together, without timers.

While one commit is on its way to the disk, units queue up; the next commit takes them all. One that waits alone pays
one sync, a hundred that wait together share it. Each unit has a savepoint, so that one that raises is undone alone.

Facts:
    - An error of the database that may have undone the whole transaction (disk full, input and output) fails every
      unit of the batch: none of them is acknowledged, each caller may try again. The connection is opened anew then.
    - Waiters are told through one call into the event loop per commit.
    - Each step of a transaction gives the interpreter away and waits for it again. What calls wait for is therefore a
      `Statement`, which alone in its commit is begun, written and synced in one step.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from callkeeper.recorder.errors import RowsRefused, StorageFault

T = TypeVar("T")
Unit = Callable[[Connection], tuple[T, bool]]
"""Gives its result, and whether it added something that others have to be told of once it is committed."""

MOST_UNITS = 2_000
"""Units in one commit, so that nobody waits for more than a fraction of a second of other people's writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A unit of one statement, which nobody has to be told of.

    Attributes:
        text: in the database's words.
        parameters: what it takes.
    """

    text: str
    parameters: tuple[Any, ...]

    def __call__(self, connection: Connection) -> tuple[None, bool]:
        """Run it among others."""
        connection.exec_driver_sql(self.text, self.parameters)
        return None, False


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

    def __init__(
        self, engine: Engine, name: str, on_commit: Callable[[bool], None], prepare: Callable[[Connection], None]
    ) -> None:
        """Start the thread.

        Args:
            engine: begins transactions that may write at once.
            name: of the store, in messages.
            on_commit: called in the event loop's thread after each commit, before those who wait are told, with
                whether a unit of this very commit added something to tell of.
            prepare: called with each connection before it is used.
        """
        self._engine = engine
        self._name = name
        self._on_commit = on_commit
        self._prepare = prepare
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
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
        self._queue.put(_Waiting(unit, future))
        return future

    def close(self) -> None:
        """Finish what is queued and end the thread; blocks."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        database_errors = SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error
        while batch := self._take():
            try:
                if connection is None:
                    connection = self._engine.connect()
                    self._prepare(connection)
                self._commit(connection, batch)
            except BaseException as error:  # noqa: BLE001 - a thread that dies would leave everybody waiting
                _fail(batch, fault(self._name, error) if isinstance(error, database_errors) else error)
                _drop(connection)
                connection = None
            self._tell(batch)
        _drop(connection)

    def _take(self) -> list[_Waiting]:
        """What waits, in its order; nothing when the store was closed and all else is written."""
        batch: list[_Waiting] = []
        taken = self._queue.get()
        while taken is not None:
            batch.append(taken)
            if len(batch) == MOST_UNITS:
                return batch
            try:
                taken = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put(None)
        return batch

    def _commit(self, connection: Connection, batch: list[_Waiting]) -> None:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if len(batch) == 1 and isinstance(batch[0].unit, Statement):
            statement = batch[0].unit
            try:
                raw.cursor().execute(statement.text, statement.parameters)
            except _refusals(connection) as error:
                batch[0].error = refused(self._name, error)
            except ValueError as error:
                batch[0].error = error  # of a text that cannot be encoded
            self.commits += 1
            return
        with connection.begin():
            # By hand: the library's own savepoints cost five times what the unit's statement does.
            mark = raw.cursor().execute
            for waiting in batch:
                mark("SAVEPOINT unit")
                try:
                    waiting.result, waiting.news = waiting.unit(connection)
                except DBAPIError as error:
                    if not isinstance(error.orig, _refusals(connection)):
                        raise
                    waiting.error = refused(self._name, error.orig)
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


def refused(name: str, error: BaseException | None) -> RowsRefused:
    """What a statement that contradicts the tables is told."""
    return RowsRefused(f"the store {name} refuses the rows: {type(error).__name__}", "this is a fault of ours")


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
