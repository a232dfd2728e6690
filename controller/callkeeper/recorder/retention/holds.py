"""Holds between the store and the arithmetic, and their release by a change of the rule."""

from collections.abc import Callable, Iterable
from datetime import datetime

from callkeeper.policy.retention import Hold
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.retention import KeptHold


def terms_of_holds(kept: Iterable[KeptHold]) -> tuple[Hold, ...]:
    """The holds as the arithmetic takes them."""
    return tuple(
        Hold(id=one.id, owner=one.owner, reason=one.reason, placed_at=one.placed, released_at=one.released)
        for one in kept
    )


def any_unreleased(rows: Reading) -> bool:
    """Whether there is a hold that is not released."""
    return any(hold.released is None for holds in rows.all_holds().values() for hold in holds)


def release_unprotected(rows: Writing, event: Callable[[str, str], Event], *, by: str, at: datetime) -> int:
    """Release every hold there is, one by one: extra retention is disabled, and none protects any more.

    Args:
        rows: of the transaction.
        event: the audit event for a conversation and a hold.
        by: who released them.
        at: when; 24 hours of grace begin here.

    Returns:
        How many were released.
    """
    released = 0
    for conversation, holds in rows.all_holds().items():
        for hold in holds:
            if hold.released is None and rows.release_hold(hold.id, by=by, at=at):
                rows.add_event(event(conversation, hold.id))
                released += 1
    return released
