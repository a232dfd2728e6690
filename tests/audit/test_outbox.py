import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import OutboxUnavailable, StoreFailed
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.outbox import MOST_EVENTS, OutboxSender
from callkeeper.audit.store import AuditStore

NAME = "recorder"


def event(sequence: int) -> AuditEvent:
    return AuditEvent(
        sender=NAME, sequence=sequence, at=datetime(2026, 3, 1, tzinfo=UTC), email="ada@example.com", ip_address="",
        app_name="callkeeper", action=Action.ADD_NOTE, details={"n": sequence},
    )  # fmt: skip


class FakeOutbox:
    """An outbox in memory; fails, or forgets to acknowledge, when told to."""

    def __init__(self, *sequences: int) -> None:
        self.waiting = list(sequences)
        self.failing = 0
        self.lowest = 0

    async def first(self, limit: int) -> Sequence[AuditEvent]:
        self._maybe_fail()
        return [event(sequence) for sequence in self.waiting[:limit]]

    async def delivered(self, sequence: int) -> None:
        self._maybe_fail()
        self.waiting = [one for one in self.waiting if one > sequence]
        self.lowest = max(self.lowest, sequence)

    def _maybe_fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise OutboxUnavailable("the disk is full")


class FakeStore:
    """A collector that keeps what it acknowledges; fails before or after it has taken the events."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.failing: list[str] = []

    def mark(self, sender: str) -> int:
        assert sender == NAME
        return max(self.taken, default=0)

    async def append(self, events: Sequence[AuditEvent]) -> None:
        failure = self.failing.pop(0) if self.failing else ""
        if failure == "unforeseen":
            raise KeyError("+390212345678")
        if failure == "before":
            raise StoreFailed("not on disk")
        self.taken += [one.sequence for one in events if one.sequence > self.mark(NAME)]
        if failure == "after":
            raise StoreFailed("on disk, and the answer got lost")


async def delivering(outbox: FakeOutbox, store: FakeStore) -> OutboxSender:
    sender = OutboxSender(outbox, store, NAME, first_wait_seconds=0.001, longest_wait_seconds=0.002)
    await sender.start()
    return sender


async def emptied(outbox: FakeOutbox) -> None:
    while outbox.waiting:  # noqa: ASYNC110 - what the sender does is looked at from outside
        await asyncio.sleep(0.001)


def rows_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.csv"))


async def test_events_are_delivered_in_order_and_taken_away() -> None:
    outbox, store = FakeOutbox(*range(1, 2 * MOST_EVENTS + 10)), FakeStore()
    sender = await delivering(outbox, store)
    assert await sender.flush(5)
    assert (store.taken, outbox.waiting) == (list(range(1, 2 * MOST_EVENTS + 10)), [])
    await sender.stop(1)


async def test_a_sender_sleeps_until_it_is_woken() -> None:
    outbox, store = FakeOutbox(), FakeStore()
    sender = await delivering(outbox, store)
    await asyncio.sleep(0.02)
    outbox.waiting.append(1)
    await asyncio.sleep(0.02)
    assert store.taken == []
    sender.wake()
    await asyncio.sleep(0.02)
    assert store.taken == [1]
    await sender.stop(1)


@pytest.mark.parametrize(
    "failing", [["before"], ["after"], ["before", "after", "before"], ["unforeseen", "unforeseen"]], ids=str
)
async def test_whatever_the_store_does_each_event_is_there_once(failing: list[str]) -> None:
    outbox, store = FakeOutbox(1, 2, 3), FakeStore()
    store.failing = failing
    sender = await delivering(outbox, store)
    await emptied(outbox)
    assert store.taken == [1, 2, 3]
    assert await sender.flush(5)
    assert sender.failure is None
    await sender.stop(1)


async def test_a_failing_outbox_is_tried_again() -> None:
    outbox, store = FakeOutbox(1, 2), FakeStore()
    sender = await delivering(outbox, store)
    assert await sender.flush(5)
    outbox.waiting, outbox.failing = [3], 2
    sender.wake()
    await emptied(outbox)
    assert store.taken == [1, 2, 3]
    await sender.stop(1)


async def test_a_store_that_stays_away_is_named_and_keeps_nobody() -> None:
    outbox, store = FakeOutbox(1), FakeStore()
    store.failing = ["before"] * 10_000
    sender = await delivering(outbox, store)
    assert not await sender.flush(0.05)
    assert sender.failure == "not on disk"
    await asyncio.wait_for(sender.stop(1), 0.5)
    assert outbox.waiting == [1]


async def test_a_crash_between_acknowledgement_and_taking_away_makes_no_second_row(tmp_path: Path) -> None:
    async with AuditStore.open(tmp_path) as store:
        await store.append([event(1), event(2)])
        outbox = FakeOutbox(1, 2, 3)
        sender = OutboxSender(outbox, store, NAME)
        await sender.start()
        assert await sender.flush(5)
        await sender.stop(1)
        assert outbox.waiting == []
    rows = rows_in(tmp_path)
    assert [rows.count(b'""id"":""recorder:%d""' % n) for n in (1, 2, 3)] == [1, 1, 1]


async def test_numbers_the_store_has_seen_are_not_given_again() -> None:
    """An outbox from a backup has forgotten how far it had counted."""
    outbox, store = FakeOutbox(), FakeStore()
    store.taken = [1, 2, 7]
    sender = await delivering(outbox, store)
    assert outbox.lowest == 7
    await sender.stop(1)
