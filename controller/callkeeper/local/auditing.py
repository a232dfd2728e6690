"""The recorder's audit ports, answered by the audit store of the state folder."""

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

SENDER = "recorder"
"""Under this name the embedded recorder numbers its rows."""


class StoreSink:
    """Rows of the embedded recorder, in and out."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store
        self._sender = Sender(store, SENDER)

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        """See `AuditSink.emit`."""
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
        """See `AuditSink.check`: an empty append answers whether the store still takes rows."""
        try:
            await self._store.append(())
        except AuditError as error:
            raise AuditFault(str(error)) from error

    async def download(self, start: datetime, end: datetime, *, at: datetime, actor: Actor) -> Iterator[bytes]:
        """See `AuditReader.download`."""
        try:
            export = prepare(self._store.folder, start, end)
            await record_download(
                export,
                self._sender,
                at=at,
                email=actor.principal.audit_email,
                ip_address=actor.ip_address,
                chain_head=self._store.chain_head,
            )
        except (AuditError, OSError) as error:
            raise AuditFault(str(error)) from error
        return export.chunks()
