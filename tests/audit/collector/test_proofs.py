"""Checkpoints and verification over HTTP, settings in force, and a disk that runs full."""

import json
from datetime import timedelta

from tests.audit.collector.served import LOG, collector
from tests.audit.collector.test_collector import problem
from tests.audit.making import NOON, event, read_csv, stored

from callkeeper.audit.space import DiskMarks

CHECKPOINTS, VERIFY = f"/v1/logs/{LOG}/checkpoints", f"/v1/logs/{LOG}/verify"


async def test_a_checkpoint_kept_elsewhere_shows_which_commit_was_altered(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        for number in range(1, 6):
            await client.append([event(number, email=f"user{number}@example.com")])
        status, _, line = await running.ask("POST", CHECKPOINTS, name="vera")
        assert (status, line.startswith(b"callkeeper-checkpoint v1 store=")) == (200, True)
        _, _, lines = await running.ask("GET", CHECKPOINTS, name="vera")
        assert lines.splitlines()[-1] == line.strip()
        _, _, last = await running.ask("GET", f"{CHECKPOINTS}?last=1", name="operator")
        assert last == line
        assert (await client.status()).checkpoint == line.decode().strip()
        kept = {"against": [line.decode().strip()]}
        status, _, body = await running.ask("POST", VERIFY, name="vera", json=kept)
        found = json.loads(body)
        assert (status, found["sound"], found["rows"], found["against"]) == (200, True, 5, 1)

        path = running.folder / LOG / "audit-2026-11-23.csv"
        path.write_bytes(path.read_bytes().replace(b"user3@example.com", b"user9@example.com"))
        _, _, body = await running.ask("POST", VERIFY, name="vera", json=kept)
        found = json.loads(body)
        assert found["sound"] is False
        first = found["problems"][0]
        assert (first["trouble"], first["commit"], first["firstRow"], first["rows"]) == ("rows-altered", 3, 3, 1)
        assert "commit 3" in first["text"]

        own = [json.loads(row[5]) for row in read_csv(b"".join(_files(running)))[1:] if row[4] == "VerifyAudit"]
        assert [(one["sound"], one["problems"], one["against"]) for one in own] == [(True, 0, 1), (False, 1, 1)]


def _files(running):
    for number, path in enumerate(sorted((running.folder / LOG).glob("*.csv"))):
        data = path.read_bytes()
        yield data if not number else data.partition(b"\r\n")[2]


async def test_what_cannot_be_verified_is_refused(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        assert problem(await running.ask("POST", VERIFY, name="vera", json={}))[0] == "unknown-log"
        await client.put_settings()
        assert (await running.ask("POST", CHECKPOINTS, name="vera"))[0] == 204
        for body in ({"against": ["no checkpoint"]}, {"against": "x"}, {"publicKeys": ["x"]}, {"more": 1}):
            assert problem(await running.ask("POST", VERIFY, name="vera", json=body))[0] == "invalid-request"
        assert problem(await running.ask("GET", f"{CHECKPOINTS}?last=0", name="vera"))[0] == "invalid-request"
        for method, path, name in (("POST", VERIFY, "operator"), ("POST", CHECKPOINTS, "ann"), ("POST", VERIFY, "ann")):
            assert problem(await running.ask(method, path, name=name, json={}))[0] == "forbidden"


async def test_settings_are_in_force_at_once_and_after_a_restart(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        await client.put_settings(application_name="Calls of Ada & Co", rotation="1Mi")
        for first in (1, 150):
            large = {"x": "y" * 8000}
            await client.append(
                [
                    event(number, at=NOON + timedelta(seconds=number), details=large)
                    for number in range(first, first + 149)
                ]
            )
        await running.ask("GET", f"/v1/audit?log={LOG}&from=2026-11-23&to=2026-11-23", name="vera")
        assert (running.folder / LOG / "audit-2026-11-23.part-002.csv").exists()
    async with collector(tmp_path) as running, running.client() as client:
        await running.ask("GET", f"/v1/audit?log={LOG}&from=2026-11-23&to=2026-11-23", name="vera")
        rows = [row for path in (running.folder / LOG).glob("*.csv") for row in read_csv(path.read_bytes())]
        assert {row[3] for row in rows if row[4] == "DownloadCsvAudit"} == {"Calls of Ada & Co"}
        status = await client.status()
        assert (status.rows, status.oldest, status.signing_failure) == (300, "2026-11-23", None)


async def test_a_disk_that_is_nearly_full_refuses_and_takes_again_when_there_is_room(tmp_path, monkeypatch):
    usual = DiskMarks.usual
    events = f"/v1/logs/{LOG}/events"

    def sent(number):
        row = {"sequence": number, "at": "2026-11-23T12:00:00Z", "action": "Login"}
        return {"sender": "recorder", "events": [row]}

    with monkeypatch.context() as patch:
        patch.setattr(DiskMarks, "usual", lambda _room: DiskMarks(low_bytes=2**62, full_bytes=2**61))
        async with collector(tmp_path) as running, running.client() as client:
            await client.put_settings()
            # The first row finds out.
            await running.ask("POST", events, json=sent(1))
            answer = await running.ask("POST", events, json=sent(2))
            assert problem(answer)[0] == "store-full"
            assert answer[1]["Retry-After"] == "30"
            assert (await client.status()).disk == "full"
            _, _, metrics = await running.ask("GET", "/metrics")
            assert b'callkeeper_audit_disk_state{log="voice/teams",state="full"} 1.0' in metrics
            assert b'callkeeper_audit_refused_total{problem="store-full"}' in metrics
    assert DiskMarks.usual == usual
    async with collector(tmp_path) as running:
        assert (await running.ask("POST", events, json=sent(2)))[0] == 200
        names = [name for name in stored(running.folder / LOG) if name.startswith("recorder:")]
        assert names[-1] == "recorder:2"
