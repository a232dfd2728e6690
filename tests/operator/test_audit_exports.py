"""An AuditExport that could not be made is made when it can be: a log that had not begun, a disk that was full."""

import asyncio
from types import SimpleNamespace

from tests.audit.collector.served import LOG, collector, token
from tests.audit.making import event

from callkeeper.audit.collector import exports as collector_exports
from callkeeper.audit.space import DiskState
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator import audit_exports
from callkeeper.operator.audit_exports import AuditExports
from callkeeper.operator.audit_logs import Collector, CollectorLogs
from callkeeper.operator.registry import Registry

KEY = ObjectKey(kind="AuditExport", namespace="voice", name="november")


def an_object(kind, name, spec, version=1, status=None):
    metadata = {"name": name, "namespace": "voice", "uid": f"uid-{name}", "generation": 1, "resourceVersion": version}
    document = {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    return document if status is None else {**document, "status": status}


class Cluster:
    """What the operator knows of a namespace with one export, and the statuses it writes there."""

    def __init__(self):
        self.registry, self.version, self.reasons, self.written = Registry(), 1, [], asyncio.Event()
        self.spec = {"recorderRef": {"name": "teams"}, "from": "2026-11-01", "to": "2026-11-24"}
        self.registry.observe(an_object("Recorder", "teams", {}))
        self.registry.observe(an_object("AuditExport", "november", self.spec))

    async def write(self, statuses):
        ((_, value),) = statuses.values()
        self.version += 1
        self.registry.observe(an_object("AuditExport", "november", self.spec, self.version, value))
        self.reasons.append({one["type"]: one["reason"] for one in value["conditions"] if one["type"] != "Accepted"})
        self.written.set()

    async def says(self, reason):
        async with asyncio.timeout(30):
            while not self.reasons or self.reasons[-1]["Ready"] != reason:
                self.written.clear()
                await self.written.wait()


async def test_one_that_failed_is_asked_for_again_until_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_exports, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(collector_exports, "DiskState", SimpleNamespace(OK=DiskState.LOW))
    token_file = tmp_path / "token"
    token_file.write_text(token("operator"))
    cluster = Cluster()
    async with collector(tmp_path) as running, running.client() as client:
        logs = CollectorLogs(Collector(url=running.url, token_file=token_file))
        who = SimpleNamespace(actor=lambda _key: SimpleNamespace(email="ada@example.com"))
        api = SimpleNamespace(get=no_notes)
        carried = AuditExports(
            api=api, registry=cluster.registry, writer=cluster, logs=logs, attribution=who, home="callkeeper"
        )
        task = asyncio.create_task(carried.run())
        try:
            await cluster.says("ExportFailed")
            assert cluster.reasons[-1]["Stalled"] == "ExportFailed", "there is no log yet; somebody may have to act"
            await client.append([event(1)])
            async with asyncio.timeout(30):
                while "Reconciling" not in cluster.reasons[-1]:  # noqa: ASYNC110 - a test's loop
                    await asyncio.sleep(0.01)
            assert cluster.reasons[-1]["Ready"] == "ExportFailed", "its disk is low: it is tried again by itself"
            monkeypatch.setattr(collector_exports, "DiskState", DiskState)
            await cluster.says("Exported")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await logs.close()
        (made,) = (running.folder / LOG / "exports").glob("*.csv")
        assert b"recorder:1" in made.read_bytes()


async def no_notes(_path):
    return {"data": {}, "metadata": {"resourceVersion": "1"}}
