"""The logs of a collector: one folder of segments each, opened when first used and kept open.

A store that fails mends itself. One that cannot be opened is tried again by the next request that wants it, no sooner
than `bounds.REOPEN_SECONDS` after the last attempt.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

import structlog

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.names import LogName, LogNameError
from callkeeper.audit.collector.repeats import Repeats, compare
from callkeeper.audit.errors import AuditError, StoreError
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.sender import COMMAND_LINE, Sender
from callkeeper.audit.space import DiskState
from callkeeper.audit.store import AuditStore
from callkeeper.audit.upkeep import OWN_SENDER as STORE_SENDER

log = structlog.get_logger()

OWN_SENDER = "collector"
"""Under this id the collector numbers its own rows."""

RESERVED = frozenset({OWN_SENDER, STORE_SENDER, COMMAND_LINE})
"""Ids that nobody may send under."""


class UnknownLog(AuditError):  # noqa: N818 - what was asked for, named as it is said
    """There is no log of this name, and asking for it does not make one."""


class TooManyLogs(AuditError):  # noqa: N818 - what it is
    """The collector has as many logs as it may have."""


class LogUnavailable(AuditError):  # noqa: N818 - a state of the log, named as it is said
    """The log's store cannot be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A batch that is on disk.

    Attributes:
        mark: everything of the sender up to this sequence is.
        fresh: how many rows it made.
        repeats: what became of the rest.
    """

    mark: int
    fresh: int
    repeats: Repeats


class Log:
    """One log: its store while it is open, and how it fares."""

    def __init__(self, name: LogName, folder: Path, now: Callable[[], datetime], signing_key: Path | None) -> None:
        self.name = name
        self.folder = folder
        self._now = now
        self._signing_key = signing_key
        self._store: AuditStore | None = None
        self._own: Sender | None = None
        self._opening = asyncio.Lock()
        self._attempted = -bounds.REOPEN_SECONDS
        self._not_opened: str | None = None
        self._told: str | None = None

    @property
    def failure(self) -> str | None:
        """Why it takes no rows; None when it does, as far as anybody knows. A full disk is told by `disk_state`."""
        return self._not_opened if self._store is None else self._store.failure

    @property
    def disk_state(self) -> DiskState:
        """Whether there is room."""
        return DiskState.OK if self._store is None else self._store.disk_state

    async def store(self) -> AuditStore:
        """The store, opened if need be.

        Raises:
            LogUnavailable: it cannot be opened; tried again no sooner than after a while.
        """
        async with self._opening:
            if self._store is None:
                self._store = await self._opened()
            return self._store

    async def own(self) -> Sender:
        """The sender of the collector's own rows.

        Raises:
            LogUnavailable: the store is not open.
        """
        store = await self.store()
        if self._own is None:
            self._own = Sender(store, OWN_SENDER, app_name=store.settings.application_name)
        return self._own

    async def append(self, sender: str, events: Sequence[AuditEvent]) -> Taken:
        """Write events of one sender; what is new of them is on disk when this returns.

        Raises:
            EventError: one of them cannot become a row; none was taken.
            LogUnavailable: the store is not open.
            StoreError: they are not known to be on disk.
        """
        store = await self.store()
        mark = store.mark(sender)
        try:
            await store.append(events)
        except StoreError as error:
            self._tell(str(error))
            raise
        self._told = None
        repeats = [event for event in events if event.sequence <= mark]
        compared = Repeats(same=0, differing=())
        if repeats:
            compared = await self._compare(repeats)
        return Taken(mark=events[-1].sequence, fresh=len(events) - len(repeats), repeats=compared)

    async def apply(self, settings: LogSettings) -> None:
        """Keep it like this from now on.

        Raises:
            LogUnavailable: the store is not open.
            StoreError: the settings are not in force.
        """
        store = await self.store()
        if settings != store.settings:
            await store.apply(settings)
        self._own = None  # its rows carry the application's name

    async def close(self) -> None:
        """Let go of the folder."""
        async with self._opening:
            if self._store is not None:
                store, self._store, self._own = self._store, None, None
                await store.close()

    async def _compare(self, repeats: Sequence[AuditEvent]) -> Repeats:
        try:
            found = await asyncio.to_thread(compare, self.folder, repeats)
        except OSError as error:
            log.warning("audit_repeats_not_compared", log=str(self.name), error=str(error))
            return Repeats(same=len(repeats), differing=())
        if found.differing:
            log.error(
                "audit_repeats_differ",
                log=str(self.name),
                sender=repeats[0].sender,
                count=len(found.differing),
                first=found.differing[0],
            )
        return found

    async def _opened(self) -> AuditStore:
        if monotonic() - self._attempted < bounds.REOPEN_SECONDS:
            raise LogUnavailable(f"the log {self.name} is not open; it is tried again shortly")
        self._attempted = monotonic()
        try:
            store = await asyncio.to_thread(AuditStore.open, self.folder, now=self._now, signing_key=self._signing_key)
        except StoreError as error:
            self._not_opened = str(error)
            self._tell(str(error))
            raise LogUnavailable(f"the log {self.name} cannot be opened; see the collector's log") from error
        recovery = store.recovery
        if not recovery.clean:
            log.warning(
                "audit_store_recovered",
                log=str(self.name),
                recovered_rows=recovery.recovered_rows,
                torn=[torn.moved_to for torn in recovery.torn],
                damaged=[damage.file for damage in recovery.damaged],
                rebuilt=list(recovery.rebuilt),
            )
        self._not_opened = self._told = None
        return store

    def _tell(self, fault: str) -> None:
        """Log a failure once, not once a request."""
        if fault != self._told:
            log.error("audit_store_takes_no_rows", log=str(self.name), error=fault)
        self._told = fault


class Logs:
    """Every log below one folder."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime], signing_key: Path | None = None) -> None:
        """Look after the folder; nothing is opened yet.

        Args:
            folder: holds a folder a namespace, in it one a recorder.
            now: the clock, aware.
            signing_key: signs the checkpoints of every log; by default each has a key in its own folder.
        """
        self.folder = folder
        self._now = now
        self._signing_key = signing_key
        self._logs: dict[LogName, Log] = {}

    def names(self) -> list[LogName]:
        """Every log there is, sorted.

        Raises:
            OSError: the folder cannot be read.
        """
        found: list[LogName] = []
        for path in self.folder.glob("*/*"):
            if path.is_dir():
                with suppress(LogNameError):
                    found.append(LogName(path.parent.name, path.name))
        return sorted(found)

    async def open_all(self) -> None:
        """Open every log there is, so that each is looked after and shows how it fares before somebody wants it."""
        for name in await asyncio.to_thread(self.names):
            with suppress(LogUnavailable):  # it was logged, and is tried again when wanted
                await self.get(name, make=False).store()

    def open_logs(self) -> list[Log]:
        """The logs that were used since the start."""
        return list(self._logs.values())

    def get(self, name: LogName, *, make: bool) -> Log:
        """The log of this name.

        Args:
            name: which.
            make: begin it if there is none.

        Raises:
            UnknownLog: there is none, and none is to be begun.
            TooManyLogs: one more would be too many.
        """
        found = self._logs.get(name)
        if found is not None:
            return found
        folder = self.folder / name.namespace / name.recorder
        if not folder.is_dir():
            if not make:
                raise UnknownLog(f"there is no log {name}")
            if len(self.names()) >= bounds.LOGS:
                raise TooManyLogs(f"the collector has {bounds.LOGS} logs, the most it may")
        made = self._logs[name] = Log(name, folder, self._now, self._signing_key)
        return made

    async def close(self) -> None:
        """Let go of every folder."""
        for one in self._logs.values():
            await one.close()
