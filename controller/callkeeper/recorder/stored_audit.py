"""The audit log's download and verification over a store in the same process."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.download import Download, fix_download
from callkeeper.audit.errors import AuditError
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verification import Verification
from callkeeper.audit.verify import verify
from callkeeper.audit.verify_row import verification_details
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.errors import AuditFault

DELIVERY_SECONDS = 2.0
"""How long a download waits for events that are on their way: who acted and then downloads expects to find it."""


class StoredAuditReader:
    """An `AuditReader`."""

    def __init__(self, store: AuditStore, sink: AuditSink, sender: OutboxSender) -> None:
        """Read from this store.

        Args:
            store: open; closed by whoever opened it.
            sink: takes the row of a download.
            sender: delivers the recorder's events to that store.
        """
        self._store = store
        self._sink = sink
        self._sender = sender

    async def fix(self, asked: AskedExport) -> Download:
        """See `AuditReader.fix`.

        Raises:
            AuditFault: the log cannot be read.
        """
        await self._sender.flush(DELIVERY_SECONDS)
        try:
            return await asyncio.to_thread(fix_download, self._store.folder, asked, self._store.chain_head)
        except (AuditError, OSError) as error:
            raise AuditFault(str(error)) from error

    async def record(self, download: Download, offset: int, *, at: datetime, actor: Actor) -> None:
        """See `AuditReader.record`.

        Raises:
            AuditFault: the row of the download is not durable.
        """
        await self._sink.emit(Action.DOWNLOAD_CSV_AUDIT, at=at, actor=actor, details=download.details(offset))

    async def verify(
        self, against: Sequence[Checkpoint], public_keys: Sequence[bytes], *, at: datetime, actor: Actor
    ) -> Verification:
        """See `AuditReader.verify`.

        Raises:
            AuditFault: the log cannot be read, or the row is not durable.
        """
        try:
            found = await asyncio.to_thread(verify, self._store.folder, against=against, public_keys=public_keys)
        except (AuditError, OSError) as error:
            raise AuditFault(str(error)) from error
        details = verification_details(found, len(against))
        await self._sink.emit(Action.VERIFY_AUDIT, at=at, actor=actor, details=details)
        return found
