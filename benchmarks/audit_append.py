"""The audit store: appending with 64 waiting, against a sync per row."""

import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import row
from callkeeper.audit.store import AuditStore

WAITING = 64
"""Tasks that append and wait, each for itself: a busy recorder's users."""

DAY = datetime(2026, 11, 23, tzinfo=UTC)


def run(quick: bool) -> list[Row]:
    """Rows a second, and milliseconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        return _append(Path(name), 100 if quick else 1000)


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
