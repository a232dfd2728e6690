"""Blocks taken behind the end of the day's segment: nobody sees them, and nothing depends on them."""

import errno
import os

import pytest
from tests.audit.failing_disk import FailingDisk
from tests.audit.making import Clock, event, stored

from callkeeper.audit.batch import Batch
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.fallocate import take_beyond_end
from callkeeper.audit.files import StoreFiles
from callkeeper.audit.room_ahead import LEAST_BYTES, RoomAhead
from callkeeper.audit.row import HEADER, row
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


@pytest.fixture
def takes_ahead(tmp_path):
    """The file system of the tests can do it: not every one can."""
    with (tmp_path / "asked").open("wb") as file:
        try:
            take_beyond_end(file.fileno(), 0, LEAST_BYTES)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            pytest.skip("this file system takes no blocks beyond a file's end")
    (tmp_path / "asked").unlink()


def taken(path):
    return path.stat().st_blocks * BLOCK_BYTES


@pytest.mark.usefixtures("takes_ahead")
def test_blocks_behind_the_end_leave_a_file_as_long_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"rows")
    with path.open("ab") as file:
        take_beyond_end(file.fileno(), 4, LEAST_BYTES)
    assert path.read_bytes() == b"rows"
    assert taken(path) >= LEAST_BYTES


def test_it_is_told_why_no_blocks_could_be_taken(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with path.open("rb") as file, pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        take_beyond_end(file.fileno(), 0, LEAST_BYTES)


@pytest.mark.usefixtures("takes_ahead")
async def test_the_segment_has_room_ahead_while_it_is_written_and_gives_it_back_after(tmp_path):
    async with open_store(tmp_path, LocalDisk()) as store:
        await store.append([event(1)])
        assert (tmp_path / SEGMENT).read_bytes() == HEADER + row(event(1))
        assert taken(tmp_path / SEGMENT) >= LEAST_BYTES
    assert taken(tmp_path / SEGMENT) < LEAST_BYTES
    assert stored(tmp_path)[:1] == ["recorder:1"]


@pytest.mark.usefixtures("takes_ahead")
async def test_a_segment_that_is_left_for_a_further_one_gives_back_what_it_did_not_need(tmp_path):
    disk = LocalDisk()
    async with open_store(tmp_path, disk) as store:
        await store.append([event(1)])
        store._files.journal.rotate_at(1)
        await store.append([event(2)])
        assert taken(tmp_path / SEGMENT) < LEAST_BYTES
        assert taken(tmp_path / "audit-2026-11-23.part-002.csv") >= LEAST_BYTES


def test_a_young_file_takes_little_and_an_old_one_as_much_as_it_has_up_to_the_bound():
    disk = Asked()
    ahead = RoomAhead(disk, 3 * LEAST_BYTES)
    size = 0
    while size < 20 * LEAST_BYTES:
        ahead.grow(9, size, size + 1000)
        size += 1000
    ends = [offset + taken for offset, taken in disk.asked]
    assert [offset for offset, _ in disk.asked] == [0, *ends[:-1]]
    assert ends[0] == 1000 + LEAST_BYTES
    assert all(taken - 1000 <= max(offset, LEAST_BYTES) for offset, taken in disk.asked)
    assert max(taken for _, taken in disk.asked) == pytest.approx(3 * LEAST_BYTES, abs=1000)


def test_room_is_taken_from_where_an_older_file_ends():
    disk = Asked()
    ahead = RoomAhead(disk, 1000)
    for begin, end in [(50_000, 50_100), (50_100, 51_100), (51_100, 51_101)]:
        ahead.grow(9, begin, end)
    assert disk.asked == [(50_000, 1100), (51_100, 1001)]


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
    files.commit(Batch([(row(event(1)), "recorder", 1)]))
    assert len(disk.asked) == 1
    disk.fail_at = disk.count + 1
    with pytest.raises(OSError, match="No space left"):
        files.commit(Batch([(row(event(2)), "recorder", 2)]))
    files.mend()
    files.commit(Batch([(row(event(2)), "recorder", 2)]))
    files.close()
    assert len(disk.asked) == 1
    assert stored(tmp_path) == ["recorder:1", "recorder:2"]
