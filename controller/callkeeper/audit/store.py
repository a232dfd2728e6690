"""The audit store: takes events, and says so only when their rows are on disk.

Group commit without timers: whatever is queued when the disk is free goes into one write and one sync, and everybody
who waited for it is told at once. One that waits alone pays one sync; sixty-four that wait together share it. Write and
sync run in a thread of their own: a sync takes as long as the disk likes, and the event loop has calls to attend to.

Where rows go is `journal`'s business, what a crash left `recovery`'s.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from callkeeper.audit.disk import Disk, LocalDisk
from callkeeper.audit.errors import StoreBusy, StoreClosed, StoreFailed, StoreUnavailable
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.journal import Journal, PreparedRow
from callkeeper.audit.layout import LOCK
from callkeeper.audit.recovery import Recovery, recover
from callkeeper.audit.row import row

AHEAD = timedelta(seconds=60)
"""How far ahead of the store's clock a claimed instant may lie: more than clocks kept by NTP ever differ."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class AuditStore:
    """A folder of audit rows with one writer.

    For one event loop. `append` may be called by any number of tasks at once; the rows of one sender keep the order of
    the calls.
    """

    def __init__(
        self, folder: Path, lock: int, journal: Journal, recovery: Recovery, now: Callable[[], datetime]
    ) -> None:
        """Use `open`."""
        self._folder = folder
        self._lock: int | None = lock
        self._journal = journal
        self._recovery = recovery
        self._now = now
        self._marks = dict(journal.marks)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
        self._queue: list[PreparedRow] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._in_flight: list[asyncio.Future[None]] = []
        self._committing = False
        self._scheduled = False
        self._failure: BaseException | None = None

    @classmethod
    def open(cls, folder: Path, *, now: Callable[[], datetime] = utc_now, disk: Disk | None = None) -> Self:
        """Take the folder (made if missing), recover it, and be its writer until `close`.

        Args:
            folder: of this store alone.
            now: the clock, aware.
            disk: the port to the disk; the machine's own by default.

        Raises:
            StoreBusy: another process has it, or it is open already.
            StoreUnavailable: it cannot be made, read or mended.
        """
        disk = disk or LocalDisk()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take(folder)
        except OSError as error:
            raise StoreUnavailable(f"the audit folder {folder} cannot be opened: {error.strerror or error}") from error
        try:
            position, recovery = recover(folder, disk=disk, now=now)
        except OSError as error:
            os.close(lock)
            raise StoreUnavailable(
                f"the audit folder {folder} cannot be recovered: {error}; nothing was removed, "
                "mend the cause and open it again"
            ) from error
        except BaseException:
            os.close(lock)
            raise
        return cls(folder, lock, Journal(folder, position, disk=disk, now=now), recovery, now)

    @property
    def folder(self) -> Path:
        """Where the rows lie."""
        return self._folder

    @property
    def recovery(self) -> Recovery:
        """What opening found."""
        return self._recovery

    @property
    def chain_head(self) -> str:
        """The chain after the last commit, hexadecimal: names everything written so far."""
        return self._journal.chain_head.hex()

    def mark(self, sender: str) -> int:
        """The highest sequence taken from this sender, those on their way to the disk included; 0 for a new one."""
        return self._marks.get(sender, 0)

    async def marks(self, prefix: str = "") -> dict[str, int]:
        """The highest sequence on disk of every sender whose id begins so.

        Unlike `mark` it leaves out what is on its way: a sender elsewhere forgets everything up to it.

        Raises:
            StoreFailed: the store has failed.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        # In the writer's thread, between two commits.
        return await asyncio.get_running_loop().run_in_executor(
            self._thread,
            lambda: {sender: mark for sender, mark in self._journal.marks.items() if sender.startswith(prefix)},
        )

    async def append(self, events: Iterable[AuditEvent]) -> None:
        """Write the events; they are on disk when this returns.

        An event whose sequence is not above its sender's mark is a repeat: it is acknowledged like the first, and makes
        no second row. A sequence that skips numbers is taken. Cancelling the wait does not take the events back.

        Raises:
            EventError: one of them cannot become a row; none was taken.
            StoreFailed: a write or sync failed, now or before; open the store again and send again.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        rows, marks = self._prepare(events)
        if not rows and not self._waiting and not self._in_flight:
            return
        self._marks.update(marks)
        self._queue += rows
        await self._committed()

    async def close(self) -> None:
        """Wait for what is queued, then let go of the folder; harmless when done twice."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        while self._waiting or self._in_flight:
            with contextlib.suppress(StoreFailed):
                await self._committed()
        self._thread.shutdown()
        self._journal.close()
        os.close(lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _committed(self) -> asyncio.Future[None]:
        """Done when everything queued until now is on disk."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(done)
        if not self._committing and not self._scheduled:
            # In the loop's next round, so that everybody who is about to append gets into the same commit.
            self._scheduled = True
            loop.call_soon(self._start)
        return done

    def _refuse_when_down(self) -> None:
        if self._failure is not None:
            raise self._failed(self._failure)
        if self._lock is None:
            raise StoreClosed(f"the audit store {self._folder} is closed")

    def _failed(self, cause: BaseException) -> StoreFailed:
        failed = StoreFailed(
            f"the audit store {self._folder} could not write ({cause}) and takes nothing until it is opened again"
        )
        failed.__cause__ = cause
        return failed

    def _prepare(self, events: Iterable[AuditEvent]) -> tuple[list[PreparedRow], dict[str, int]]:
        rows: list[PreparedRow] = []
        marks: dict[str, int] = {}
        latest = self._now() + AHEAD
        for event in events:
            sender, sequence = event.sender, event.sequence
            if sequence <= (marks.get(sender) or self._marks.get(sender, 0)):
                continue
            if event.at > latest:
                claimed = event.at.astimezone(UTC).isoformat()
                event = replace(event, at=latest - AHEAD, details={**event.details, "claimedAt": claimed})  # noqa: PLW2901 - the same event as received
            rows.append((row(event), sender, sequence))
            marks[sender] = sequence
        return rows, marks

    def _start(self) -> None:
        self._scheduled = False
        if self._committing or not self._waiting:
            return
        rows, self._queue = self._queue, []
        self._in_flight, self._waiting = self._waiting, []
        self._committing = True
        commit = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, rows)
        commit.add_done_callback(self._finish)

    def _commit(self, rows: list[PreparedRow]) -> None:
        if rows:
            self._journal.commit(rows)

    def _finish(self, commit: asyncio.Future[None]) -> None:
        self._committing = False
        told, self._in_flight = self._in_flight, []
        failure = commit.exception()
        if failure is not None:
            self._failure = failure
            told += self._waiting
            self._waiting, self._queue = [], []
        for waiter in told:
            if waiter.done():
                continue  # its task was cancelled; the row stands all the same
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(self._failed(failure))
        if self._waiting or failure is None:
            # After the tasks just told have run: those that go on appending share the next commit.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)


def _take(folder: Path) -> int:
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreBusy(f"the audit folder {folder} has a writer already; there can be one at a time") from error
    except OSError:
        os.close(lock)
        raise
    return lock
