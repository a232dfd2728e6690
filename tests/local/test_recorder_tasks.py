"""What runs beside the requests of a recorder goes on whatever happens in it, and a metric counts what happened."""

import asyncio

import pytest
import structlog

from callkeeper.audit.mask import NumberMask
from callkeeper.audit.store import AuditStore
from callkeeper.local.audit_destination import StoreDestination
from callkeeper.local.listening import bind
from callkeeper.local.recorder_server import RecorderServer, ServerParts
from callkeeper.local.tokens import open_principals


@pytest.fixture
async def server(tmp_path):
    async with AuditStore.open(tmp_path / "audit") as store:
        yield RecorderServer(
            ServerParts(
                state=tmp_path,
                bound=bind("127.0.0.1", 0),
                principals=open_principals(tmp_path, None),
                mask=NumberMask(bytes(16)),
                audit=lambda rows, sender: StoreDestination(store, rows, sender),
            )
        )


@pytest.mark.parametrize(("task", "part", "method"), [("sweeper", "sweeper", "once"), ("media", "media", "tick")])
async def test_an_error_nobody_foresaw_stops_neither_sweeps_nor_media(server, monkeypatch, task, part, method):
    monkeypatch.setattr(server.recorder.supervisor, "_first_pause", 0.01)
    monkeypatch.setattr("callkeeper.recorder.media.keeping.TICK_SECONDS", 0.01)
    goes_on, left = asyncio.Event(), [2]

    async def flawed(self):
        if left[0]:
            left[0] -= 1
            raise KeyError("+390212345678")
        goes_on.set()

    monkeypatch.setattr(type(getattr(server.recorder, part)), method, flawed)
    with structlog.testing.capture_logs() as logs:
        await server.start()
        try:
            async with asyncio.timeout(60):
                await goes_on.wait()
        finally:
            await server.stop()
    assert f'callkeeper_task_failures_total{{task="{task}"}} 2.0' in server.recorder.metrics.text().decode()
    assert [one["error"] for one in logs if one["event"] == "task_failed"] == ["KeyError", "KeyError"]
    assert "0212345678" not in str(logs)
