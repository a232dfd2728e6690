"""Blocks taken behind the end of the day's segment: nobody sees them, and nothing depends on them."""

import errno
import os

import pytest
from tests.audit.failing_disk import FailingDisk
from tests.audit.making import Clock, event, stored

from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.fallocate import take_beyond_end
from callkeeper.audit.files import StoreFiles
from callkeeper.audit.room_ahead import RoomAhead
from callkeeper.audit.row import HEADER, row
from callkeeper.audit.space import AHEAD_BYTES
from callkeeper.audit.store import AuditStore

SEGMENT = "audit-2026-11-23.csv"
BLOCK_BYTES = 512
"""What `st_blocks` counts."""


class Asked(LocalDisk):
    """Remembers what was asked for; a file system that cannot do it where `error` is set."""

    def __init__(self, error: int | None = None) -> None:
        self.asked: list[tuple[int, int]] = []
        self.error = error

    def reserve_beyond(self, descriptor: int, offset: int, size: int) -> None:  # noqa: ARG002
        self.asked.append((offset, size))
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))


def open_store(folder, disk):
    return AuditStore.open(folder, now=Clock(), disk=disk)


def taken(path):
    return path.stat().st_blocks * BLOCK_BYTES


def test_blocks_behind_the_end_leave_a_file_as_long_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"rows")
    with path.open("ab") as file:
        take_beyond_end(file.fileno(), 4, AHEAD_BYTES)
    assert path.read_bytes() == b"rows"
    assert taken(path) >= AHEAD_BYTES


def test_it_is_told_why_no_blocks_could_be_taken(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with path.open("rb") as file, pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        take_beyond_end(file.fileno(), 0, AHEAD_BYTES)


async def test_the_segment_has_room_ahead_while_it_is_written_and_gives_it_back_after(tmp_path):
    async with open_store(tmp_path, LocalDisk()) as store:
        await store.append([event(1)])
        assert (tmp_path / SEGMENT).read_bytes() == HEADER + row(event(1))
        assert taken(tmp_path / SEGMENT) >= AHEAD_BYTES
    assert taken(tmp_path / SEGMENT) < AHEAD_BYTES
    assert stored(tmp_path)[:1] == ["recorder:1"]


async def test_a_segment_that_is_left_for_a_further_one_gives_back_what_it_did_not_need(tmp_path):
    disk = LocalDisk()
    async with open_store(tmp_path, disk) as store:
        await store.append([event(1)])
        store._files.journal.rotate_at(1)
        await store.append([event(2)])
        assert taken(tmp_path / SEGMENT) < AHEAD_BYTES
        assert taken(tmp_path / "audit-2026-11-23.part-002.csv") >= AHEAD_BYTES


def test_room_is_taken_in_steps_and_from_where_the_file_ends():
    disk = Asked()
    ahead = RoomAhead(disk, 1000)
    for begin, end in [(50, 150), (150, 1150), (1150, 1151), (1151, 4000)]:
        ahead.grow(9, begin, end)
    assert disk.asked == [(50, 1100), (1150, 1001), (2151, 2849)]


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.ENOSPC, errno.EIO])
async def test_rows_are_written_where_no_room_can_be_taken_and_it_is_not_tried_again(tmp_path, error):
    disk = Asked(error)
    async with open_store(tmp_path, disk) as store:
        for number in range(1, 4):
            await store.append([event(number)])
    assert stored(tmp_path)[:3] == ["recorder:1", "recorder:2", "recorder:3"]
    assert len(disk.asked) == 1


def test_after_the_disk_was_full_the_little_room_there_is_stays_for_rows(tmp_path):
    class Full(Asked, FailingDisk):
        def __init__(self):
            Asked.__init__(self)
            FailingDisk.__init__(self, only="write", error=errno.ENOSPC)

    disk = Full()
    files = StoreFiles(tmp_path, disk=disk, now=Clock())
    files.commit([(row(event(1)), "recorder", 1)])
    assert len(disk.asked) == 1
    disk.fail_at = disk.count + 1
    with pytest.raises(OSError, match="No space left"):
        files.commit([(row(event(2)), "recorder", 2)])
    files.mend()
    files.commit([(row(event(2)), "recorder", 2)])
    files.close()
    assert len(disk.asked) == 1
    assert stored(tmp_path) == ["recorder:1", "recorder:2"]
