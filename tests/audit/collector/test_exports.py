"""Exports on the volume, as the operator asks for them: complete or not there, retried, kept over restarts."""

import hashlib
import json
import time
from datetime import timedelta

import pytest
from tests.audit.collector.served import LOG, collector
from tests.audit.collector.test_collector import problem
from tests.audit.making import NOON, event, read_csv, seconds

from callkeeper.audit.actions import Action
from callkeeper.audit.collector import bounds, export_files
from callkeeper.audit.collector.answers import ExportState
from callkeeper.audit.errors import CollectorRefused
from callkeeper.audit.export import export_range
from callkeeper.audit.space import DiskState

WANTED = {"start": "2026-11-23", "end": "2026-11-24", "requested_by": "ops@example.com"}
DAY = NOON - timedelta(hours=12)


async def fill(client):
    await client.append(
        [
            event(number, at=seconds(number), action=Action.LOGIN if number % 3 else Action.LOGOUT)
            for number in range(1, 200)
        ]
    )


def whole(running):
    return b"".join(export_range(running.folder / LOG, DAY, DAY + timedelta(days=1)))


async def complete(client, name, deadline_seconds=20.0):
    """How an export is once it is no longer pending."""
    until = time.monotonic() + deadline_seconds
    while (found := await client.export(name)) is not None and found.state is ExportState.PENDING:
        assert time.monotonic() < until
    return found


async def test_a_file_is_made_and_its_status_says_what_it_holds(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        await fill(client)
        await client.put_export("november", **WANTED)
        found = await complete(client, "november")
        wanted = whole(running)
        path = running.folder / LOG / "exports" / "november.csv"
        assert (found.state, found.file, found.message) == (ExportState.COMPLETE, str(path), "")
        assert path.read_bytes() == wanted
        assert (found.rows, found.size, found.sha256) == (199, len(wanted), hashlib.sha256(wanted).hexdigest())
        # Asked for again, by whoever: the same, not made anew.
        before = path.stat().st_mtime_ns
        assert await client.put_export("november", **{**WANTED, "requested_by": "else"}) == found
        assert path.stat().st_mtime_ns == before
        with pytest.raises(CollectorRefused, match="409"):
            await client.put_export("november", **{**WANTED, "email": "ada@example.com"})
        rows = [row for file in (running.folder / LOG).glob("*.csv") for row in read_csv(file.read_bytes())]
        (row,) = [row for row in rows if row[4] == "DownloadCsvAudit"]
        assert row[1] == "ops@example.com"
        details = json.loads(row[5])
        assert (details["export"], details["rows"], details["bytes"]) == ("november", 199, len(wanted))
        # The exports are no rows of the log.
        assert whole(running) == wanted


async def test_a_selection_is_exported(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        await fill(client)
        await client.put_export("logouts", **WANTED, action="Logout", email="ADA@example.com")
        found = await complete(client, "logouts")
        rows = read_csv((running.folder / LOG / "exports" / "logouts.csv").read_bytes())[1:]
        assert (found.rows, {row[4] for row in rows}, len(rows)) == (66, {"Logout"}, 66)


async def test_a_range_that_is_not_over_waits(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        await fill(client)
        found = await client.put_export("later", **{**WANTED, "end": "2999-01-01"})
        assert (found.state, found.message) == (
            ExportState.PENDING,
            "waits until the range is over (2999-01-01T00:00:00Z)",
        )
        assert list((running.folder / LOG / "exports").glob("*.csv*")) == []


async def test_one_that_failed_leaves_nothing_and_is_made_when_asked_for_again(tmp_path, monkeypatch):
    async with collector(tmp_path) as running, running.client() as client:
        await fill(client)
        tries = []

        def full(*arguments):
            tries.append(arguments)
            # Half of it is written when the disk is full.
            target, download, _ = arguments
            monkeypatch.setattr(export_files, "write_all", half)
            return kept(target, download, export_files.Stopped())

        def half(disk, descriptor, data):
            write(disk, descriptor, data[: len(data) // 2])
            raise OSError(28, "No space left on device")

        kept, write = export_files.write_file, export_files.write_all
        with monkeypatch.context() as patch:
            patch.setattr("callkeeper.audit.collector.exports.write_file", full)
            await client.put_export("november", **WANTED)
            found = await complete(client, "november")
        monkeypatch.setattr(export_files, "write_all", write)
        assert found.state is ExportState.FAILED
        assert "No space left on device; it is tried again when asked for again" in found.message
        assert [path.name for path in (running.folder / LOG / "exports").iterdir()] == ["november.json"]
        assert (await client.export("november")).state is ExportState.FAILED
        await client.put_export("november", **WANTED)
        assert (await complete(client, "november")).state is ExportState.COMPLETE
        assert len(tries) == 1


async def test_no_file_is_made_of_the_last_room(tmp_path, monkeypatch):
    async with collector(tmp_path) as running, running.client() as client:
        await fill(client)
        with monkeypatch.context() as patch:
            patch.setattr("callkeeper.audit.collector.logs.Log.disk_state", DiskState.LOW)
            await client.put_export("november", **WANTED)
            found = await complete(client, "november")
            assert (found.state, "nearly full" in found.message) == (ExportState.FAILED, True)
        await client.put_export("november", **WANTED)
        assert (await complete(client, "november")).state is ExportState.COMPLETE


async def test_one_that_a_restart_cut_off_goes_on(tmp_path, monkeypatch):
    def slow(_target, _download, stopped):
        until = time.monotonic() + 30
        while not stopped.now:
            assert time.monotonic() < until
            time.sleep(0.01)
        raise OSError("stopped")

    monkeypatch.setattr(bounds, "EXPORT_WAIT_SECONDS", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr("callkeeper.audit.collector.exports.write_file", slow)
        async with collector(tmp_path) as running, running.client() as client:
            await fill(client)
            found = await client.put_export("november", **WANTED)
            assert found.state is ExportState.PENDING
    assert not (running.folder / LOG / "exports" / "november.csv").exists()
    async with collector(tmp_path) as running, running.client() as client:
        # Only asked how it is.
        found = await complete(client, "november")
        assert found.state is ExportState.COMPLETE
        assert (running.folder / LOG / "exports" / "november.csv").read_bytes() == whole(running)


async def test_deletion_takes_the_file_and_is_harmless_twice(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        assert await client.export("november") is None
        await client.delete_export("november")
        await fill(client)
        await client.put_export("november", **WANTED)
        await complete(client, "november")
        await client.delete_export("november")
        await client.delete_export("november")
        assert list((running.folder / LOG / "exports").iterdir()) == []
        assert await client.export("november") is None
        # A file somebody else has taken is told, and made again.
        await client.put_export("november", **WANTED)
        await complete(client, "november")
        (running.folder / LOG / "exports" / "november.csv").unlink()
        assert (await client.export("november")).message.startswith("the file is no longer there")
        await client.put_export("november", **WANTED)
        assert (await complete(client, "november")).state is ExportState.COMPLETE


async def test_what_cannot_be_asked_for_is_refused(tmp_path, monkeypatch):
    good = {"from": "2026-11-23", "to": "2026-11-24", "requestedBy": "a"}
    address = f"/v1/logs/{LOG}/exports/"
    async with collector(tmp_path) as running, running.client() as client:
        assert problem(await running.ask("PUT", address + "a", json=good))[0] == "unknown-log"
        await fill(client)
        for name, body, wanted in (
            ("..%2f..%2fevil", good, "not-found"),
            ("UPPER", good, "invalid-request"),
            ("a" * 201, good, "invalid-request"),
            ("a", {**good, "to": "2026-11-22"}, "invalid-request"),
            ("a", {**good, "to": "tomorrow"}, "invalid-request"),
            ("a", {**good, "action": "Nothing"}, "invalid-request"),
            ("a", {**good, "requestedBy": ""}, "invalid-request"),
            ("a", {**good, "more": 1}, "invalid-request"),
            ("a", {"from": "2026-11-23"}, "invalid-request"),
            ("a", [], "invalid-request"),
        ):
            assert problem(await running.ask("PUT", address + name, json=body))[0] == wanted, body
        for method, path, name in (("PUT", "a", "vera"), ("DELETE", "a", "vera"), ("GET", "a", "recorder-teams")):
            assert problem(await running.ask(method, address + path, name=name, json=good))[0] == "forbidden"
        monkeypatch.setattr(bounds, "EXPORTS", 1)
        assert (await running.ask("PUT", address + "one", json=good))[0] in {200, 202}
        answer = await running.ask("PUT", address + "two", json=good)
        assert problem(answer)[0] == "too-many-exports"
        assert answer[1]["Retry-After"] == "30"
