"""Audit rows through the recorder's own outbox: with the action, in order, once; refused when they cannot be kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.recorder.stage import FakeClock

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.select import Selection
from callkeeper.audit.store import AuditStore
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.outbox_audit import OutboxAudit, StoreOutbox
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.recorder.stored_audit import StoredAuditReader

ADA = Actor(principal=Principal(id="ada", email="ada@example.com"), ip_address="192.0.2.7")
NAME = "recorder"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def audit(store: SqliteStore, clock: FakeClock) -> OutboxAudit:
    return OutboxAudit(store, clock, sender=NAME)


async def waiting(store: SqliteStore) -> list[str]:
    return [event.action.value for _, event in await store.read(lambda rows: rows.undelivered(100))]


async def test_an_action_and_its_event_commit_together(
    store: SqliteStore, audit: OutboxAudit, clock: FakeClock
) -> None:
    details = {"at": clock.now(), "actor": ADA, "details": {}}
    assert await audit.act(lambda rows: rows.set_meta("a", "1") or 7, Action.ADD_TAG, **details) == 7

    def failing(rows: Any) -> None:
        rows.set_meta("a", "2")
        raise LookupError

    with pytest.raises(LookupError):
        await audit.act(failing, Action.REMOVE_TAG, **details)
    assert (await waiting(store), await store.read(lambda rows: rows.meta("a"))) == (["AddTag"], "1")


async def test_an_event_that_cannot_become_a_row_refuses_the_action(
    store: SqliteStore, audit: OutboxAudit, clock: FakeClock
) -> None:
    for details in ({"id": "taken"}, {"x": object()}):
        with pytest.raises(AuditFault):
            await audit.act(
                lambda rows: rows.set_meta("a", "1"), Action.ADD_TAG, at=clock.now(), actor=ADA, details=details
            )
    assert (await waiting(store), await store.read(lambda rows: rows.meta("a"))) == ([], None)


async def test_a_full_outbox_refuses_people_and_not_the_recorder(
    store: SqliteStore, audit: OutboxAudit, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "OUTBOX_ROWS", 2)
    for _ in range(2):
        await audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={})
    with pytest.raises(AuditFault, match="2 audit events wait"):
        await audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={})
    with pytest.raises(AuditFault):
        await audit.check()
    event = audit.event(Action.EXPIRE_RECORDING, at=clock.now(), actor=ADA, details={})
    await store.write(lambda rows: rows.add_event(event))
    assert await waiting(store) == ["AddTag", "AddTag", "ExpireRecording"]
    await store.write(lambda rows: rows.acknowledge(3))
    clock.forward(2)
    await audit.check()
    await audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={})


async def test_an_outbox_that_cannot_be_written_refuses_and_is_seen_by_the_check(
    store: SqliteStore, audit: OutboxAudit, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Any) -> None:
        raise StorageFault("database or disk is full", "make room")

    monkeypatch.setattr(audit, "_store", SimpleNamespace(write=full))
    for asked in (audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={}), audit.check()):
        with pytest.raises(AuditFault, match="disk is full"):
            await asked


async def test_what_was_acted_is_in_the_download_that_follows(
    tmp_path: Path, store: SqliteStore, audit: OutboxAudit, clock: FakeClock
) -> None:
    async with AuditStore.open(tmp_path / "audit") as rows:
        sender = OutboxSender(StoreOutbox(store, NAME), rows, NAME)
        store.watch_outbox(sender.wake)
        await sender.start()
        reader = StoredAuditReader(rows, audit, sender)
        await audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={})
        day = clock.now().replace(hour=0)
        download = await reader.fix(AskedExport(start=day, end=day.replace(day=2), selection=Selection()))
        await reader.record(download, 0, at=clock.now(), actor=ADA)
        text = b"".join(download.chunks()).decode()
        assert text.count("AddTag") == 1
        assert "DownloadCsvAudit" not in text
        await sender.stop(2)
        assert await waiting(store) == []


async def test_a_restart_anywhere_delivers_each_event_once(tmp_path: Path, clock: FakeClock) -> None:
    for round_ in range(4):
        store = SqliteStore.open(tmp_path / "store")
        audit = OutboxAudit(store, clock, sender=NAME)
        async with AuditStore.open(tmp_path / "audit") as rows:
            sender = OutboxSender(StoreOutbox(store, NAME), rows, NAME)
            store.watch_outbox(sender.wake)
            await sender.start()
            for n in range(5):
                await audit.emit(Action.ADD_TAG, at=clock.now(), actor=ADA, details={"n": round_ * 5 + n})
            if round_ % 2:
                await sender.stop(2)
            else:
                # Cut off in the middle of whatever it does.
                assert sender._task is not None
                sender._task.cancel()
        await store.close()
    text = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*.csv")).decode()
    assert [text.count(f'""n"":{n}}}') for n in range(20)] == [1] * 20
