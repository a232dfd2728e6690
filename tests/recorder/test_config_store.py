"""The config on disk: killed writers, full disks, altered files. Before or after, never none, never half."""

import errno
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.recorder import killed_writer
from tests.recorder.stage import Stage, config, stage

from callkeeper.policy.config_json import revision
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk


class FailingDisk(LocalDisk):
    """Fails from its nth change on, as a full disk does."""

    def __init__(self, healthy_changes: int, number: int = errno.ENOSPC) -> None:
        self.left = healthy_changes
        self.number = number

    def _change(self) -> None:
        if self.left <= 0:
            raise OSError(self.number, os.strerror(self.number))
        self.left -= 1

    def write_synced(self, path: Path, data: bytes) -> None:
        if self.left <= 0:
            path.write_bytes(data[: len(data) // 2])
        self._change()
        super().write_synced(path, data)

    def rename(self, source: Path, target: Path) -> None:
        self._change()
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._change()
        super().sync_folder(folder)

    def remove(self, path: Path) -> None:
        self._change()
        super().remove(path)


CHANGES_OF_A_SAVE = 6
"""Write, rename and sync of the body; the same of the pointer."""


@pytest.mark.parametrize("healthy", range(CHANGES_OF_A_SAVE))
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
async def test_wherever_the_disk_fails_the_old_config_stays_in_force(tmp_path: Path, healthy: int, number: int) -> None:
    await stage(tmp_path).program(config())
    broken = stage(tmp_path, disk=FailingDisk(healthy, number))
    answer = await broken.put(config("OnDemand"))
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/storage-failed")
    assert os.strerror(number) in answer.json()["detail"]
    assert broken.recorder.programming.config == config()
    assert (await broken.call()).json()["outcome"] == "record"
    again = stage(tmp_path)
    # Only the sync after the pointer's rename may fail with the new one already there to be found.
    either = {revision(config())} | ({revision(config("OnDemand"))} if healthy == CHANGES_OF_A_SAVE - 1 else set())
    assert again.recorder.programming.revision in either
    assert (await again.put(config("OnDemand"))).status_code == 200


async def test_removing_old_bodies_may_fail(tmp_path: Path) -> None:
    await stage(tmp_path).program(config())
    (tmp_path / "recorder" / "configs" / "left-over").touch()
    assert (await stage(tmp_path, disk=FailingDisk(CHANGES_OF_A_SAVE)).put(config("OnDemand"))).status_code == 200


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "recorder").write_text("a file where the folder should be")
    with pytest.raises(StorageFault, match="cannot be opened"):
        stage(tmp_path)


def test_200_killed_writers_leave_the_config_before_or_after(tmp_path: Path) -> None:
    command = [sys.executable, killed_writer.__file__, str(tmp_path), "200", "20260301"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("200 kills")
    configs = int(done.stdout.split()[2])
    assert configs >= 60, "the writers did not come to write"


@pytest.fixture
async def programmed(tmp_path: Path) -> Stage:
    found = stage(tmp_path)
    await found.program(config())
    return found


def body_path(programmed: Stage) -> Path:
    return programmed.folder / "recorder" / "configs" / f"{revision(config())}.json"


def load(programmed: Stage) -> None:
    DiskConfigStore(programmed.folder / "recorder", LocalDisk()).load()


async def test_an_altered_body_is_found(programmed: Stage) -> None:
    body_path(programmed).write_bytes(body_path(programmed).read_bytes().replace(b"AlwaysOn", b"OnDemand"))
    with pytest.raises(StorageFault, match="does not fit its revision"):
        load(programmed)


async def test_a_missing_body_is_said(programmed: Stage) -> None:
    body_path(programmed).unlink()
    with pytest.raises(StorageFault, match="cannot read"):
        load(programmed)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 2}', "null"])
async def test_a_pointer_that_is_none_is_said(programmed: Stage, text: str) -> None:
    (programmed.folder / "recorder" / "current.json").write_text(text)
    with pytest.raises(StorageFault, match=r"current\.json cannot be used"):
        load(programmed)


async def test_a_config_of_a_later_release_is_said(programmed: Stage) -> None:
    pointer_path = programmed.folder / "recorder" / "current.json"
    pointer = json.loads(pointer_path.read_text())
    body = b'{"alarms":{"version":1}}'
    pointer["revision"] = sha256(body).hexdigest()
    pointer_path.write_text(json.dumps(pointer))
    (pointer_path.parent / "configs" / f"{pointer['revision']}.json").write_bytes(body)
    with pytest.raises(StorageFault, match="this release does not read it"):
        load(programmed)


async def test_files_are_for_their_owner_only(programmed: Stage) -> None:
    for path in (body_path(programmed), programmed.folder / "recorder" / "current.json"):
        assert path.stat().st_mode & 0o077 == 0
