"""Faults of the machine itself: a full disk, a limit on files, a read-only mount, a sync that fails in the kernel.

Where this machine does not allow one of them (no root, no compiler), the test says so.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.audit.making import Clock, event, stored

from callkeeper.audit.errors import StoreFailed, StoreFull
from callkeeper.audit.layout import RESERVE
from callkeeper.audit.space import DiskMarks, DiskState
from callkeeper.audit.store import AuditStore
from callkeeper.audit.upkeep import OWN_SENDER
from callkeeper.audit.verify import verify

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60
MEBIBYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mount)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine does not let us mount a small file system: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


async def until_taken(store: AuditStore, sequence: int, *, details: dict[str, str] | None = None) -> None:
    """Append until the store takes it: it mends itself, or looks at the disk, once a second."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.append([event(sequence, details=details or {})])
            except (StoreFailed, StoreFull):
                await asyncio.sleep(0.05)
            else:
                return


async def append_until_full(store: AuditStore, details: dict[str, str]) -> int:
    """The last one that was acknowledged."""
    for number in range(2, 1_000):
        try:
            await store.append([event(number, details=details)])
        except StoreFull:
            return number - 1
    raise AssertionError("the disk was never full")


def told(folder: Path) -> list[str]:
    """The actions of the store's own rows."""
    text = b"".join(path.read_bytes() for path in sorted(folder.glob("*.csv"))).decode()
    return [line.split(",")[4] for line in text.splitlines() if f'""id"":""{OWN_SENDER}:' in line]


async def fill_and_make_room(small_disk: Path, folder: Path, marks: DiskMarks) -> None:
    async with AuditStore.open(folder, now=Clock(), marks=marks) as store:
        assert store.disk_state is DiskState.OK
        await store.append([event(1)])
        (small_disk / "other").write_bytes(bytes(int(1.5 * MEBIBYTE)))
        await store.maintain()
        assert store.disk_state is DiskState.LOW
        await store.append([event(2)])
        (small_disk / "more").write_bytes(bytes(int(1.9 * MEBIBYTE)))
        await store.maintain()
        with pytest.raises(StoreFull, match="send again later"):
            await store.append([event(3)])
        assert store.disk_state is DiskState.FULL
        (small_disk / "more").unlink()
        await until_taken(store, 3)
        assert store.disk_state is not DiskState.FULL
        (small_disk / "other").unlink()
        for _ in range(2):
            await store.maintain()
        assert store.disk_state is DiskState.OK


async def test_rows_are_refused_before_the_disk_is_full_and_taken_again_when_there_is_room(small_disk):
    folder = small_disk / "audit"
    marks = DiskMarks(low_bytes=4 * MEBIBYTE, full_bytes=2 * MEBIBYTE)
    with structlog.testing.capture_logs() as logs:
        await fill_and_make_room(small_disk, folder, marks)
    said = [(one["event"], one["log_level"]) for one in logs]
    # On a slow machine a round of its own may see that it is low once more on the way back.
    assert said[:2] == [("audit_disk_low", "warning"), ("audit_disk_full", "warning")]
    assert said[-1] == ("audit_disk_ok", "info")
    assert [name for name in stored(folder) if name.startswith("recorder")] == [
        "recorder:1",
        "recorder:2",
        "recorder:3",
    ]
    assert told(folder) == ["RefuseAuditRows", "AcceptAuditRows"]
    assert verify(folder).sound


async def test_a_disk_that_others_filled_is_told_with_the_reserve_and_no_row_is_lost(small_disk):
    folder = small_disk / "audit"
    store = AuditStore.open(folder, now=Clock(), marks=DiskMarks(low_bytes=2, full_bytes=1))
    await store.append([event(1)])
    assert (folder / RESERVE).stat().st_blocks * 512 >= MEBIBYTE
    with (small_disk / "other").open("wb", buffering=0) as other:
        try:
            while True:
                other.write(bytes(4096))
        except OSError:
            pass
    large = {"text": "x" * 8_000}
    acknowledged = await append_until_full(store, large)
    assert not (folder / RESERVE).exists()
    for _ in range(DEADLINE_SECONDS * 50):
        if "RefuseAuditRows" in told(folder):
            break
        await asyncio.sleep(0.02)
    (small_disk / "other").unlink()
    await until_taken(store, acknowledged + 1, details=large)
    await store.maintain()
    assert (folder / RESERVE).exists()
    await store.close()
    names = [name for name in stored(folder) if name.startswith("recorder")]
    assert names == [f"recorder:{number}" for number in range(1, acknowledged + 2)]
    assert verify(folder).sound
    async with AuditStore.open(folder, now=Clock()) as again:
        assert again.recovery.damaged == ()


async def test_a_disk_that_is_mounted_read_only_stops_rows_until_it_is_writable_again(small_disk):
    folder = small_disk / "audit"
    store = AuditStore.open(folder, now=Clock())
    await store.append([event(1)])
    store._files.journal.close()  # an open file keeps the mount writable; a real remount is forced by the kernel
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    os.close(store._lock)
    (folder / "lock").touch()
    store._lock = os.open(folder / "lock", os.O_RDONLY)
    done = await asyncio.to_thread(subprocess.run, remount, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.raises(StoreFailed, match="Read-only"):
        await store.append([event(2)])
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,rw", str(small_disk)], check=True)
    await until_taken(store, 2)
    await store.close()
    assert stored(folder) == ["recorder:1", "recorder:2"]
    assert verify(folder).sound


WRITER = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from tests.audit.making import Clock, event
from callkeeper.audit.errors import StoreFailed, StoreFull
from callkeeper.audit.store import AuditStore

async def main(folder, limit, count):
    store = AuditStore.open(Path(folder), now=Clock())
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    failures = 0
    for number in range(1, count + 1):
        while True:
            try:
                await store.append([event(number, details={"text": "x" * 2000})])
            except (StoreFailed, StoreFull) as error:
                failures += 1
                os.write(1, f"failed {error}\\n".encode())
                await asyncio.sleep(0.1)
            else:
                os.write(1, f"acknowledged {number}\\n".encode())
                break
        if failures > 100:
            break
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def write_under(folder: Path, limit: int, count: int, **environment: str) -> list[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(limit), str(count)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_SECONDS,
    )
    return done.stdout.splitlines()


def test_a_file_that_may_not_grow_is_continued_in_a_further_one(tmp_path):
    said = write_under(tmp_path / "audit", 300_000, 300)
    assert any("File too large" in line for line in said)
    assert said[-1] == "acknowledged 300"
    assert stored(tmp_path / "audit") == [f"recorder:{number}" for number in range(1, 301)]
    assert len(list((tmp_path / "audit").glob("*.csv"))) > 1
    assert verify(tmp_path / "audit").sound


def syncs_that_fail(tmp_path: Path, places: Iterator[int] | range) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler on this machine")
    shim = tmp_path / "failing_sync.so"
    source = Path(__file__).with_name("failing_sync.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"], check=True)
    for fail_at in places:
        folder = tmp_path / f"audit-{fail_at}"
        said = write_under(folder, 0, 12, LD_PRELOAD=str(shim), FAIL_AT=str(fail_at))
        assert any("Input/output error" in line for line in said), said
        assert said[-1] == "acknowledged 12"
        assert sorted(stored(folder)) == sorted(f"recorder:{number}" for number in range(1, 13))
        assert verify(folder).sound


def test_a_sync_that_fails_once_is_never_reported_as_done(tmp_path):
    syncs_that_fail(tmp_path, range(8, 9))


@pytest.mark.faults
def test_a_sync_that_fails_once_wherever_it_does_is_never_reported_as_done(tmp_path):
    syncs_that_fail(tmp_path, range(4, 16))
