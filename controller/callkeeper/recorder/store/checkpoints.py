"""Folding the journal into the database's file, beside the writer instead of inside a commit.

A commit that happens to fold 16 MiB of journal takes fifty times as long as the others, and at a thousand starts a
second one in every few hundred would. A thread with a connection of its own folds what it can without stopping anybody
(`PASSIVE`), and makes the writer wait for the little that was written meanwhile only.
"""

import sqlite3
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

EVERY_SECONDS = 1.0
"""Between two foldings while there are commits: at a thousand starts a second some 40 MiB of journal."""

PAUSE_MILLISECONDS = 20
"""How long the writer may be kept waiting for the rest of a folding; without that the journal would only ever grow, and
growing a file costs each sync twice as much as writing over it."""


class Checkpoints:
    """The thread that folds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ending = threading.Event()
        self._committed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """Say that there is something to fold; from any thread."""
        self._committed.set()

    def close(self) -> None:
        """End the thread; blocks. What is left in the journal is folded when the last connection closes."""
        self._ending.set()
        self._committed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            self._committed.wait()
            self._committed.clear()
            if not self._ending.is_set():
                self._fold()

    def _fold(self) -> None:
        try:
            with self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                fold = raw.cursor().execute
                fold(f"PRAGMA busy_timeout={PAUSE_MILLISECONDS}")
                fold("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                # What was written meanwhile: little, so that the journal can begin again from its start.
                fold("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except (SQLAlchemyError, sqlite3.Error):
            return  # a disk that fails tells the writer, whose commits are what is acknowledged
