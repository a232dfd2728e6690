"""Notes of what is being done: the ledger as it is loaded and saved, and the rows that are appended once it is done.

The order is that of `ledger`. What the rows say is `telling`; when they are written is the reconciler's to decide.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Protocol

from callkeeper.audit.errors import AuditError
from callkeeper.audit.event import AuditEvent
from callkeeper.reconcile.errors import Unrecorded
from callkeeper.reconcile.ledger import Ledger, LedgerStore
from callkeeper.reconcile.port import RecorderState


class AuditPort(Protocol):
    """Where rows go."""

    def append(self, events: Sequence[AuditEvent]) -> Awaitable[None]:
        """Make the rows durable; those it has already are dropped.

        Raises:
            AuditError: they are not durable.
        """
        ...


async def load(ledgers: LedgerStore) -> Ledger:
    """The ledger as last saved, or a new one.

    Raises:
        Unrecorded: it cannot be read.
    """
    try:
        return await ledgers.load()
    except OSError as error:
        raise Unrecorded(f"cannot read what was programmed before: {error.strerror or error}") from error


async def save(ledgers: LedgerStore, ledger: Ledger) -> None:
    """Note what is being done, or that it is done.

    Raises:
        Unrecorded: it cannot be noted.
    """
    try:
        await ledgers.save(ledger)
    except OSError as error:
        raise Unrecorded(
            f"cannot note what is being done: {error.strerror or error}; nothing is changed until it can"
        ) from error


async def finish(ledger: Ledger, state: RecorderState, *, ledgers: LedgerStore, audit: AuditPort) -> Ledger:
    """Append the rows of what was begun, provided it was done, and note that.

    Args:
        ledger: with what was begun, or nothing.
        state: what the recorder runs now: whether what was begun was done.
        ledgers: keeps the ledger.
        audit: keeps the rows.

    Returns:
        The ledger with nothing begun.

    Raises:
        Unrecorded: the rows or the ledger cannot be written; what was begun stays noted.
    """
    pending = ledger.pending
    if pending is None:
        return ledger
    last = pending.events[-1].sequence if pending.events else ledger.sequence
    if pending.put is not None and (state.revision, state.owner) != (pending.put, ledger.owner):
        # It was begun and never came into force. Its numbers are not used again: whether rows under them reached
        # the store before somebody else programmed the recorder cannot be told.
        return replace(ledger, pending=None, sequence=last)
    if pending.events:
        try:
            await audit.append(pending.events)
        except AuditError as error:
            raise Unrecorded(f"the audit rows of this change are not written yet: {error}") from error
    done = replace(ledger, pending=None, sequence=last, remembered=pending.after)
    if pending.put is not None:
        done = replace(done, revision=pending.put, config=state.config)
    await save(ledgers, done)
    return done
