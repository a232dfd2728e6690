"""Folding the journal into the database's file, beside the writer instead of inside a commit.

A commit that happens to fold 16 MiB of journal takes fifty times as long as the others, and at a thousand starts a
second one in every few hundred would. A thread with a connection of its own folds what it can without stopping anybody
(`PASSIVE`); only a journal that has grown past its bound is worth making the writer wait for.
"""

import sqlite3
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

EVERY_SECONDS = 1.0
"""Between two foldings while there are commits: at a thousand starts a second some 40 MiB of journal."""

MOST_JOURNAL_PAGES = 64 * 1024
"""Pages (4 KiB) of journal after which the writer waits for the folding: 256 MiB."""


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
                _, pages, folded = fold("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages > MOST_JOURNAL_PAGES and folded < pages:
                    fold("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except (SQLAlchemyError, sqlite3.Error):
            return  # a disk that fails tells the writer, whose commits are what is acknowledged
