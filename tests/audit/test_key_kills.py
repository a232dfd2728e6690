"""Killed while a signing key is made or changed: the next start has a key, and no other private key lies about."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.audit.making import Clock, event

from callkeeper.audit.errors import KeyUnusable
from callkeeper.audit.layout import RESERVE
from callkeeper.audit.signing import load_keys
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

ROOT = Path(__file__).parents[2]
STEPS = {"made": 14, "rotated": 24, "replaced": 18}
"""Operations of the disk that are stopped at; more than there are."""

KILLED = """
import os, sys
from pathlib import Path
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.files import StoreFiles
from callkeeper.audit.signing import new_key
from tests.audit.making import Clock

base, steps, how, elsewhere = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "elsewhere"
new_key()  # what that loads is there before any fork

class Disk(LocalDisk):
    left = 0

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name in {"open", "write", "sync", "rename", "rename_new", "remove", "sync_folder"}:
            Disk.left -= 1
            if Disk.left == 0:
                os._exit(9)
        return found

for step in range(1, steps + 1):
    process = os.fork()
    if process == 0:
        folder = base / str(step)
        key = folder / ("key.pem" if elsewhere else "log/signing-key.pem")
        files = StoreFiles(folder / "log", disk=Disk(), now=Clock(), signing_key=key)
        if how != "made":
            files.checkpoint()
        Disk.left = step
        files.checkpoint() if how == "made" else files.rotate_key(how == "replaced")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def private_keys(folder: Path) -> dict[str, int]:
    """The files that hold private keys, and how many each."""
    counted = {path.name: path.read_bytes().count(b"BEGIN PRIVATE KEY") for path in folder.rglob("*") if path.is_file()}
    return {name: count for name, count in counted.items() if count}


@pytest.mark.parametrize(("how", "where"), [*((how, "in the log's folder") for how in STEPS), ("rotated", "elsewhere")])
async def test_a_kill_while_a_key_is_made_or_changed_leaves_no_other_private_key(how, where, tmp_path):
    async with AuditStore.open(tmp_path / "filled" / "log", now=Clock()) as store:
        await store.append([event(1)])
    for name in ("checkpoints", "signing-key.pem", RESERVE):
        (tmp_path / "filled" / "log" / name).unlink()
    for step in range(1, STEPS[how] + 1):
        shutil.copytree(tmp_path / "filled", tmp_path / str(step))
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(STEPS[how]), how, where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)  # noqa: ASYNC221
    codes = done.stdout.split()
    assert codes[0] == "9"
    assert codes[-1] == "0", "it is stopped at every step"
    left = 0
    for step in range(1, STEPS[how] + 1):
        folder = tmp_path / str(step)
        name = "key.pem" if where == "elsewhere" else "signing-key.pem"
        left += len(private_keys(folder).keys() - {name})
        for path in folder.rglob("*.new"):
            os.utime(path, (time.time() - 3600,) * 2)
        key = folder / name if where == "elsewhere" else None
        async with AuditStore.open(folder / "log", now=Clock(), signing_key=key) as store:
            await store.append([event(2)])
            assert (await store.checkpoint()).rows == 2, step
        assert private_keys(folder).keys() == {name}, step
        assert verify(folder / "log").sound or how == "replaced", step
        assert load_keys(next(folder.rglob(name))), step
    assert left > 0, "no kill left anything"


async def test_what_another_process_may_be_making_is_left_alone(tmp_path):
    key = tmp_path / "key.pem"
    making = tmp_path / "key.pem.0a1b2c3d.new"
    others = [tmp_path / name for name in ("key.pem.bak.new", "other.pem.0a1b2c3d.new", "key.pem.old")]
    for path in (making, *others):
        path.write_text("anything")
    async with AuditStore.open(tmp_path / "log", now=Clock(), signing_key=key) as store:
        await store.append([event(1)])
        await store.checkpoint()
    assert making.exists()
    assert all(path.exists() for path in others)


async def test_what_cannot_be_removed_is_told_with_what_to_do(tmp_path):
    left = tmp_path / "log" / "signing-key.pem.new"
    left.mkdir(parents=True)
    async with AuditStore.open(tmp_path / "log", now=Clock()) as store:
        await store.append([event(1)])
        with pytest.raises(KeyUnusable, match="by hand, it may hold a private key"):
            await store.checkpoint()
        left.rmdir()
        assert await store.checkpoint() is not None
