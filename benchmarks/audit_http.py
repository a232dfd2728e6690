"""The audit collector over HTTP: batches of several senders to a collector of its own process, until acknowledged."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.collector_client import CollectorClient
from callkeeper.audit.event import AuditEvent

SENDERS = 4
BATCH = 1_000
TOKEN = "the-token-of-the-benchmark"
STARTS_WITHIN_SECONDS = 30


def run(quick: bool) -> list[Row]:
    """Rows a second."""
    batches = 5 if quick else 60
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        tokens = folder / "tokens.json"
        entry = {"id": "bench", "roles": ["operator"], "tokenSha256": sha256(TOKEN.encode()).hexdigest()}
        tokens.write_text(json.dumps({"principals": [entry]}))
        tokens.chmod(0o600)
        command = [sys.executable, "-m", "callkeeper", "audit", "serve", "--dir", str(folder / "logs")]
        command += ["--tokens", str(tokens), "--listen", "127.0.0.1:0", "--log-format", "json"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                url = _url(process)
                return [
                    asyncio.run(_sent(url, batches, BATCH)),
                    asyncio.run(_sent(url, batches, 1)),
                ]
            finally:
                process.terminate()


def _url(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until:
        said = json.loads(process.stderr.readline() or b"{}")
        if said.get("event") == "collector_started":
            return f"http://127.0.0.1:{said['port']}"
    raise RuntimeError("the collector did not start")


async def _sent(url: str, batches: int, size: int) -> Row:
    async def lane(number: int) -> None:
        sender = f"sender-{size}-{number}"
        async with CollectorClient(url, lambda: TOKEN, "voice/teams") as client:
            for batch in range(batches):
                first = batch * size + 1
                await client.append([_event(sender, sequence) for sequence in range(first, first + size)])

    begun = time.perf_counter()
    await asyncio.gather(*(lane(number) for number in range(SENDERS)))
    rate = SENDERS * batches * size / (time.perf_counter() - begun)
    what = f"rows in batches of {size:,}, {SENDERS} senders, event to acknowledged"
    bar = "≥ 50,000" if size == BATCH else ""
    return Row(what=what, figure=rate, unit="rows/s", bar=bar, note="senders and collector share the cores")


def _event(sender: str, sequence: int) -> AuditEvent:
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=datetime.now(UTC),
        email="ada@example.com",
        ip_address="192.0.2.7",
        app_name="callkeeper",
        action=Action.PLAY_RECORDING,
        details={"recording": "r-1234"},
    )
