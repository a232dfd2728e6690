"""The recorder's audit rows through its own outbox: durable with the action, delivered to the audit store afterwards.

An audit store that does not answer refuses nothing until `bounds.OUTBOX_ROWS` events wait. Then, and when the outbox
itself cannot be written, actions by people are refused; what the recorder does by itself goes on, and its events are
put into the outbox all the same (`Writing.add_event`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import EventError, OutboxUnavailable
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import row
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Store, Writing

T = TypeVar("T")
SENDER = "recorder"
"""Under this name a recorder numbers its audit rows; its log is its own."""

CHECKED = "outbox-checked"
"""The small fact that a check writes."""

CHECK_SECONDS = 1.0
"""A check within a second of the last one gives its answer: it is anybody's to ask, and each costs a sync."""


UNAGREED = "outbox-unagreed"
"""The small fact from which number on the outbox gave numbers without knowing how far the audit store has come.

An outbox that came back from a backup has forgotten numbers it gave; given again, those events would be dropped as
repeats. So they get new numbers once the store's mark is known, which is sound because none of them was ever sent.
"""


class OutboxAudit:
    """An `AuditSink` over the store."""

    def __init__(self, store: Store, clock: Clock, *, sender: str, app_name: str = "callkeeper") -> None:
        """Write to this store's outbox.

        Args:
            store: of the recorder.
            clock: for checks.
            sender: under which its events are delivered.
            app_name: the AppName of its rows.
        """
        self._store = store
        self._clock = clock
        self._sender = sender
        self._app_name = app_name
        self._checked: tuple[datetime, AuditFault | None] | None = None

    def event(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> Event:
        """The event of an action, for a unit that adds it itself.

        Raises:
            AuditFault: it cannot become a row.
        """
        made = Event(
            at=at,
            email=actor.principal.audit_email,
            ip_address=actor.ip_address,
            app_name=self._app_name,
            action=action,
            details=details,
        )
        try:
            # Made once for nothing: what cannot become a row would stand in the way of all that come after it.
            row(numbered(made, self._sender, 1))
        except (EventError, TypeError, ValueError) as error:
            raise AuditFault(str(error)) from error
        return made

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        """See `AuditSink.emit`.

        Raises:
            AuditFault: the event is not in the outbox.
        """
        await self.act(_nothing, action, at=at, actor=actor, details=details)

    async def act_all(
        self,
        doing: Callable[[Writing], T],
        rows: Sequence[tuple[Action, Mapping[str, Any]]],
        *,
        at: datetime,
        actor: Actor,
    ) -> T:
        """See `AuditSink.act_all`.

        Raises:
            AuditFault: nothing was done.
        """

        def made() -> list[Event]:
            return [self.event(action, at=at, actor=actor, details=details) for action, details in rows]

        # An import may have a hundred thousand: each is looked at, which is not for the event loop.
        events = await asyncio.to_thread(made)

        def unit(writing: Writing) -> T:
            ensure_room(writing)
            done = doing(writing)
            for event in events:
                writing.add_event(event)
            return done

        try:
            return await self._store.write(unit)
        except StorageFault as error:
            raise AuditFault(error.detail) from error

    async def act(
        self, doing: Callable[[Writing], T], action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]
    ) -> T:
        """See `AuditSink.act`.

        Raises:
            AuditFault: nothing was done.
        """
        event = self.event(action, at=at, actor=actor, details=details)

        def unit(rows: Writing) -> T:
            ensure_room(rows)
            done = doing(rows)
            rows.add_event(event)
            return done

        try:
            return await self._store.write(unit)
        except StorageFault as error:
            raise AuditFault(error.detail) from error

    async def check(self) -> None:
        """See `AuditSink.check`.

        Raises:
            AuditFault: the outbox is full or cannot be written.
        """
        now = self._clock.now()
        if self._checked is None or not 0 <= (now - self._checked[0]).total_seconds() < CHECK_SECONDS:
            self._checked = now, await self._look(now)
        fault = self._checked[1]
        if fault is not None:
            raise fault

    async def _look(self, now: datetime) -> AuditFault | None:
        def unit(rows: Writing) -> None:
            ensure_room(rows)
            rows.set_meta(CHECKED, now.isoformat())

        try:
            await self._store.write(unit)
        except AuditFault as fault:
            return fault
        except StorageFault as fault:
            return AuditFault(fault.detail)
        return None


class StoreOutbox:
    """The outbox as the sender sees it (`audit.outbox.Outbox`)."""

    def __init__(self, store: Store, sender: str) -> None:
        self._store = store
        self._sender = sender

    async def first(self, limit: int) -> Sequence[AuditEvent]:
        """See `Outbox.first`.

        Raises:
            OutboxUnavailable: the store cannot be read.
        """
        try:
            waiting = await self._store.read(lambda rows: rows.undelivered(limit))
        except StorageFault as fault:
            raise OutboxUnavailable(str(fault)) from fault
        return [numbered(event, self._sender, sequence) for sequence, event in waiting]

    async def delivered(self, sequence: int) -> None:
        """See `Outbox.delivered`.

        Raises:
            OutboxUnavailable: the store cannot be written.
        """
        try:
            await self._store.write(lambda rows: rows.acknowledge(sequence))
        except StorageFault as fault:
            raise OutboxUnavailable(str(fault)) from fault


def numbered(event: Event, sender: str, sequence: int) -> AuditEvent:
    """The event as the audit store takes it."""
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=event.at,
        email=event.email,
        ip_address=event.ip_address,
        app_name=event.app_name,
        action=event.action,
        details=event.details,
    )


def note_unagreed(rows: Writing) -> None:
    """Note that what is numbered from now on may have to be numbered anew."""
    if rows.meta(UNAGREED) is None:
        rows.set_meta(UNAGREED, str(rows.last_event_number()))


def agree(rows: Writing, mark: int) -> None:
    """Give new numbers to what was numbered without knowing the mark, where the mark is above them."""
    noted = rows.meta(UNAGREED)
    if noted is not None:
        if mark > int(noted):
            rows.renumber_events(after=int(noted), least=mark + 1)
        rows.forget_meta(UNAGREED)


def ensure_room(rows: Writing) -> None:
    """See that a person's action finds room in the outbox.

    Raises:
        AuditFault: too many events wait.
    """
    if rows.outbox_size().rows >= bounds.OUTBOX_ROWS:
        raise AuditFault(f"{bounds.OUTBOX_ROWS} audit events wait to be delivered, the most this recorder keeps")


def _nothing(_: Writing) -> None:
    return None
