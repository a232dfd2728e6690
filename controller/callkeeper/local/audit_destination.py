"""Where a recorder's audit rows go: an audit store in this process, or a collector elsewhere that may be away.

The outbox is the same for both (`recorder.outbox_audit`); what differs is how its numbers are agreed on at a start, and
whether the rows can be downloaded from the recorder.

Facts:
    - An outbox that came back from a backup has forgotten numbers it gave, which the other side has rows for: given
      again, those events would be dropped as repeats. So nothing is delivered before the marks are known.
    - A collector that is away refuses nothing: events are numbered meanwhile, and those that turn out to have been
      given before get new numbers, which is sound because none of them was ever sent. From where on that is so is kept
      beside the outbox, for the process may end before the collector comes back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Protocol

import structlog

from callkeeper.audit.asked import AskedExport
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.download import Download
from callkeeper.audit.errors import AuditError, OutboxUnavailable, StoreBusy
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.recovered import Recovery
from callkeeper.audit.sender import Appender
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verification import Verification
from callkeeper.local.exits import EXIT_STATE_LOCKED, EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.state import StateFolder
from callkeeper.recorder.auditing import Actor, AuditReader, AuditSink
from callkeeper.recorder.errors import StorageFault, Unknown
from callkeeper.recorder.outbox_audit import UNAGREED, agree, note_unagreed
from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.stored_audit import StoredAuditReader
from callkeeper.tasks.supervising import Supervisor

log = structlog.get_logger()

FIRST_ANSWER_SECONDS = 3.0
"""How long a start waits for the collector: long enough for one that is there, short for one that is not."""

MOST_TOLD = 10
"""Of each kind of damage, at a start: enough to see that something is wrong, and where."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0


async def open_audit_store(state: StateFolder, stack: AsyncExitStack) -> AuditStore:
    """Open the audit store of a state folder; it is closed with the stack.

    Raises:
        CannotRun: another process has it, or it cannot be used.
    """
    try:
        store = await asyncio.to_thread(AuditStore.open, state.path / "audit")
    except StoreBusy as error:
        raise CannotRun(
            f"another process writes the audit log in {state.path} ({error}); try again when it is done",
            EXIT_STATE_LOCKED,
        ) from error
    except AuditError as error:
        raise CannotRun(str(error), EXIT_STATE_UNUSABLE) from error
    stack.push_async_callback(store.close)
    _tell(store.recovery)
    return store


def _tell(recovery: Recovery) -> None:
    """Log what opening the store found. Nobody verifies a log every day; who starts it looks at what it says."""
    for damage in recovery.damaged[:MOST_TOLD]:
        log.error(
            "audit_log_damaged",
            file=damage.file,
            byte=damage.offset,
            bytes=damage.size,
            detail=damage.message,
            advice="callkeeper audit verify names the commits; copy the files before anything else",
        )
    for torn in recovery.torn[:MOST_TOLD]:
        log.warning("audit_log_unfinished_write", file=torn.file, bytes=torn.size, moved_to=torn.moved_to)
    told = min(len(recovery.damaged), MOST_TOLD) + min(len(recovery.torn), MOST_TOLD)
    if (untold := len(recovery.damaged) + len(recovery.torn) - told) > 0:
        log.error("audit_log_damaged_further", more=untold, advice="callkeeper audit verify")


class AuditDestination(Protocol):
    """Where rows go."""

    @property
    def appender(self) -> Appender:
        """Takes the events."""
        ...

    def reader(self, sink: AuditSink, delivery: OutboxSender) -> AuditReader:
        """Gives the rows back, as far as they can be had here."""
        ...

    async def begin(self, delivery: OutboxSender, supervisor: Supervisor) -> None:
        """Agree on the numbers and begin to deliver, now or when the other side is there.

        Args:
            delivery: begins when the numbers are agreed on.
            supervisor: keeps running what waits for the other side.

        Raises:
            OutboxUnavailable: the outbox cannot be read or written.
        """
        ...

    async def stop(self) -> None:
        """Give up what `begin` still waits for."""
        ...


MakeDestination = Callable[[Store, str], AuditDestination]
"""Makes it, of the store that holds the outbox and the name under which that is numbered."""


class StoreDestination:
    """An audit store in this process; closed by whoever opened it."""

    def __init__(self, store: AuditStore, rows: Store, sender: str) -> None:
        """Prepare.

        Args:
            store: takes the rows.
            rows: holds the outbox.
            sender: under which the outbox is numbered.
        """
        self.appender: Appender = store
        self._store = store
        self._rows = rows
        self._sender = sender

    def reader(self, sink: AuditSink, delivery: OutboxSender) -> AuditReader:
        """See `AuditDestination.reader`."""
        return StoredAuditReader(self._store, sink, delivery)

    async def begin(self, delivery: OutboxSender, supervisor: Supervisor) -> None:
        """See `AuditDestination.begin`.

        Raises:
            OutboxUnavailable: the outbox cannot be written.
        """
        del supervisor  # the store is there: nothing is waited for
        mark = self._store.mark(self._sender)
        if await self._rows.read(lambda rows: rows.meta(UNAGREED)) is not None:
            await _written(self._rows, lambda rows: agree(rows, mark))
        await delivery.start()

    async def stop(self) -> None:
        """See `AuditDestination.stop`."""


class Collector(Appender, Protocol):
    """What is needed of `audit.collector_client.CollectorClient`."""

    async def load_marks(self, prefix: str) -> object:
        """Fetch the marks of the senders whose names begin like this, for `mark`."""
        ...


class CollectorDestination:
    """A collector elsewhere; its client is closed by whoever made it."""

    def __init__(self, client: Collector, where: str, store: Store, sender: str) -> None:
        """Prepare.

        Args:
            client: speaks to the collector.
            where: its address and log, in words for people.
            store: holds the outbox.
            sender: under which the outbox is numbered.
        """
        self.appender: Appender = client
        self._client = client
        self._where = where
        self._store = store
        self._sender = sender
        self._waiting: asyncio.Task[None] | None = None

    def reader(self, sink: AuditSink, delivery: OutboxSender) -> AuditReader:
        """See `AuditDestination.reader`."""
        del sink, delivery  # nothing is read here
        return _Elsewhere(self._where)

    async def begin(self, delivery: OutboxSender, supervisor: Supervisor) -> None:
        """See `AuditDestination.begin`.

        Raises:
            OutboxUnavailable: the outbox cannot be read or written.
        """
        try:
            async with asyncio.timeout(FIRST_ANSWER_SECONDS):
                await self._client.load_marks(self._sender)
        except (AuditError, TimeoutError) as error:
            log.warning("collector_unreachable", collector=self._where, error=str(error) or "it does not answer")
            await _written(self._store, note_unagreed)
            agreeing = supervisor.keep("agree with the audit collector", lambda: self._agree_later(delivery))
            self._waiting = asyncio.create_task(agreeing, name="agree with the audit collector")
        else:
            await self._agree(delivery)

    async def stop(self) -> None:
        """See `AuditDestination.stop`."""
        if self._waiting is not None:
            self._waiting.cancel()
            with suppress(asyncio.CancelledError):
                await self._waiting

    async def _agree_later(self, delivery: OutboxSender) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)
            try:
                await self._client.load_marks(self._sender)
                await self._agree(delivery)
            except AuditError:
                continue
            log.info("collector_reached", collector=self._where)
            return

    async def _agree(self, delivery: OutboxSender) -> None:
        mark = self._client.mark(self._sender)
        await _written(self._store, lambda rows: agree(rows, mark))
        await delivery.start()


async def _written(store: Store, unit: Callable[[Writing], None]) -> None:
    try:
        await store.write(unit)
    except StorageFault as fault:
        raise OutboxUnavailable(str(fault)) from fault


class _Elsewhere:
    """An `AuditReader` that says where the rows are."""

    def __init__(self, where: str) -> None:
        self._where = where

    async def fix(self, asked: AskedExport) -> Download:
        """See `AuditReader.fix`.

        Raises:
            Unknown: always.
        """
        del asked  # whoever asks is sent elsewhere
        raise self._unknown()

    async def record(self, download: Download, offset: int, *, at: datetime, actor: Actor) -> None:
        """See `AuditReader.record`.

        Raises:
            Unknown: always.
        """
        del download, offset, at, actor  # likewise
        raise self._unknown()

    async def verify(
        self, against: Sequence[Checkpoint], public_keys: Sequence[bytes], *, at: datetime, actor: Actor
    ) -> Verification:
        """See `AuditReader.verify`.

        Raises:
            Unknown: always.
        """
        del against, public_keys, at, actor  # likewise
        raise self._unknown()

    def _unknown(self) -> Unknown:
        return Unknown(
            "audit-elsewhere", f"the audit log of this recorder is kept by {self._where}", "download it there"
        )
