"""The logs of a collector: one folder of segments each, opened when first used, kept, opened again after a failure.

A store that failed to write takes nothing until it is opened again, which looks at what is really on disk. That is done
here, by the next request that wants it, no sooner than `bounds.REOPEN_SECONDS` after the last attempt.
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
from callkeeper.audit.sender import Sender
from callkeeper.audit.store import AuditStore

log = structlog.get_logger()

OWN_SENDER = "collector"
"""Under this id the collector numbers its own rows; nobody else may."""


class UnknownLog(AuditError):  # noqa: N818 - what was asked for, named as it is said
    """There is no log of this name, and asking for it does not make one."""


class TooManyLogs(AuditError):  # noqa: N818 - what it is
    """The collector has as many logs as it may have."""


class LogUnavailable(AuditError):  # noqa: N818 - a state of the log, named as it is said
    """The log's store is not open: it cannot be, or it failed and is opened again shortly."""


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

    def __init__(self, name: LogName, folder: Path, now: Callable[[], datetime]) -> None:
        self.name = name
        self.folder = folder
        self.failure: str | None = None
        self._now = now
        self._store: AuditStore | None = None
        self._own: Sender | None = None
        self._opening = asyncio.Lock()
        self._attempted = -bounds.REOPEN_SECONDS

    async def store(self) -> AuditStore:
        """The store, opened (again) if need be.

        Raises:
            LogUnavailable: it is not open and will not be before a while has passed.
        """
        async with self._opening:
            if self._store is None or self.failure is not None:
                await self._open()
            assert self._store is not None
            return self._store

    async def own(self) -> Sender:
        """The sender of the collector's own rows.

        Raises:
            LogUnavailable: the store is not open.
        """
        store = await self.store()
        if self._own is None:
            self._own = Sender(store, OWN_SENDER)
        return self._own

    async def append(self, sender: str, events: Sequence[AuditEvent]) -> Taken:
        """Write events of one sender; what is new of them is on disk when this returns.

        Raises:
            EventError: one of them cannot become a row; none was taken.
            LogUnavailable: they are not known to be on disk.
        """
        store = await self.store()
        mark = store.mark(sender)
        try:
            await store.append(events)
        except StoreError as error:
            raise self.failed(error) from error
        repeats = [event for event in events if event.sequence <= mark]
        compared = Repeats(same=0, differing=())
        if repeats:
            compared = await self._compare(repeats)
        return Taken(mark=events[-1].sequence, fresh=len(events) - len(repeats), repeats=compared)

    def failed(self, error: StoreError) -> LogUnavailable:
        """Note that the store takes nothing any more; what to raise."""
        if self.failure is None:
            log.error("audit_store_failed", log=str(self.name), error=str(error))
        self.failure = str(error)
        self._attempted = monotonic()
        return LogUnavailable(f"the log {self.name} takes no rows now; it is opened again shortly")

    async def close(self) -> None:
        """Let go of the folder."""
        async with self._opening:
            if self._store is not None:
                store, self._store = self._store, None
                self._own = None
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

    async def _open(self) -> None:
        if monotonic() - self._attempted < bounds.REOPEN_SECONDS:
            raise LogUnavailable(f"the log {self.name} takes no rows now; it is opened again shortly")
        self._attempted = monotonic()
        if self._store is not None:
            store, self._store = self._store, None
            self._own = None
            with suppress(StoreError):
                await store.close()
        try:
            store = await asyncio.to_thread(AuditStore.open, self.folder, now=self._now)
        except StoreError as error:
            if self.failure != str(error):
                log.error("audit_store_not_opened", log=str(self.name), error=str(error))  # noqa: TRY400 - said in words
            self.failure = str(error)
            raise LogUnavailable(f"the log {self.name} cannot be opened; see the collector's log") from error
        if self.failure is not None or not store.recovery.clean:
            recovery = store.recovery
            log.warning(
                "audit_store_recovered",
                log=str(self.name),
                recovered_rows=recovery.recovered_rows,
                torn=[torn.moved_to for torn in recovery.torn],
                damaged=[damage.file for damage in recovery.damaged],
                rebuilt=list(recovery.rebuilt),
            )
        self._store, self.failure = store, None


class Logs:
    """Every log below one folder."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime]) -> None:
        """Look after the folder; nothing is opened yet.

        Args:
            folder: holds a folder a namespace, in it one a recorder.
            now: the clock, aware.
        """
        self.folder = folder
        self._now = now
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
        made = self._logs[name] = Log(name, folder, self._now)
        return made

    async def close(self) -> None:
        """Let go of every folder."""
        for one in self._logs.values():
            await one.close()
