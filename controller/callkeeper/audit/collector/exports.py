"""Exports that stay on the volume (`AuditExport`): what was asked for, how far it is, and the file.

    <log>/exports/<name>.json    the request, and what became of it
    <log>/exports/<name>.csv     the file: there complete, or not at all

What is asked for is kept before it is begun, so that a restart goes on with it; who asks again for the same is told how
it is. A range that is not over waits until it is: a file that said November and ended on the 14th would be believed.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from callkeeper.audit.actions import Action
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.answers import ExportState, ExportStatus
from callkeeper.audit.collector.export_files import Stopped, keep_record, read_record, remove, write_file
from callkeeper.audit.collector.export_request import ExportRequest
from callkeeper.audit.collector.logs import Log
from callkeeper.audit.collector.problems import Problem
from callkeeper.audit.download import Download, fix_download
from callkeeper.audit.errors import AuditError, StoreFull
from callkeeper.audit.space import DiskState
from callkeeper.audit.time_words import show

log = structlog.get_logger()

FOLDER = "exports"
MAX_EXPORT_NAME = 200
"""Characters: a Kubernetes UID has 36; with its endings it stays a file name."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


class Exports:
    """The exports of one log."""

    def __init__(self, of: Log, now: Callable[[], datetime]) -> None:
        self._log = of
        self._now = now
        self._folder = of.folder / FOLDER
        self._making: dict[str, asyncio.Task[None]] = {}

    async def put(self, name: str, request: ExportRequest) -> ExportStatus:
        """Have it made, unless it is there or under way; how it is after a moment.

        Raises:
            Problem: another request has this name, or there are too many.
            OSError: the request cannot be kept.
        """
        path = self._record(name)
        kept = await asyncio.to_thread(read_record, path)
        if kept is None:
            if await asyncio.to_thread(self._count) >= bounds.EXPORTS:
                raise Problem("too-many-exports", f"the log {self._log.name} has {bounds.EXPORTS} exports")
            await asyncio.to_thread(keep_record, path, request, ExportStatus(state=ExportState.PENDING))
        elif not kept[0].same_rows(request):
            raise Problem("export-exists", f"an export {name} of another range or selection is there")
        elif kept[1].state is ExportState.COMPLETE and self._is_there(kept[1]):
            return kept[1]
        return await self._go_on(name, request)

    async def get(self, name: str) -> ExportStatus | None:
        """How it is; None where there is none of this name. One that a restart cut off goes on.

        Raises:
            OSError: it cannot be read.
        """
        kept = await asyncio.to_thread(read_record, self._record(name))
        if kept is None:
            return None
        request, status = kept
        if status.state is ExportState.PENDING:
            return await self._go_on(name, request)
        if status.state is ExportState.COMPLETE and not self._is_there(status):
            return ExportStatus(state=ExportState.FAILED, message="the file is no longer there; ask for it again")
        return status

    async def delete(self, name: str) -> None:
        """Take away the file and what is known of it; harmless when there is nothing.

        Raises:
            OSError: something may be left; delete it again.
        """
        record = self._record(name)
        task = self._making.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        await asyncio.to_thread(remove, record.with_suffix(".csv"), record)

    async def close(self) -> None:
        """Stop what is under way; it goes on after the next start."""
        tasks = [task for task in self._making.values() if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _go_on(self, name: str, request: ExportRequest) -> ExportStatus:
        if request.end > self._now():
            return ExportStatus(
                state=ExportState.PENDING, message=f"waits until the range is over ({show(request.end)})"
            )
        task = self._making.get(name)
        if task is None or task.done():
            task = self._making[name] = asyncio.create_task(self._make(name, request), name=f"export {name}")
        await asyncio.wait((task,), timeout=bounds.EXPORT_WAIT_SECONDS)
        kept = await asyncio.to_thread(read_record, self._record(name))
        return kept[1] if kept is not None else ExportStatus(state=ExportState.PENDING)

    async def _make(self, name: str, request: ExportRequest) -> None:
        record = self._record(name)
        target = record.with_suffix(".csv")
        try:
            store = await self._log.store()
            if self._log.disk_state is not DiskState.OK:
                # The room that is left is for rows.
                raise StoreFull("the volume is nearly full")
            download = await asyncio.to_thread(fix_download, self._log.folder, request.asked, store.chain_head)
            await (await self._log.own()).emit(
                at=self._now(),
                email=request.requested_by,
                ip_address="",
                action=Action.DOWNLOAD_CSV_AUDIT,
                details={**download.details(), "export": name},
            )
            digest = await _written(target, download)
            status = ExportStatus(
                state=ExportState.COMPLETE,
                file=str(target.absolute()),
                rows=download.totals.rows,
                size=download.totals.size,
                sha256=digest,
            )
        except (AuditError, OSError) as error:
            log.error("audit_export_failed", log=str(self._log.name), export=name, error=str(error))  # noqa: TRY400 - said in words
            status = ExportStatus(state=ExportState.FAILED, message=f"{error}; it is tried again when asked for again")
        with suppress(OSError):  # it stays pending, and is made again when somebody asks
            await asyncio.to_thread(keep_record, record, request, status)

    def _record(self, name: str) -> Path:
        if len(name) > MAX_EXPORT_NAME or _NAME.fullmatch(name) is None:
            raise Problem("invalid-request", f"{name[:80]!r} is no name of an export: a DNS subdomain of at most 200")
        return self._folder / f"{name}.json"

    def _count(self) -> int:
        return sum(1 for _ in self._folder.glob("*.json"))

    def _is_there(self, status: ExportStatus) -> bool:
        return status.file is not None and (self._folder / Path(status.file).name).is_file()


async def _written(target: Path, download: Download) -> str:
    """Have the file made by a thread; who is cancelled waits until that has stopped, so that nothing appears later."""
    stopped = Stopped()
    writing = asyncio.create_task(asyncio.to_thread(write_file, target, download, stopped))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        stopped.now = True
        await asyncio.gather(writing, return_exceptions=True)
        raise
