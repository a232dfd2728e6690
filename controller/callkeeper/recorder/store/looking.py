"""A look at a store from outside the process that has it: reading, and a copy of the whole.

Facts:
    - It takes no lock: readers of a write-ahead log neither wait for the writer nor hold it up.
    - Each `read` is a snapshot of its own; what was read a moment ago may have gone since.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.store.migrating import HEAD, upgrade
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.rows import Rows
from callkeeper.recorder.store.sqlite import DATABASE, connect, make_engine
from callkeeper.recorder.store.writer import fault

T = TypeVar("T")


class SqliteLook:
    """A store that somebody else may be writing. Its methods block."""

    def __init__(self, path: Path, engine: Engine) -> None:
        """Use `open`."""
        self._path = path
        self._engine = engine

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Look at the store of this folder.

        Raises:
            StorageFault: there is none, it cannot be read, or it is of another version.
        """
        path = folder / DATABASE
        if not path.is_file():
            raise StorageFault(f"there is no store in {folder}", "name the state folder of a recorder that has run")
        engine = make_engine(path, connect, read_only=True)
        try:
            with engine.connect() as connection, connection.begin():
                version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (SQLAlchemyError, sqlite3.Error) as error:
            engine.dispose()
            raise fault(str(path), error) from error
        if version != HEAD:
            engine.dispose()
            raise StorageFault(
                f"the tables of {path} are of version {version}, and this program reads {HEAD}",
                "use the program that runs the recorder, or start the recorder once with this one",
            )
        return cls(path, engine)

    def read(self, query: Callable[[Reading], T]) -> T:
        """Run a query on a snapshot; it may stream inside.

        Raises:
            StorageFault: the store cannot be read.
        """
        return self._run(query)

    def _run(self, query: Callable[[Rows], T]) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                return query(Rows(connection))
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise fault(str(self._path), error) from error

    def copy_to(self, folder: Path) -> None:
        """Copy the whole store, as it is at one instant, into a folder that has none, while it is being written.

        Raises:
            StorageFault: it cannot be read, or the copy cannot be written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # By its own connection: the copy is one long read, in a single step, so that no commit restarts it.
            source = connect(f"file:{quote(str(self._path))}?mode=ro")
            target = sqlite3.connect(folder / DATABASE)
            try:
                source.backup(target)
                # A copy that is opened by reading alone must need no journal beside it.
                target.execute("PRAGMA journal_mode=DELETE")
            finally:
                source.close()
                target.close()
        except (sqlite3.Error, OSError) as error:
            raise fault(str(self._path), error) from error

    def close(self) -> None:
        """Let go of it; harmless when done twice."""
        self._engine.dispose()


class SqliteCopy(SqliteLook):
    """A copy that nobody else has open, so that it can be mended before anybody opens it as a store."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the copy in this folder, and bring it to this version.

        Raises:
            StorageFault: see `SqliteLook.open`; or a newer version wrote it.
        """
        path = folder / DATABASE
        if path.is_file():
            engine = make_engine(path, connect, read_only=False)
            try:
                with engine.connect() as connection:
                    upgrade(connection)
            except (SQLAlchemyError, sqlite3.Error) as error:
                raise fault(str(path), error) from error
            finally:
                engine.dispose()
        super().open(folder).close()
        return cls(path, make_engine(path, connect, read_only=False))

    def write(self, unit: Callable[[Writing], T]) -> T:
        """Run a unit in a transaction.

        Raises:
            StorageFault: it could not be committed.
        """
        return self._run(unit)
