"""The store in SQLite: one file beside its journal, one process, one writer, a few readers.

Facts:
    - Write-ahead log with `synchronous=FULL`: a commit is on disk when it returns, and readers never wait for it.
    - The journal is folded into the file by a thread of its own (`checkpoints`), not by whoever commits.
    - A lock on a file of its own keeps other processes out: the database's own locks would let them in between commits.
    - Connections are made by hand (`isolation_level=None`) so that transactions begin where we say: the library would
      begin them late, and a writer that begins late can find that somebody else has written.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.store.checkpoints import Checkpoints
from callkeeper.recorder.store.migrating import upgrade
from callkeeper.recorder.store.migrations.versions.v0002_users import RETIRED, USERS, USERS_IN_STORE
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recovery import Recovery
from callkeeper.recorder.store.rows import Rows
from callkeeper.recorder.store.saving import SAVE, parameters_of, preparations
from callkeeper.recorder.store.writer import Statement, Writer, fault

T = TypeVar("T")
DATABASE = "recordings.db"
LOCK = "lock"
READERS = 3
"""Threads that read: a long export and a check leave one for everybody else; each costs a connection and a cache."""

BUSY_MILLISECONDS = 5_000
"""How long a statement waits for a lock: none is held longer than a checkpoint takes."""

CACHE_KIB = 32 * 1024
"""Pages each connection keeps: the upper levels of every index of a million recordings."""

MOST_AT_ONCE = 30
"""Segments whose rows are made on the event loop: a millisecond or two."""

Connect = Callable[[str], sqlite3.Connection]


def connect(uri: str) -> sqlite3.Connection:
    """Open a connection; a port for tests that make it fail."""
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)


class SqliteStore:
    """See `port.Store`. Use `open`."""

    def __init__(self, path: Path, lock: int, writing: Engine, reading: Engine, recovery: Recovery) -> None:
        self._path = path
        self._recovery = recovery
        self._lock: int | None = lock
        self._writing, self._reading = writing, reading
        self._on_events: Callable[[], None] | None = None
        self._checkpoints = Checkpoints(writing)
        self._writer = Writer(writing, str(path), self._tell, _prepare_saving)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    @classmethod
    def open(cls, folder: Path, *, connect: Connect = connect) -> Self:
        """Take the folder (made if missing), bring the database to this version, and be its process until `close`.

        Raises:
            StorageFault: another process has it, it cannot be opened, or a newer version wrote it.
        """
        path = folder / DATABASE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take(folder)
        except OSError as error:
            raise StorageFault(
                f"the store folder {folder} cannot be opened: {error.strerror or error}",
                "see that it exists and belongs to this user",
            ) from error
        writing = make_engine(path, connect, read_only=False)
        try:
            _make_private(path)
            with writing.connect() as connection:
                upgrade(connection)
                with connection.begin():
                    recovery = _recovered(connection)
                _forget_users_beside(connection, folder.parent)
            reading = make_engine(path, connect, read_only=True)
            return cls(path, lock, writing, reading, recovery)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            writing.dispose()
            os.close(lock)
            raise fault(str(path), error) from error
        except BaseException:
            writing.dispose()
            os.close(lock)
            raise

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    @property
    def commits(self) -> int:
        """Transactions committed since it was opened."""
        return self._writer.commits

    @property
    def recovery(self) -> Recovery:
        """See `port.Store.recovery`."""
        return self._recovery

    def watch_outbox(self, told: Callable[[], None]) -> None:
        """See `port.Store.watch_outbox`."""
        self._on_events = told

    def _tell(self, has_events: bool) -> None:
        self._checkpoints.committed()
        if has_events and self._on_events is not None:
            self._on_events()

    async def write(self, unit: Callable[[Writing], T]) -> T:
        """See `port.Store.write`.

        Raises:
            StorageFault: it could not be committed; nothing of it is there.
        """

        def run(connection: Connection) -> tuple[T, bool]:
            rows = Rows(connection)
            done = unit(rows)
            return done, rows.has_added_events

        return await self._writer.write(run)

    async def save_segments(self, segments: Sequence[Segment]) -> None:
        """See `port.Store.save_segments`.

        Raises:
            StorageFault: they could not be committed; nothing of them is there.
        """
        if len(segments) > MOST_AT_ONCE:
            await self.write(lambda rows: rows.save_segments(segments))
        else:
            # Made here, so that the writer has one thing to do: it would have to wait for the interpreter to make them.
            saving = Statement(text=SAVE, parameters=parameters_of(segments))
            await self._writer.write(saving)

    async def read(self, query: Callable[[Reading], T]) -> T:
        """See `port.Store.read`.

        Raises:
            StorageFault: the store cannot be read, or was closed.
        """
        if self._lock is None:
            raise StorageFault(f"the store {self._path} is closed", "try again when the recorder runs")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    def _read(self, query: Callable[[Reading], T]) -> T:
        try:
            with self._reading.connect() as connection, connection.begin():
                return query(Rows(connection))
        except SQLAlchemyError as error:
            raise fault(str(self._path), error) from error

    async def close(self) -> None:
        """See `port.Store.close`."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """The same, blocking: for whoever has no event loop."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        # Readers first: the journal is folded by the last connection that closes, which has to be one that may write.
        self._readers.shutdown()
        self._reading.dispose()
        self._writer.close()
        self._checkpoints.close()
        self._fold_what_is_left()
        self._writing.dispose()
        os.close(lock)

    def _fold_what_is_left(self) -> None:
        """Where nothing was written, only readers had the journal open, and they leave it behind."""
        if self._path.with_name(f"{self._path.name}-wal").exists():
            with suppress(SQLAlchemyError, sqlite3.Error), self._writing.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _prepare_saving(connection: Connection) -> None:
    for statement in preparations():
        connection.connection.cursor().execute(statement)


def _recovered(connection: Connection) -> Recovery:
    rows = Rows(connection)
    segments, recordings = rows.interrupt_open()
    return Recovery(
        last_number=rows.last_number(),
        segments=segments,
        recordings=recordings,
        users=tuple(rows.users()),
        retired=rows.retired_users(),
    )


def _forget_users_beside(connection: Connection, folder: Path) -> None:
    """Remove the files that users were in before the store took them over; a crash in between is made up for here."""
    with connection.begin():
        if Rows(connection).meta(USERS_IN_STORE) is None:
            return
    for name in (USERS, RETIRED):
        (folder / name).unlink(missing_ok=True)
    with connection.begin():
        Rows(connection).forget_meta(USERS_IN_STORE)


def make_engine(path: Path, connect: Connect, *, read_only: bool) -> Engine:
    """Connections to this file, each transaction begun where we say."""
    uri = f"file:{quote(str(path))}?mode={'ro' if read_only else 'rwc'}"
    pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": READERS} if read_only else {"poolclass": NullPool}
    engine = create_engine("sqlite+pysqlite://", creator=lambda: connect(uri), hide_parameters=True, **pool)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        settings = [
            f"busy_timeout={BUSY_MILLISECONDS}",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            "temp_store=MEMORY",
            "query_only=ON" if read_only else "journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0",
        ]
        connection.executescript("".join(f"PRAGMA {setting};" for setting in settings))
        # What SQLite takes for lower case is that of 26 letters.
        connection.create_function("casefold", 1, str.casefold, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _take(folder: Path) -> int:
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StorageFault(
            f"the store folder {folder} is in use by another process", "end that one; one recorder writes a store"
        ) from error
    return lock


def _make_private(path: Path) -> None:
    """Readable by its owner only; the journal takes the file's mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
