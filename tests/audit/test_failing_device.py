"""A device that dies: every write to it fails with EIO from one moment on. What had reached it is all there ever is.

The device is a loop device over memory, which the kernel is told to take no more writes for. Where this machine does
not allow that (no root, no loop devices), the test says so.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.audit.making import Clock, event, stored

from callkeeper.audit.errors import StoreError
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

SIZE = 24 * 1024 * 1024
ROWS = {"text": "x" * 2_000}
BEFORE = 60


def run(*command: str | Path, most: int = 0) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode > most:
        pytest.skip(f"this machine does not let us make a device that fails: {command[0]}: {done.stderr.strip()}")


@contextmanager
def mounted(descriptor: int, mount: Path) -> Iterator[Path]:
    """The file system in this memory."""
    mount.mkdir()
    run("mount", "-o", "loop", f"/proc/{os.getpid()}/fd/{descriptor}", mount)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.fixture
def memory() -> Iterator[int]:
    """Memory that holds an empty file system."""
    descriptor = os.memfd_create("device", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SIZE)
    run("mkfs.ext2", "-q", "-F", f"/proc/{os.getpid()}/fd/{descriptor}")
    yield descriptor
    os.close(descriptor)


async def test_of_a_device_that_dies_every_acknowledged_row_is_on_it_and_no_other_is_acknowledged(memory, tmp_path):
    with mounted(memory, tmp_path / "device") as device:
        store = AuditStore.open(device / "audit", now=Clock())
        for number in range(1, BEFORE + 1):
            await store.append([event(number, details=ROWS)])
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        for _ in range(5):
            with pytest.raises(StoreError, match=r"Input/output error|mended itself"):
                await store.append([event(BEFORE + 1, details=ROWS)])
        assert "Input/output error" in str(store.failure)
        await store.close()

    # Nothing that only the kernel's memory held counts: what the device holds is put into another one.
    other = os.memfd_create("copy", 0)
    try:
        os.ftruncate(other, SIZE)
        os.sendfile(other, memory, 0, SIZE)
        run("e2fsck", "-p", f"/proc/{os.getpid()}/fd/{other}", most=1)  # 1: it was not unmounted, and is mended
        with mounted(other, tmp_path / "copy") as device:
            async with AuditStore.open(device / "audit", now=Clock()) as store:
                assert store.recovery.damaged == ()
                assert store.mark("recorder") == BEFORE
                await store.append([event(BEFORE + 1, details=ROWS)])
            names = [name for name in stored(device / "audit") if name.startswith("recorder")]
            assert names == [f"recorder:{number}" for number in range(1, BEFORE + 2)]
            assert verify(device / "audit").sound
    finally:
        os.close(other)
