"""What a collector says of a log stands in the conditions of its AuditLog: a disk that is low, and one that is full."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.audit.collector.served import collector, token

from callkeeper.audit.space import DiskMarks
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.audit_keeping import AuditKeeping
from callkeeper.operator.audit_logs import Collector, CollectorLogs
from callkeeper.policy.config import AuditSection
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import Condition, ObjectStatus

RECORDER = ObjectKey(kind="Recorder", namespace="voice", name="teams")
KEY = ObjectKey(kind="AuditLog", namespace="voice", name="kept")
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def in_force():
    """As a reconcile leaves it where all is well."""

    def condition(of):
        return Condition(
            type=of,
            status=ConditionStatus.TRUE,
            reason=Reason.SYNCED,
            message="in force",
            observed_generation=1,
            last_transition_time=NOW,
        )

    types = (ConditionType.ACCEPTED, ConditionType.PROGRAMMED, ConditionType.READY)
    return ObjectStatus(key=KEY, observed_generation=1, conditions=tuple(map(condition, types)))


@pytest.mark.parametrize(
    ("marks", "pressure", "ready"),
    [
        (DiskMarks(low_bytes=2, full_bytes=1), None, True),
        (DiskMarks(low_bytes=2**62, full_bytes=1), "low", True),
        (DiskMarks(low_bytes=2**62, full_bytes=2**61), "full", False),
    ],
    ids=["room enough", "low", "full"],
)
async def test_a_disk_that_fills_is_named_in_the_conditions(tmp_path, monkeypatch, marks, pressure, ready):
    monkeypatch.setattr(DiskMarks, "usual", lambda _room: marks)
    changed = asyncio.Event()
    token_file = tmp_path / "token"
    token_file.write_text(token("operator"))
    async with collector(tmp_path) as running:
        logs = CollectorLogs(Collector(url=running.url, token_file=token_file))
        keeping = AuditKeeping(logs=logs, changed=lambda _key: changed.set())
        keeping.want(RECORDER, AuditSection(application_name="lab"))
        task = asyncio.create_task(keeping.run())
        try:
            async with asyncio.timeout(20):
                if pressure is not None:
                    await changed.wait()
                while not (running.folder / "voice" / "teams" / "settings.json").exists():  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0.02)
            made = keeping.judged(RECORDER, in_force(), NOW, None)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await logs.close()
    assert keeping.application_name(RECORDER) == "lab"
    said = made.condition(ConditionType.DISK_PRESSURE)
    assert (said.message if said else None) == (f"the collector's disk is {pressure}" if pressure else None)
    assert made.ready is ready
    if not ready:
        found = made.condition(ConditionType.READY)
        assert (found.reason, made.condition(ConditionType.RECONCILING).status) == (
            Reason.AUDIT_UNAVAILABLE,
            ConditionStatus.TRUE,
        )
        assert "make room" in found.message
        again = replace(made, conditions=made.conditions)
        assert keeping.judged(RECORDER, again, NOW, None) is again, "what is not in force is left as it is"
