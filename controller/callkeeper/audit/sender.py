"""Numbering the events of one emitter, so that composers need not.

Who derives sequences from state of its own (an outbox, a reconciler that persists its count) passes them; everybody
else lets the store's mark be the memory.
"""

from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent

COMMAND_LINE = "cli"
"""Under this id the command line numbers rows that it writes into a log itself; a collector takes none under it."""


class Appender(Protocol):
    """What a sender needs of a store; `AuditStore` is one."""

    def mark(self, sender: str) -> int:
        """The highest sequence taken from this sender; 0 for a new one."""
        ...

    def append(self, events: Iterable[AuditEvent]) -> Awaitable[None]:
        """Write the events; they are on disk when the wait for it, begun at once, is over."""
        ...


class Sender:
    """One emitter with a name of its own in the store."""

    def __init__(self, store: Appender, name: str, *, app_name: str = "callkeeper") -> None:
        """Number on from the store's mark.

        Args:
            store: where the events go.
            name: the sender's id; no two senders of a store share one.
            app_name: the AppName of its rows.
        """
        self._store = store
        self._name = name
        self._app_name = app_name
        self._given = store.mark(name)

    @property
    def name(self) -> str:
        """The sender's id."""
        return self._name

    async def emit(
        self,
        *,
        at: datetime,
        email: str,
        ip_address: str,
        action: Action,
        details: Mapping[str, Any] | None = None,
        sequence: int | None = None,
    ) -> int:
        """Write one event; it is on disk when this returns.

        Args:
            at: the instant of the action, aware.
            email: who did it.
            ip_address: from where; empty where there is no peer.
            action: what was done.
            details: JSON-able; numbers only as `NumberMask` shows them.
            sequence: the event's own number where the emitter keeps count; the next one by default. A repeat is
                acknowledged and makes no second row.

        Returns:
            The event's sequence.

        Raises:
            EventError: the event cannot become a row.
            StoreError: it was not acknowledged; send it again with the same sequence once the store is open again.
        """
        if sequence is None:
            sequence = max(self._given, self._store.mark(self._name)) + 1
        event = AuditEvent(
            sender=self._name,
            sequence=sequence,
            at=at,
            email=email,
            ip_address=ip_address,
            app_name=self._app_name,
            action=action,
            details=details or {},
        )
        self._given = max(self._given, sequence)
        await self._store.append((event,))
        return sequence
