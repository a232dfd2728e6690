"""The audit log's download over a store in the same process."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.audit.download import download_details
from callkeeper.audit.errors import AuditError
from callkeeper.audit.export import prepare
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.store import AuditStore
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

    async def download(self, start: datetime, end: datetime, *, at: datetime, actor: Actor) -> Iterator[bytes]:
        """See `AuditReader.download`.

        Raises:
            AuditFault: the log cannot be read, or the row of the download is not durable.
        """
        await self._sender.flush(DELIVERY_SECONDS)
        try:
            chain_head = self._store.chain_head
            export = await asyncio.to_thread(prepare, self._store.folder, start, end)
            totals = await asyncio.to_thread(export.totals)
        except (AuditError, OSError) as error:
            raise AuditFault(str(error)) from error
        details = download_details(export, totals, chain_head)
        await self._sink.emit(Action.DOWNLOAD_CSV_AUDIT, at=at, actor=actor, details=details)
        return export.chunks()
