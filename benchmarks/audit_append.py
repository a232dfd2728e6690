"""The audit store: appending with 64 waiting, against a sync per row."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import row
from callkeeper.audit.store import AuditStore
from callkeeper.local.event_loop import fast_loop

WAITING = 64
"""Tasks that append and wait, each for itself: a busy recorder's users."""

DAY = datetime(2026, 11, 23, tzinfo=UTC)


def run(quick: bool) -> list[Row]:
    """Rows a second, and milliseconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        return _append(Path(name), 100 if quick else 1_000)


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
    ready, made, worst, peers, ratios = [], [], [], [], []
    for attempt in range(5):
        # The peer before and after: what a sync takes drifts within seconds.
        around = [_synced_one_by_one(folder / "peer.csv", each)]
        rate, high = _group_commit(folder / f"ready-{attempt}", each)
        around.append(_synced_one_by_one(folder / "peer.csv", each))
        ready.append(rate)
        worst.append(high)
        peers += around
        ratios.append(rate / mean(around))
        made.append(_group_commit(folder / f"made-{attempt}", each, ready=False)[0])
    alone, alone_high = _group_commit(folder / "alone", each * 3, waiting=1)
    peer = median(peers)
    return [
        Row(
            what=f"append with {WAITING} waiting, from the event to its acknowledgement",
            figure=median(ready),
            unit="rows/s",
            bar=f"≥ {12 * peer:,.0f} (12 times)",
            peers={"one fdatasync per row": peer},
            note=f"{median(ratios):.1f} times the peer beside it",
        ),
        Row(what="the same, making the event as well", figure=median(made), unit="rows/s"),
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


def _group_commit(folder: Path, each: int, *, waiting: int = WAITING, ready: bool = True) -> tuple[float, float]:
    """Rows a second, and the 99th percentile of the seconds one append took; on the loop of `callkeeper audit serve`.

    Args:
        folder: of the store.
        each: rows of each sender.
        waiting: senders, each with one append under way.
        ready: the events are there before the clock starts, as the peer's row is.
    """
    times: list[float] = []

    async def emit(store: AuditStore, events: Iterable[AuditEvent]) -> None:
        start = time.perf_counter()
        for event in events:
            await store.append((event,))
            done = time.perf_counter()
            times.append(done - start)
            start = done

    async def work() -> float:
        queued: list[Iterable[AuditEvent]] = [_events(f"sender-{number}", each) for number in range(waiting)]
        if ready:
            # Made in the order in which they will be appended: what is done at the same time has the same instant.
            queued = [*zip(*zip(*queued, strict=True), strict=True)]
        async with AuditStore.open(folder) as store:
            start = time.perf_counter()
            await asyncio.gather(*(emit(store, events) for events in queued))
            return time.perf_counter() - start

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        took = runner.run(work())
    return len(times) / took, sorted(times)[len(times) * 99 // 100]


def _events(sender: str, count: int) -> Iterator[AuditEvent]:
    return (_event(sender, sequence, datetime.now(UTC)) for sequence in range(1, count + 1))


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
