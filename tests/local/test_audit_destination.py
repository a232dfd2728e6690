"""A recorder and an audit collector that may be away: no event is lost, none is dropped as a repeat."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import StoreUnavailable
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.outbox import OutboxSender
from callkeeper.local import audit_destination
from callkeeper.local.audit_destination import CollectorDestination
from callkeeper.recorder.outbox_audit import StoreOutbox
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.tasks.supervising import Supervisor

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class FakeCollector:
    """Takes each number once, as the real one does; away when told to be."""

    def __init__(self) -> None:
        self.away = False
        self.rows: list[AuditEvent] = []
        self.known: int | None = None

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("nobody answers")

    async def load_marks(self, prefix: str) -> None:
        assert prefix == "recorder"
        self._answer()
        self.known = max((event.sequence for event in self.rows), default=0)

    def mark(self, sender: str) -> int:
        assert sender == "recorder"
        assert self.known is not None, "asked before the marks were loaded"
        return self.known

    async def append(self, events: Iterable[AuditEvent]) -> None:
        self._answer()
        have = {event.sequence for event in self.rows}
        self.rows += [event for event in events if event.sequence not in have]

    @property
    def told(self) -> list[object]:
        return [event.details["n"] for event in self.rows]


class Running:
    """The outbox of one recorder and what delivers it."""

    def __init__(self, folder: Path, collector: FakeCollector) -> None:
        self.store = SqliteStore.open(folder)
        self.destination = CollectorDestination(collector, "the collector", self.store, "recorder")
        self.delivery = OutboxSender(
            StoreOutbox(self.store, "recorder"), collector, "recorder", first_wait_seconds=0.01
        )
        self.store.watch_outbox(self.delivery.wake)

    async def start(self) -> "Running":
        await self.destination.begin(self.delivery, Supervisor(lambda _: None))
        return self

    async def emit(self, *numbers: int) -> None:
        for n in numbers:
            event = Event(
                at=NOW + timedelta(seconds=n),
                email="",
                ip_address="",
                app_name="callkeeper",
                action=Action.ADD_NOTE,
                details={"n": n},
            )
            await self.store.write(lambda rows, event=event: rows.add_event(event))

    async def stop(self) -> None:
        await self.destination.stop()
        await self.delivery.stop(0.1)
        await self.store.close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    monkeypatch.setattr(audit_destination, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(audit_destination, "LONGEST_WAIT_SECONDS", 0.05)
    return FakeCollector()


async def until_told(collector: FakeCollector, *numbers: int) -> None:
    async with asyncio.timeout(60):
        while collector.told != list(numbers):  # noqa: ASYNC110 - the fake tells of nothing
            await asyncio.sleep(0.01)


async def test_what_is_emitted_while_the_collector_is_away_comes_when_it_is_back(tmp_path, collector):
    collector.away = True
    running = await Running(tmp_path, collector).start()
    await running.emit(1, 2)
    assert collector.rows == []
    collector.away = False
    await until_told(collector, 1, 2)
    await running.emit(3)
    await until_told(collector, 1, 2, 3)
    await running.stop()


async def test_an_outbox_that_forgot_its_numbers_loses_no_event_when_the_collector_comes_back_later(
    tmp_path, collector
):
    first = await Running(tmp_path / "lost", collector).start()
    await first.emit(1, 2, 3)
    await until_told(collector, 1, 2, 3)
    await first.stop()

    # The disk was lost: the outbox begins anew at 1, and nobody says that the collector has rows of these numbers.
    collector.away = True
    second = await Running(tmp_path / "new", collector).start()
    await second.emit(4)
    await second.stop()
    third = await Running(tmp_path / "new", collector).start()
    await third.emit(5)
    collector.away = False
    await until_told(collector, 1, 2, 3, 4, 5)
    await third.emit(6)
    await until_told(collector, 1, 2, 3, 4, 5, 6)
    await third.stop()


async def test_what_was_sent_and_not_acknowledged_keeps_its_number(tmp_path, collector):
    running = await Running(tmp_path, collector).start()
    await running.emit(1)
    await until_told(collector, 1)
    collector.away = True
    await running.emit(2)
    await running.stop()
    # The event arrived, and the answer was lost with the process.
    store = SqliteStore.open(tmp_path)
    collector.away = False
    (waiting,) = await StoreOutbox(store, "recorder").first(10)
    await collector.append([waiting])
    await store.close()
    collector.away = True
    again = await Running(tmp_path, collector).start()
    await again.emit(3)
    collector.away = False
    await until_told(collector, 1, 2, 3)
    await again.stop()
