"""The audit store: appending with 64 waiting against a sync per row, and exporting a day against `cat` of its bytes."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import HEADER, row
from callkeeper.audit.store import AuditStore

WAITING = 64
"""Tasks that append and wait, each for itself: a busy recorder's users."""

DAY = datetime(2026, 11, 23, tzinfo=UTC)
EXPORT = """
import os, sys
from datetime import datetime
from pathlib import Path
from callkeeper.audit.export import export_range
start, end = map(datetime.fromisoformat, sys.argv[2:])
for chunk in export_range(Path(sys.argv[1]), start, end):
    os.write(1, chunk)
"""


def run(quick: bool) -> list[Row]:
    """Rows a second and milliseconds for appending, seconds for exporting."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        return [*_append(folder, 100 if quick else 1000), *_export(folder, 50_000 if quick else 1_000_000)]


def _event(sender: str, sequence: int, at: datetime) -> AuditEvent:
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=at,
        email="ada@example.com",
        ip_address="192.0.2.7",
        app_name="callkeeper",
        action=Action.PLAY_RECORDING,
        details={"recording": "r-1234"},
    )


def _append(folder: Path, each: int) -> list[Row]:
    rates, worst, peers = [], [], []
    for attempt in range(3):
        peers.append(_synced_one_by_one(folder / "peer.csv", each * 3))
        rate, high = asyncio.run(_group_commit(folder / f"store-{attempt}", each))
        rates.append(rate)
        worst.append(high)
    alone, alone_high = asyncio.run(_group_commit(folder / "alone", each * 3, waiting=1))
    peer = median(peers)
    return [
        Row(
            what=f"append with {WAITING} waiting, event to acknowledged",
            figure=median(rates),
            unit="rows/s",
            bar=f"≥ {12 * peer:,.0f} (12 times)",
            peers={"one fdatasync per row": peer},
            note=f"{median(rates) / peer:.1f} times",
        ),
        Row(
            what=f"99th percentile of one append, {WAITING} waiting", figure=median(worst) * 1000, unit="ms", bar="≤ 2"
        ),
        Row(
            what="append with one waiting",
            figure=alone,
            unit="rows/s",
            peers={"one fdatasync per row": peer},
            note=f"99th percentile {alone_high * 1000:.2f} ms",
        ),
    ]


async def _group_commit(folder: Path, each: int, *, waiting: int = WAITING) -> tuple[float, float]:
    """Rows a second, and the 99th percentile of the seconds one append took."""
    times: list[float] = []

    async def emit(store: AuditStore, sender: str) -> None:
        for sequence in range(1, each + 1):
            start = time.perf_counter()
            await store.append((_event(sender, sequence, datetime.now(UTC)),))
            times.append(time.perf_counter() - start)

    async with AuditStore.open(folder) as store:
        start = time.perf_counter()
        await asyncio.gather(*(emit(store, f"sender-{number}") for number in range(waiting)))
        took = time.perf_counter() - start
    return len(times) / took, sorted(times)[len(times) * 99 // 100]


def _synced_one_by_one(path: Path, rows: int) -> float:
    line = row(_event("sender-1", 1, DAY))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        start = time.perf_counter()
        for _ in range(rows):
            os.write(descriptor, line)
            os.fdatasync(descriptor)
        return rows / (time.perf_counter() - start)
    finally:
        os.close(descriptor)


def _export(folder: Path, rows: int) -> list[Row]:
    """One day out of three, as processes that write to a pipe nobody measures."""
    store = folder / "days"
    store.mkdir()
    for day in range(3):
        _write_day(store, DAY + timedelta(days=day), rows)
    wanted = store / "audit-2026-11-24.csv"
    bare, cat, ours = [], [], []
    span = [(DAY + timedelta(days=day)).isoformat() for day in (1, 2)]
    for _ in range(5):
        cat.append(_process(["cat", str(wanted)]))
        bare.append(_process([sys.executable, "-c", "from callkeeper.audit.export import export_range"]))
        ours.append(_process([sys.executable, "-c", EXPORT, str(store), *span]))
    started = median(ours) - median(bare)
    megabytes = wanted.stat().st_size / 1e6
    return [
        Row(
            what=f"export of a day of {rows:,} rows ({megabytes:,.0f} MB) out of 3, without the interpreter's start",
            figure=started,
            unit="s",
            peers={"cat of the same bytes": median(cat), "with the interpreter's start": median(ours)},
            note=f"{megabytes / started:,.0f} MB/s, {median(cat) / started:.2f} times cat",
        )
    ]


def _write_day(store: Path, day: datetime, rows: int) -> None:
    with (store / f"audit-{day.date()}.csv").open("wb") as file:
        file.write(HEADER)
        for second in range(86_400):
            first, last = rows * second // 86_400, rows * (second + 1) // 86_400
            if first == last:
                continue
            line = row(_event("sender-1", 1, day + timedelta(seconds=second)))
            file.writelines(
                line.replace(b"sender-1:1", b"sender-1:%d" % number) for number in range(first + 1, last + 1)
            )


def _process(command: list[str]) -> float:
    """Seconds until a command has written everything to a pipe that is read as fast as can be."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        start = time.perf_counter()
        buffer = bytearray(1024 * 1024)
        while process.stdout.readinto(buffer):  # type: ignore[attr-defined]
            pass
        took = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return took
