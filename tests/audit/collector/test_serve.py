"""`callkeeper audit serve` as a process: TLS, clean end, kill -9 under senders."""

import asyncio
import json
import ssl
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result
from tests.audit.collector.processes import Process
from tests.audit.collector.served import LOG, token
from tests.audit.making import event, identifiers, proven_rows, read_csv, stored
from tests.local.certificates import Authority

from callkeeper.audit.checkpoints import checkpoint_lines
from callkeeper.audit.collector_client import CollectorClient
from callkeeper.audit.errors import CollectorError
from callkeeper.cli.audit import audit


def test_it_serves_with_tls_gives_the_log_to_the_command_line_and_ends_cleanly(tmp_path):
    authority = Authority()
    authority.pair().write(tmp_path / "tls.crt", tmp_path / "tls.key")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "token").write_text(token("vera") + "\n")
    running = Process(tmp_path, "--tls-cert", tmp_path / "tls.crt", "--tls-key", tmp_path / "tls.key", scheme="https")

    async def send() -> None:
        trusted = ssl.create_default_context(cafile=tmp_path / "ca.crt")
        async with CollectorClient(running.url, lambda: token("operator"), LOG, ssl=trusted) as client:
            await client.append([event(1), event(2)])
        async with CollectorClient(running.url, lambda: token("operator"), LOG) as stranger:
            with pytest.raises(CollectorError, match="certificate"):
                await stranger.append([event(3)])

    asyncio.run(send())
    asked = ["export", "--url", running.url, "--ca", tmp_path / "ca.crt", "--token-file", tmp_path / "token"]
    asked += ["--log", LOG, "--from", "2026-11-23", "--to", "2026-11-23"]
    result = CliRunner().invoke(audit, list(map(str, asked)))
    assert result.exit_code == 0, result.stderr
    assert identifiers([result.stdout_bytes]) == ["recorder:1", "recorder:2"]
    refused = CliRunner().invoke(audit, list(map(str, [*asked, "--action", "Login", "--area", "settings"])))
    assert (refused.exit_code, refused.stdout_bytes) == (2, b"")
    verify_over_http(running, asked[1:9])
    assert running.end() == 0


def verify_over_http(running: Process, where: list[str | Path]) -> None:
    """The command line has the collector verify the log it writes: the row is there, damage is named."""

    def verify(*more: str) -> Result:
        return CliRunner().invoke(audit, list(map(str, ["verify", *where, *more])))

    folder = running.folder / LOG
    sound = verify("--against", checkpoint_lines(folder)[-1]) if checkpoint_lines(folder) else verify()
    assert (sound.exit_code, "Nothing altered was found." in sound.stdout) == (0, True), sound.output
    rows = [row for path in folder.glob("audit-*.csv") for row in read_csv(path.read_bytes())[1:]]
    (row,) = [row for row in rows if row[4] == "VerifyAudit"]
    assert (row[1], row[2], json.loads(row[5])["sound"]) == ("vera@example.com", "127.0.0.1", True)
    path = folder / "audit-2026-11-23.csv"
    path.write_bytes(path.read_bytes().replace(b"s-2", b"s-3"))
    damaged = verify()
    assert (damaged.exit_code, "DAMAGE audit-2026-11-23.csv: commit 1" in damaged.stdout) == (1, True), damaged.output
    assert json.loads(verify("--format", "json").stdout)["problems"][0]["trouble"] == "rows-altered"
    assert verify("--no-row").exit_code == 2
    assert CliRunner().invoke(audit, ["verify", "--log", LOG]).exit_code == 2


def test_behind_a_listed_proxy_a_row_has_the_hop_before_it_and_heads_have_a_bound(tmp_path):
    running = Process(tmp_path, "--trusted-proxy", "127.0.0.0/8")

    async def ask() -> tuple[int, int, str]:
        headers = {"Authorization": f"Bearer {token('operator')}"}
        async with CollectorClient(running.url, lambda: token("operator"), LOG) as client:
            await client.append([event(1)])
        async with aiohttp.ClientSession(running.url) as session:
            path = f"/v1/logs/{LOG}/verify"
            by = {"Authorization": f"Bearer {token('vera')}", "X-Forwarded-For": "203.0.113.9, 198.51.100.7, 127.0.0.9"}
            async with session.post(path, json={}, headers=by) as verified:
                status = verified.status
            many = {**headers, **{f"X-{number}": "x" for number in range(120)}}
            async with session.get(f"/v1/logs/{LOG}/status", headers=many) as refused:
                return status, refused.status, (await refused.json(content_type=None))["type"]

    assert asyncio.run(ask()) == (200, 431, "/problems/headers-too-large")
    assert running.end() == 0
    rows = [row for path in (Path(running.folder) / LOG).glob("audit-*.csv") for row in read_csv(path.read_bytes())[1:]]
    assert [row[2] for row in rows if row[4] == "VerifyAudit"] == ["198.51.100.7"]


@pytest.mark.parametrize(
    ("kills", "senders"), [(3, 8), pytest.param(500, 64, marks=[pytest.mark.faults, pytest.mark.timeout(3600)])]
)
def test_killed_again_and_again_every_acknowledged_event_is_one_row_in_its_order(kills, senders, tmp_path):
    acknowledged = dict.fromkeys((f"s{lane}" for lane in range(senders)), 0)

    async def send(running: Process, name: str) -> None:
        async with CollectorClient(running.url, lambda: token("operator"), LOG, patience_seconds=0.0) as client:
            try:
                while True:
                    # What was not acknowledged goes again, as an outbox sends it.
                    first = acknowledged[name] + 1
                    await client.append([event(number, sender=name) for number in range(first, first + 5)])
                    acknowledged[name] = first + 4
            except CollectorError:
                return

    async def under_load(running: Process) -> None:
        lanes = [asyncio.create_task(send(running, name)) for name in acknowledged]
        before = sum(acknowledged.values())
        async with asyncio.timeout(60):
            while sum(acknowledged.values()) < before + 20 * senders:  # noqa: ASYNC110 - told by no event
                await asyncio.sleep(0.005)
        await asyncio.to_thread(running.kill)
        await asyncio.gather(*lanes)

    for _ in range(kills):
        asyncio.run(under_load(Process(tmp_path)))
    last = Process(tmp_path)

    async def marks() -> dict[str, int]:
        async with CollectorClient(last.url, lambda: token("operator"), LOG) as client:
            return await client.load_marks()

    known = asyncio.run(marks())
    assert last.end() == 0
    names = stored(Path(last.folder) / LOG)
    for sender, mark in acknowledged.items():
        mine = [name for name in names if name.startswith(f"{sender}:")]
        assert known[sender] >= mark
        assert mine == [f"{sender}:{number}" for number in range(1, known[sender] + 1)]
    assert proven_rows(Path(last.folder) / LOG)[0] == len(names)
