"""The audit store's proofs and its opening: verifying, recovering after a crash, ten years of files.

Rows are written under load, sixty-four waiting, so that commits and their lines are as large as they are in life. Times
of one core are CPU times: what the machine does besides does not count.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.audit_append import WAITING
from benchmarks.audit_export import DAYS, fill
from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.layout import list_store
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

TEN_YEARS_DAYS = 3_652


def run(quick: bool) -> list[Row]:
    """MB a second for verifying, seconds for opening."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name) / "log"
        asyncio.run(_write(folder, 200 if quick else 4_000))
        return [
            *_verify(folder),
            *_recover(folder),
            *_lost(Path(name) / "lost", quick),
            *_ten_years(Path(name) / "years"),
        ]


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


async def _write(folder: Path, each: int) -> None:
    async def emit(store: AuditStore, sender: str) -> None:
        for sequence in range(1, each + 1):
            await store.append((_event(sender, sequence, datetime.now(UTC)),))

    async with AuditStore.open(folder) as store:
        await asyncio.gather(*(emit(store, f"sender-{number}") for number in range(WAITING)))


def _cpu(work: object) -> float:
    assert callable(work)
    start = time.process_time()
    work()
    return time.process_time() - start


def _verify(folder: Path) -> list[Row]:
    plain, size = [], 0
    for _ in range(5):
        plain.append(_cpu(lambda: verify(folder)))
        found = verify(folder)
        if not found.sound:
            raise RuntimeError("the store that was just written is not sound")
        size = found.size
    hashed = []
    files = sorted(map(str, folder.glob("*.csv")))
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(["sha256sum", *files], check=True, capture_output=True)
        hashed.append(time.perf_counter() - start)
    rows = [
        Row(
            what=f"verify {size / 1e6:,.0f} MB written with {WAITING} waiting, one core",
            figure=size / median(plain) / 1e6,
            unit="MB/s",
            bar="≥ 400",
            peers={"sha256sum of the same rows": size / median(hashed) / 1e6},
            note=f"{found.commits:,} commits",
        )
    ]
    packed = folder.with_name("packed")
    shutil.copytree(folder, packed)
    asyncio.run(_pack(packed))
    times = [_cpu(lambda: verify(packed)) for _ in range(3)]
    rows.append(
        Row(what="verify the same, compressed, one core", figure=size / median(times) / 1e6, unit="MB/s", note="gzip")
    )
    return rows


async def _pack(folder: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with AuditStore.open(folder, now=lambda: tomorrow) as store:
        await store.append((_event("next", 1, tomorrow),))
        await store.apply(LogSettings(compress_closed=True))
        await store.maintain()


def _recover(folder: Path) -> list[Row]:
    """A crash in the worst moment: all that the side file may lag behind is lost from it, and the last row is torn."""
    times = []
    for attempt in range(3):
        crashed = folder.with_name(f"crashed-{attempt}")
        shutil.copytree(folder, crashed)
        segment = crashed / str(list_store(crashed).newest)
        side = max(crashed.glob("*.commits"))
        lines = side.read_bytes().splitlines(keepends=True)
        lost = [index for index, line in enumerate(lines) if line.startswith(b'{"v":1,"file"')]
        behind = max(1, len(lost) * min(8 * 1024 * 1024, segment.stat().st_size) // segment.stat().st_size)
        side.write_bytes(b"".join(lines[: lost[-behind]]))
        (crashed / "checkpoints").unlink()
        with segment.open("ab") as file:
            file.write(b"2026-11-2")
        start = time.perf_counter()
        store = AuditStore.open(crashed)
        times.append(time.perf_counter() - start)
        if not store.recovery.recovered_rows:
            raise RuntimeError("nothing was recovered")
        asyncio.run(store.close())
        rows = store.recovery.recovered_rows
    return [
        Row(
            what="open after a crash, the side file 8 MiB of rows behind",
            figure=median(times),
            unit="s",
            bar="≤ 1",
            note=f"{rows:,} rows read again",
        )
    ]


def _lost(folder: Path, quick: bool) -> list[Row]:
    """No side file is left: the marks of the senders stand only in the rows."""
    each = 2_000 if quick else 100_000
    folder.mkdir()
    fill(folder, each)
    for side in folder.glob("*.commits"):
        side.unlink()
    start = time.perf_counter()
    store = AuditStore.open(folder)
    took = time.perf_counter() - start
    asyncio.run(store.close())
    size = sum(path.stat().st_size for path in folder.glob("*.csv"))
    what = f"open with every side file lost, {DAYS * each:,} rows"
    return [Row(what=what, figure=took, unit="s", note=f"{size / took / 1e6:,.0f} MB/s")]


def _ten_years(folder: Path) -> list[Row]:
    asyncio.run(_write(folder, 5))
    first = date(2016, 1, 1)
    for number in range(TEN_YEARS_DAYS):
        day = first + timedelta(days=number)
        for suffix in ("csv", "commits", "late-001.csv"):
            (folder / f"audit-{day}.{suffix}").write_bytes(b"")
    times, stats = [], []
    for _ in range(5):
        start = time.perf_counter()
        store = AuditStore.open(folder)
        times.append(time.perf_counter() - start)
        asyncio.run(store.close())
        start = time.perf_counter()
        for path in folder.iterdir():
            path.stat()
        stats.append(time.perf_counter() - start)
    return [
        Row(
            what=f"open a log of ten years, {3 * TEN_YEARS_DAYS:,} files",
            figure=median(times),
            unit="s",
            bar="≤ 0.2",
            peers={"a stat of each file": median(stats)},
        )
    ]
