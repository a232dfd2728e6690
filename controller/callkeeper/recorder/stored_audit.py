"""The audit ports over a store in the same process: rows are on disk when an action goes on."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.download import record_download
from callkeeper.audit.errors import AuditError
from callkeeper.audit.export import prepare
from callkeeper.audit.sender import Sender
from callkeeper.audit.store import AuditStore
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import AuditFault


class StoredAudit:
    """An `AuditSink` and an `AuditReader`."""

    def __init__(self, store: AuditStore, sender: Sender) -> None:
        """Write to and read from this store.

        Args:
            store: open; closed by whoever opened it.
            sender: the recorder's, with a name of its own in the store.
        """
        self._store = store
        self._sender = sender

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        """See `AuditSink.emit`.

        Raises:
            AuditFault: the row is not on disk.
        """
        try:
            await self._sender.emit(
                at=at,
                email=actor.principal.audit_email,
                ip_address=actor.ip_address,
                action=action,
                details=details,
            )
        except AuditError as error:
            raise AuditFault(str(error)) from error

    async def check(self) -> None:
        """See `AuditSink.check`.

        Raises:
            AuditFault: the store takes no rows.
        """
        try:
            await self._store.append(())
        except AuditError as error:
            raise AuditFault(str(error)) from error

    async def download(self, start: datetime, end: datetime, *, at: datetime, actor: Actor) -> Iterator[bytes]:
        """See `AuditReader.download`.

        Raises:
            AuditFault: the log cannot be read, or the row of the download is not on disk.
        """
        try:
            chain_head = self._store.chain_head
            export = await asyncio.to_thread(prepare, self._store.folder, start, end)
            await record_download(
                export,
                self._sender,
                at=at,
                email=actor.principal.audit_email,
                ip_address=actor.ip_address,
                chain_head=chain_head,
            )
        except (AuditError, OSError) as error:
            raise AuditFault(str(error)) from error
        return export.chunks()
