"""Lists while 100,000 recordings expire at once: how long people wait, how far the sweep comes, what memory it takes.

The recorder is a process of its own with its sweeper; each recording has a file of media that is removed for good.
Somebody asks for a page every 50 ms, each of them counted and audited as ever.
"""

import http.client
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.recordings_store import fill
from benchmarks.rows import Row
from benchmarks.served_recorder import Served, served
from callkeeper.kinds.terms import Mode
from callkeeper.policy.config import PolicySection, RecorderConfig, RetentionSection
from callkeeper.policy.config_json import canonical_bytes, revision
from callkeeper.recorder.config_store import DiskConfigStore, Pointer
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.store.sqlite import DATABASE, SqliteStore

DAY = "2020/10/01"
EVERY_SECONDS = 0.05
LONGEST_SECONDS = 60.0
"""How long is measured, whether or not the sweep is through by then."""


def run(quick: bool) -> list[Row]:
    """A sweep of many, and lists meanwhile."""
    count = 5_000 if quick else 100_000
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        _kept(folder / "recorder", count)
        with served(folder) as recorder:
            return _measure(recorder, count)


def _kept(folder: Path, count: int) -> None:
    SqliteStore.open(folder / "store").close_now()
    engine = create_engine(f"sqlite:///{folder / 'store' / DATABASE}")
    with engine.begin() as connection:
        fill(connection, count)
        connection.execute(text(f"UPDATE recordings SET path = '{DAY}/' || id || '.wav'"))
        names = connection.scalars(text("SELECT path FROM recordings")).all()
    engine.dispose()
    (folder / "media" / DAY).mkdir(parents=True)
    for name in names:
        os.close(os.open(folder / "media" / name, os.O_CREAT | os.O_WRONLY, 0o600))
    config = RecorderConfig(
        policy=PolicySection(default_mode=Mode.ALWAYS_ON, object="RecordingPolicy/voice/default"),
        retention=RetentionSection(retention="1d", object="RetentionRule/voice/default"),
    )
    now = datetime.now(UTC)
    pointer = Pointer(
        revision=revision(config), owner="folder:x", epoch=1, programmed_at=now, history=(revision(config),)
    )
    DiskConfigStore(folder, LocalDisk()).save(pointer, canonical_bytes(config))


def _measure(recorder: Served, count: int) -> list[Row]:
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port)
    begun, waited, removed = time.perf_counter(), [], 0
    before = os.getloadavg()[0]
    while removed < count and time.perf_counter() - begun < LONGEST_SECONDS:
        asked = time.perf_counter()
        _ask(connection, recorder, "POST", "/v1/recordings:search", b"{}")
        waited.append((time.perf_counter() - asked) * 1000)
        time.sleep(max(0.0, asked + EVERY_SECONDS - time.perf_counter()))
        if len(waited) % 20 == 0:
            # Progress, as anybody sees it.
            removed = _ask(connection, recorder, "GET", "/v1/retention")["sweep"]["expired"]
    took = time.perf_counter() - begun
    connection.close()
    waited.sort()
    return [
        Row(
            what=f"page of 100 while {count:,} recordings expire, p99",
            figure=waited[len(waited) * 99 // 100],
            unit="ms",
            bar="≤ 200",
            note=f"median {waited[len(waited) // 2]:.1f} ms, {len(waited)} pages, load of the machine {before:.1f}",
        ),
        Row(
            what="recordings removed meanwhile", figure=removed / took, unit="1/s", note=f"{removed:,} in {took:.0f} s"
        ),
        Row(what="most memory of the recorder", figure=recorder.peak_bytes() / 1e6, unit="MB"),
    ]


def _ask(connection: http.client.HTTPConnection, recorder: Served, method: str, path: str, body: bytes = b"") -> Any:
    headers = {"Authorization": f"Bearer {recorder.tokens['administrator']}", "Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content}")
    return content
