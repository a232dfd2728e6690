"""The audit store: takes events, and says so only when their rows are on disk.

How rows that wait share a write and a sync is `group_commit`'s business, where they go `journal`'s, what a crash left
`recovery`'s, what is done beside the rows (checkpoints, retention, compression, room on the disk) `upkeep`'s.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from callkeeper.audit.actions import Action
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.disk import Disk, LocalDisk
from callkeeper.audit.errors import StoreClosed, StoreFailed, StoreFull, StoreUnavailable
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.files import StoreFiles
from callkeeper.audit.folder_lock import hold
from callkeeper.audit.group_commit import GroupCommit
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.position import Head
from callkeeper.audit.recovered import Recovery
from callkeeper.audit.row import row
from callkeeper.audit.space import NO_ROOM, DiskMarks, DiskState
from callkeeper.audit.upkeep import Upkeep
from callkeeper.audit.writer_thread import WriterThread

AHEAD = timedelta(seconds=60)
"""How far ahead of the store's clock a claimed instant may lie: more than clocks kept by NTP ever differ."""

MEND_EVERY_SECONDS = 1.0
"""After a failure the store tries to mend itself at most so often, when something is appended."""

_FULL = DiskState.FULL
"""Asked for every append: a name of the module is found at a fifth of the time an enum's member takes."""

T = TypeVar("T")


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class AuditStore:
    """A folder of audit rows with one writer.

    For one event loop. `append` may be called by any number of tasks at once; the rows of one sender keep the order of
    the calls.
    """

    def __init__(self, files: StoreFiles, lock: int, now: Callable[[], datetime]) -> None:
        """Use `open`."""
        self._files = files
        self._space = files.space
        self._lock: int | None = lock
        self._now = now
        self._marks = dict(files.journal.marks)
        self._thread = WriterThread("audit")
        self._commits = GroupCommit(self._thread, files.commit, ended=self._ended, error=self._failed)
        self._latest = now() + AHEAD
        self._failure: BaseException | None = None
        self._mending: asyncio.Future[None] | None = None
        self._mend_after = 0.0
        self._upkeep = Upkeep(self, files, self._thread, now)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        disk: Disk | None = None,
        signing_key: Path | None = None,
        marks: DiskMarks | None = None,
    ) -> Self:
        """Take the folder (made if missing), recover it, and be its writer until `close`.

        Args:
            folder: of this store alone.
            now: the clock, aware.
            disk: the port to the disk; the machine's own by default.
            signing_key: file of the private key that signs checkpoints; made when first needed. In the folder by
                default, where whoever can alter the rows can use it too: name a better place where there is one.
            marks: when the disk counts as low and as full; by its size by default.

        Raises:
            StoreBusy: another process has it, or it is open already.
            StoreUnavailable: it cannot be made, read or mended.
        """
        disk = disk or LocalDisk()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = hold(folder, "a writer")
        except OSError as error:
            raise StoreUnavailable(f"the audit folder {folder} cannot be opened: {error.strerror or error}") from error
        try:
            files = StoreFiles(folder, disk=disk, now=now, signing_key=signing_key, marks=marks)
        except OSError as error:
            os.close(lock)
            raise StoreUnavailable(
                f"the audit folder {folder} cannot be recovered: {error}; nothing was removed, "
                "mend the cause and open it again"
            ) from error
        except BaseException:
            os.close(lock)
            raise
        return cls(files, lock, now)

    @property
    def folder(self) -> Path:
        """Where the rows lie."""
        return self._files.folder

    @property
    def recovery(self) -> Recovery:
        """What opening found; after a failure, what mending found."""
        return self._files.recovery

    @property
    def head(self) -> Head:
        """Names everything written so far."""
        return self._files.journal.head

    @property
    def chain_head(self) -> str:
        """The chain after the last commit, hexadecimal: names everything written so far."""
        return self.head.chain.hex()

    @property
    def settings(self) -> LogSettings:
        """How the log is kept."""
        return self._files.settings

    @property
    def disk_state(self) -> DiskState:
        """Whether there is room; `full` means that rows are refused."""
        if self._space.is_due():
            with contextlib.suppress(OSError):  # what cannot be asked is as it was; the next write tells
                self._space.look()
        return self._space.state

    @property
    def failure(self) -> str | None:
        """Why no rows are taken; None when they are. Room on the disk is told by `disk_state`."""
        return None if self._failure is None else str(self._failure)

    @property
    def signing_failure(self) -> str | None:
        """Why no checkpoint can be signed; None when one can. Rows are taken all the same."""
        return self._files.notary.failure

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
            lambda: {sender: mark for sender, mark in self._files.journal.marks.items() if sender.startswith(prefix)},
        )

    def append(self, events: Iterable[AuditEvent]) -> asyncio.Future[None]:
        """Take the events; they are on disk when what this returns is done. For `await`, at once.

        No coroutine, which would cost a tenth of a row: they are taken, or refused, in the call.

        An event whose sequence is not above its sender's mark is a repeat: it is acknowledged like the first, and makes
        no second row. A sequence that skips numbers is taken. Cancelling the wait does not take the events back.

        Raises:
            EventError: one of them cannot become a row; none was taken.
            StoreFailed: a write or sync failed, now or just before; send again, the store mends itself.
            StoreFull: there is too little room on the disk; send again later.
            StoreClosed: `close` was called.
        """
        if self._lock is None or self._failure is not None:
            self._refuse_when_down()
        if self._space.state is _FULL or self._upkeep.is_refusing:
            self._refuse_when_full()
        return self._take(events)

    async def append_own(self, events: Iterable[AuditEvent]) -> None:
        """Write rows of the store's own, also where others are refused for want of room.

        Raises:
            StoreFailed: likewise.
            StoreClosed: likewise.
        """
        self._refuse_when_down()
        await self._take(events)

    async def apply(self, settings: LogSettings) -> None:
        """Keep the log like this from now on; on disk when this returns.

        Raises:
            StoreFailed: the settings could not be written; those before stay in force.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        try:
            await self._run(self._files.apply, settings)
        except OSError as error:
            raise StoreFailed(f"the settings of the audit log could not be written: {error}") from error
        self._upkeep.settings_changed()

    async def checkpoint(self) -> Checkpoint | None:
        """Sign what is there now, and return the newest checkpoint; None for a store without rows.

        Raises:
            KeyUnusable: there is no key to sign with.
            StoreFailed: it could not be written.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        try:
            return await self._run(self._files.checkpoint)
        except OSError as error:
            raise StoreFailed(f"the checkpoint could not be written: {error}") from error

    async def rotate_key(self, *, lost: bool = False) -> None:
        """Sign with a new key from now on; the change is signed by the old one, which is then forgotten.

        Args:
            lost: the old one is gone: the new one signs for itself, which verification tells.

        Raises:
            KeyUnusable: the key cannot be read or made.
            StoreFailed: the change could not be written.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        try:
            await self._run(self._files.rotate_key, lost)
        except OSError as error:
            raise StoreFailed(f"the change of the key could not be written: {error}") from error

    async def note_restored(self, taken: str) -> None:
        """Say in the chain and in the log that the store was restored from a backup.

        Args:
            taken: the instant of the backup, RFC 3339.

        Raises:
            StoreFailed: it could not be written.
            StoreClosed: `close` was called.
        """
        self._refuse_when_down()
        head = self.head
        try:
            await self._run(self._files.journal.note_restored, taken)
        except OSError as error:
            raise StoreFailed(f"the restoring could not be written down: {error}") from error
        details = {"taken": taken, "chain": head.chain.hex(), "rows": head.total.rows}
        await self._upkeep.tell(Action.RESTORE_AUDIT, details)

    async def maintain(self) -> None:
        """Do now what is done once a minute: a checkpoint that is due, retention, compression, a look at the disk."""
        self._refuse_when_down()
        await self._upkeep.round()

    async def close(self) -> None:
        """Wait for what is queued, sign it, then let go of the folder; harmless when done twice."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            await self._upkeep.stop()
            while not self._commits.is_idle:
                with contextlib.suppress(StoreFailed, StoreFull):
                    await self._commits.add([])
            if self._failure is None:
                await self._upkeep.last_checkpoint()
        finally:
            self._thread.shutdown()
            try:
                self._files.close()
            finally:
                os.close(lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _take(self, events: Iterable[AuditEvent]) -> asyncio.Future[None]:
        """Queue what is new of them; done when it is on disk."""
        rows = []
        marks = self._marks
        before = []
        try:
            for event in events:
                sender, sequence = event.sender, event.sequence
                mark = marks.get(sender, 0)
                if sequence > mark:
                    rows.append((row(event if event.at <= self._latest else self._not_ahead(event)), sender, sequence))
                    before.append((sender, mark))
                    marks[sender] = sequence
        except BaseException:
            for sender, mark in reversed(before):  # none was taken
                if mark:
                    marks[sender] = mark
                else:
                    del marks[sender]
            raise
        if not rows and self._commits.is_idle:
            return self._commits.nothing()
        return self._commits.add(rows)

    def _not_ahead(self, event: AuditEvent) -> AuditEvent:
        """The event; as received where it claims an instant too far ahead."""
        now = self._now()
        self._latest = now + AHEAD
        return event if event.at <= self._latest else event.received(now)

    def _refuse_when_down(self) -> None:
        if self._lock is None:
            raise StoreClosed(f"the audit store {self.folder} is closed")
        if self._failure is not None:
            if self._mending is None and time.monotonic() >= self._mend_after:
                self._mend()
            raise self._failed(self._failure)

    def _refuse_when_full(self) -> None:
        if self.disk_state is DiskState.FULL:
            self._upkeep.refused()
            raise StoreFull(
                f"the disk of the audit store {self.folder} is nearly full ({self._space.room.free:,} bytes "
                "left): rows are refused until there is room; send again later"
            )
        self._upkeep.room_again()

    def _failed(self, cause: BaseException) -> StoreFailed | StoreFull:
        if isinstance(cause, OSError) and cause.errno in NO_ROOM:
            full = StoreFull(f"the disk of the audit store {self.folder} is full ({cause}): send again later")
            full.__cause__ = cause
            return full
        failed = StoreFailed(
            f"the audit store {self.folder} could not write ({cause}) and takes nothing until it has mended itself: "
            "it tries once a second, send again"
        )
        failed.__cause__ = cause
        return failed

    def _ended(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._failure = failure
            self._mend_after = time.monotonic() + MEND_EVERY_SECONDS
            if isinstance(failure, OSError) and failure.errno in NO_ROOM:
                self._mend()  # at once: with the reserve given up, the refusal can be told
            return
        self._latest = self._now() + AHEAD
        self._upkeep.start()
        if self._space.state is _FULL:
            self._upkeep.filled()

    def _mend(self) -> None:
        """Look at what is really there and go on in other files; in flight when this returns."""
        self._mending = asyncio.get_running_loop().run_in_executor(self._thread, self._files.mend)
        self._mending.add_done_callback(self._mended)

    def _mended(self, mending: asyncio.Future[None]) -> None:
        self._mending = None
        self._mend_after = time.monotonic() + MEND_EVERY_SECONDS
        if mending.cancelled():
            return
        failure = mending.exception()
        if failure is not None:
            self._failure = failure
            return
        self._failure = None
        self._marks = dict(self._files.journal.marks)
        if self._space.state is DiskState.FULL:
            self._upkeep.filled()
