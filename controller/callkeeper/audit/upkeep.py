"""What is done beside the rows of an open store: checkpoints, retention, compression, and telling about a full disk.

Runs as a task of the store's loop from the first row on, once a minute. What is long (hashing, compressing) runs in a
thread that writes no rows; what changes the store runs in the one that does.

Nothing that fails here stops a row: the failure is kept (`Upkeep.failure`), logged once, and the next round tries
again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from callkeeper.audit.actions import Action
from callkeeper.audit.clock_watch import ClockWatch
from callkeeper.audit.errors import AuditError, StoreClosed
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.files import StoreFiles
from callkeeper.audit.layout import list_store
from callkeeper.audit.packing import BrokenOff, closed_files, pack_file
from callkeeper.audit.retention import examine, expired_days
from callkeeper.audit.sender import Sender
from callkeeper.audit.space import DiskState
from callkeeper.tasks.supervising import failure_of

log = structlog.get_logger()

OWN_SENDER = "audit-store"
"""Under this name a store numbers the rows it writes itself; no other sender may have it."""

OWN_EMAIL = "system:audit-store"
"""Who does what the store does itself."""

FIRST_ROUND_SECONDS = 5.0
ROUND_SECONDS = 60.0
CHECKPOINT_EVERY = timedelta(hours=1)
"""Tree heads are signed so often, while there are new rows, and when the store is closed."""


class Owner(Protocol):
    """The store as its upkeep sees it."""

    def mark(self, sender: str) -> int:
        """The highest sequence taken from this sender."""
        ...

    async def append_own(self, events: Iterable[AuditEvent]) -> None:
        """Write rows of the store's own."""
        ...


class _Own:
    """The store as an `Appender` of its own rows."""

    def __init__(self, owner: Owner) -> None:
        self.mark = owner.mark
        self.append = owner.append_own


class Upkeep:
    """For one open store and one event loop."""

    def __init__(self, owner: Owner, files: StoreFiles, thread: Executor, now: Callable[[], datetime]) -> None:
        """Do nothing until `start`.

        Args:
            owner: takes the rows.
            files: of the store.
            thread: the one that writes.
            now: the clock, aware.
        """
        self._owner = owner
        self._files = files
        self._thread = thread
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._signed_at: datetime | None = None
        self._full_since: datetime | None = None
        self._refused = 0
        self._stopping = False
        self._clock_stopped = False
        self._room_told = DiskState.OK
        self._watch = ClockWatch(files.folder, files.disk)
        self._closed: object = None
        self._woken = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.failure: str | None = None
        self.is_refusing = False
        """The log says last that there is too little room."""

    def start(self) -> None:
        """Begin, when that was not done yet."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._rounds(), name="upkeep of the audit store")

    async def stop(self) -> None:
        """End; what is under way is taken to its end or not begun."""
        self._stopping = True
        self._woken.set()
        if self._task is not None and not self._task.done():
            await self._task
        if self._telling:
            await asyncio.wait(self._telling)

    async def round(self) -> None:
        """One round.

        Raises:
            AuditError: the key is not usable, or a row of the store's own was not taken.
            OSError: the disk failed.
        """
        async with self._one_at_a_time:
            self._tell_of_room(self._files.space.look())
            await self._in_thread(self._files.space.keep_reserve)
            now = self._now()
            if self._signed_at is None or now - self._signed_at >= CHECKPOINT_EVERY or now < self._signed_at:
                await self._in_thread(self._files.checkpoint)
                self._signed_at = now
            await self._close_days(now, may_delete=await self._may_delete(now))

    def _tell_of_room(self, state: DiskState) -> None:
        """Log that there is less room than there should be, and that there is enough again; once each."""
        if state is not self._room_told:
            told = log.info if state is DiskState.OK else log.warning
            told(f"audit_disk_{state}", folder=str(self._files.folder), free_bytes=self._files.space.room.free)
        self._room_told = state

    async def last_checkpoint(self) -> None:
        """Sign what was written last, as far as that is possible."""
        await self._guarded(self._in_thread(self._files.checkpoint))

    def settings_changed(self) -> None:
        """Look at retention and compression anew, soon."""
        self._closed = None
        self._woken.set()

    def filled(self) -> None:
        """There is too little room from now on: say so in the log, once."""
        if self._full_since is None:
            self._full_since, self._refused, self.is_refusing = self._now(), 0, True
            self._tell(Action.REFUSE_AUDIT_ROWS, {"freeBytes": self._files.space.room.free})

    def refused(self) -> None:
        """Rows were refused."""
        self._refused += 1
        self.filled()

    def room_again(self) -> None:
        """There is room from now on: say so in the log, once."""
        if self._full_since is not None:
            since, self._full_since, self.is_refusing = self._full_since, None, False
            details = {"since": since.isoformat(timespec="seconds"), "refusals": self._refused}
            self._tell(Action.ACCEPT_AUDIT_ROWS, details)

    async def tell(self, action: Action, details: Mapping[str, Any]) -> None:
        """Write a row of the store's own; it is on disk when this returns.

        Raises:
            StoreError: it was not written.
        """
        sender = Sender(_Own(self._owner), OWN_SENDER, app_name=self._files.settings.application_name)
        await sender.emit(at=self._now(), email=OWN_EMAIL, ip_address="", action=action, details=details)

    def _is_wanted(self) -> bool:
        return not self._stopping

    def _tell(self, action: Action, details: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(self.tell(action, details)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _rounds(self) -> None:
        seconds = FIRST_ROUND_SECONDS
        while not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), seconds)
            self._woken.clear()
            seconds = ROUND_SECONDS
            if not self._stopping:
                await self._guarded(self.round())

    async def _may_delete(self, now: datetime) -> bool:
        """Whether the log is to be deleted from at all, and the clock is one to delete by."""
        if self._files.settings.kept is None:
            return False
        loop = asyncio.get_running_loop()
        look = await loop.run_in_executor(self._thread, self._watch.look, now)
        seen, ahead = look.belief.seen, look.belief.ahead
        if ahead is not None and not self._clock_stopped:
            log.error("audit_clock_jumped", ahead_seconds=ahead.total_seconds(), seen=str(seen), now=str(now))
        elif ahead is None and self._clock_stopped:
            log.info("audit_clock_believed", now=str(now))
        self._clock_stopped = ahead is not None
        if look.accepted is not None and look.accepted.ahead is not None:
            details = {
                "now": now.astimezone(UTC).isoformat(timespec="seconds"),
                "seen": look.accepted.seen.astimezone(UTC).isoformat(timespec="seconds"),
                "aheadSeconds": round(look.accepted.ahead.total_seconds()),
            }
            await self.tell(Action.ACCEPT_CLOCK, details)
        return ahead is None

    async def _close_days(self, now: datetime, *, may_delete: bool) -> None:
        """Delete and compress what is to be, when that can be anything new: a day began, or the settings changed."""
        newest, settings = self._files.journal.segment, self._files.settings
        state = (newest.day if newest else "", now.date(), settings, may_delete)
        if newest is None or state == self._closed:
            return
        if may_delete and settings.kept is not None:
            await self._delete(settings.kept, now)
        if settings.compress_closed:
            for name in await asyncio.to_thread(closed_files, self._files.folder):
                packed = await asyncio.to_thread(pack_file, self._files.folder, name, self._files.disk, self._is_wanted)
                await self._in_thread(lambda packed=packed: self._files.take_over(packed))  # type: ignore[misc]
        self._closed = state

    async def _delete(self, kept: timedelta, now: datetime) -> None:
        folder = self._files.folder
        listing = await asyncio.to_thread(list_store, folder)
        for day in expired_days(listing, kept, now):
            expired = await asyncio.to_thread(examine, folder, listing, day)
            if not expired.files:
                continue
            await self._in_thread(lambda expired=expired: self._files.leave_stubs(expired))  # type: ignore[misc]
            for name in expired.segments:
                told = expired.files[str(name)]
                details = {key: told[key] for key in ("rows", "from", "to", "sha256")}
                await self.tell(Action.DELETE_AUDIT_SEGMENT, {"file": str(name), **details})
            await self._in_thread(lambda expired=expired: self._files.remove(expired))  # type: ignore[misc]

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - foreseen or not: the next round is tried all the same
            if self._stopping and isinstance(error, BrokenOff | StoreClosed):
                return  # the store is being closed; the next start does it
            failure = failure_of(error, AuditError, OSError)
            if self.failure is None:
                log.error("audit_upkeep_failed", **failure.fields)  # noqa: TRY400 - no values
            self.failure = failure.error
        else:
            self.failure = None

    async def _in_thread(self, work: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)
