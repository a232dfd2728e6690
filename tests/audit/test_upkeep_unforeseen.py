"""Errors in the upkeep: after one that nobody foresaw the next round is tried; a store that is closed tells of none."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from tests.audit.making import Clock, event

from callkeeper.audit import upkeep
from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.store import AuditStore

EVENT = AuditEvent(
    sender="recorder",
    sequence=1,
    at=datetime(2026, 3, 1, tzinfo=UTC),
    email="ada@example.com",
    ip_address="",
    app_name="callkeeper",
    action=Action.ADD_NOTE,
    details={"n": 1},
)


async def test_a_round_that_fails_in_a_way_nobody_foresaw_is_followed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "FIRST_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "ROUND_SECONDS", 0.01)
    rounds, looked_again = [], asyncio.Event()

    async def round_of(self):
        rounds.append(1)
        if len(rounds) < 3:
            raise KeyError("+390212345678")
        looked_again.set()

    monkeypatch.setattr(upkeep.Upkeep, "round", round_of)
    with structlog.testing.capture_logs() as logs:
        async with AuditStore.open(tmp_path) as store, asyncio.timeout(30):
            await store.append([EVENT])
            await looked_again.wait()
    (said,) = [one for one in logs if one["event"] == "audit_upkeep_failed"]
    assert said["error"] == "KeyError"
    assert said["at"][-1].endswith(" round_of")
    assert "0212345678" not in str(logs)


async def test_a_store_that_is_closed_while_it_compresses_tells_of_no_failure(tmp_path):
    clock = Clock()
    with structlog.testing.capture_logs() as logs:
        async with AuditStore.open(tmp_path, now=clock) as store:
            await store.append([event(1)])
            clock.at += timedelta(days=1)
            await store.append([event(2, at=clock.at)])
            await store.apply(LogSettings(compress_closed=True))
            store._upkeep._stopping = True
            await store._upkeep._guarded(store._upkeep.round())
            assert (store._upkeep.failure, list(tmp_path.glob("*.gz"))) == (None, [])
    assert logs == []
