"""What grows on disk: however it is divided, the same file; whatever the disk does, nothing that is not so."""

import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.media import made
from tests.recorder.media.disks import FailingDisk

from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.part import SYNC_BYTES, SYNC_SECONDS, NoRoom, OffsetLost, Part, Published
from callkeeper.recorder.media.recognition import Format

NAME = "s-1"
OPENED = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
SAMPLES = {
    Format.WAV: made.wav(0.2),
    Format.OGG_OPUS: made.ogg_opus(2),
    Format.MP3: made.mp3(12, tag=made.id3(30)),
    Format.MP4: made.mp4(1, content=900),
}


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.sampled_from(Format), st.booleans(), st.data())
@settings(max_examples=80, deadline=None)
def test_any_division_of_the_same_bytes_is_the_same_file(format_: Format, resumed: bool, data: st.DataObject) -> None:
    content = SAMPLES[format_]
    cuts = sorted({0, *data.draw(st.lists(st.integers(1, len(content) - 1), max_size=12)), len(content)})
    with tempfile.TemporaryDirectory() as folder:
        files = MediaFiles.open(Path(folder), LocalDisk())
        part = Part(NAME, files, reserve_bytes=0)
        for first, last in pairwise(cuts):
            if resumed and part.path.exists():
                part.close()
                part = Part(NAME, files, reserve_bytes=0)
                part.resume()
            part.append(first, content[first:last])
            assert part.length == last
        assert part.settle(len(content))[0] is format_
        stored = files.publish(NAME, OPENED, format_)
        assert stored == f"2026/11/23/s-1.{format_.extension}"
        assert files.path(stored).read_bytes() == content
        assert part.settle(len(content))[2] == sha256(content).hexdigest()
        part.close()


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def files(tmp_path: Path, disk: FailingDisk) -> MediaFiles:
    return MediaFiles.open(tmp_path, disk)


def begun(files: MediaFiles, clock: Ticking, content: bytes) -> Part:
    part = Part(NAME, files, reserve_bytes=0, monotonic=clock)
    part.append(0, content)
    return part


def test_nothing_waits_for_its_sync_longer_than_the_bound(files: MediaFiles, disk: FailingDisk) -> None:
    clock, content = Ticking(), made.wav(30)
    part = begun(files, clock, content[:8_000])
    syncs = disk.syncs
    for second in range(1, 21):
        clock.now += 1
        part.append(8_000 * second, content[8_000 * second : 8_000 * (second + 1)])
        assert part.length - part.synced <= 8_000 * 4
    assert disk.syncs - syncs == 4
    assert not part.is_sync_due()
    clock.now += SYNC_SECONDS
    assert part.is_sync_due() is (part.length > part.synced)
    part.sync()
    assert part.synced == part.length


def test_what_comes_fast_is_synced_by_size(files: MediaFiles, disk: FailingDisk) -> None:
    part = begun(files, Ticking(), made.wav(0.1))
    disk.syncs = 0
    part.append(part.length, bytes(SYNC_BYTES))
    assert disk.syncs == 1
    assert part.synced == part.length


def test_after_a_sync_that_failed_only_what_was_synced_before_is_believed(files: MediaFiles, disk: FailingDisk) -> None:
    clock, content = Ticking(), made.wav(2)
    part = begun(files, clock, content[:1_000])
    part.sync()
    part.append(1_000, content[1_000:5_000])
    disk.failing_syncs = 1
    with pytest.raises(OSError, match="Input/output"):
        part.sync()
    assert part.length == 1_000
    with pytest.raises(OffsetLost):
        part.append(5_000, content[5_000:])
    part.append(1_000, content[1_000:])
    assert part.settle(len(content))[2] == sha256(content).hexdigest()
    assert part.path.read_bytes() == content


def test_a_disk_that_goes_on_failing_loses_nothing_that_was_synced(files: MediaFiles, disk: FailingDisk) -> None:
    content = made.wav(2)
    part = begun(files, Ticking(), content[:1_000])
    part.sync()
    disk.failing_syncs = 4
    part.append(1_000, content[1_000:3_000])
    for _ in range(4):
        with pytest.raises(OSError, match="Input/output"):
            part.settle(None)
        assert part.length == 1_000
    part.append(1_000, content[1_000:])
    assert part.settle(len(content))[2] == sha256(content).hexdigest()


def test_a_full_disk_leaves_no_half_of_what_was_refused(files: MediaFiles, disk: FailingDisk) -> None:
    content = made.wav(2)
    part = begun(files, Ticking(), content[:1_000])
    part.sync()
    disk.room = 500
    with pytest.raises(OSError, match="No space"):
        part.append(1_000, content[1_000:3_000])
    assert part.length == 1_000
    disk.room = None
    part.append(1_000, content[1_000:])
    assert part.path.read_bytes() == content


def test_a_disk_full_at_the_first_byte_leaves_nothing(files: MediaFiles, disk: FailingDisk, tmp_path: Path) -> None:
    disk.free = 1_000
    part = Part(NAME, files, reserve_bytes=1_001)
    with pytest.raises(NoRoom):
        part.append(0, made.wav())
    assert part.length == 0
    assert list((tmp_path / "incoming").iterdir()) == []


def test_the_reserve_is_seen_to_while_it_grows_and_what_came_is_kept(files: MediaFiles, disk: FailingDisk) -> None:
    clock, content = Ticking(), made.wav(2)
    part = Part(NAME, files, reserve_bytes=1_000, monotonic=clock)
    part.append(0, content[:8_000])
    disk.free = 999
    clock.now += SYNC_SECONDS
    with pytest.raises(NoRoom):
        part.append(8_000, content[8_000:9_000])
    assert part.length == part.synced == 9_000
    assert part.settle(9_000)[1] is not None


@pytest.mark.parametrize("size", [0, 5, 11])
def test_too_little_of_a_beginning_is_begun_anew(files: MediaFiles, size: int) -> None:
    path = files.part(NAME)
    path.write_bytes(made.wav()[:size])
    part = Part(NAME, files, reserve_bytes=0)
    part.resume()
    assert part.length == 0
    assert not path.exists()
    part.append(0, made.wav())
    assert part.settle(None)[0] is Format.WAV


def test_what_lost_its_beginning_is_left_for_somebody_to_look_at(files: MediaFiles) -> None:
    files.part(NAME).write_bytes(bytes(50_000))
    part = Part(NAME, files, reserve_bytes=0)
    with pytest.raises(OSError, match="not media any more"):
        part.resume()
    assert files.part(NAME).stat().st_size == 50_000


def test_nothing_is_added_to_what_has_its_name(files: MediaFiles) -> None:
    content = made.wav()
    part = begun(files, Ticking(), content)
    part.settle(None)
    for _ in range(2):
        files.publish(NAME, OPENED, Format.WAV)
    part.close()
    again = Part(NAME, files, reserve_bytes=0)
    again.resume()
    with pytest.raises(Published):
        again.append(len(content), b"more")
    again.close()
    assert files.is_published(NAME)


def test_a_name_that_is_taken_by_another_file_is_not_taken_over(files: MediaFiles, tmp_path: Path) -> None:
    part = begun(files, Ticking(), made.wav())
    part.settle(None)
    (tmp_path / "2026/11/23").mkdir(parents=True)
    (tmp_path / "2026/11/23/s-1.wav").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        files.publish(NAME, OPENED, Format.WAV)
    assert (tmp_path / "2026/11/23/s-1.wav").read_bytes() == b"another"
    part.close()


@pytest.mark.parametrize(
    "path", ["../x.wav", "2026/11/23/../../x-1.wav", "/etc/passwd", "2026/11/23/x", "incoming/s-1.part", ""]
)
def test_no_path_leads_out_of_the_folder(files: MediaFiles, path: str) -> None:
    with pytest.raises(ValueError, match="not the path"):
        files.path(path)
    with pytest.raises(ValueError, match="not the id"):
        files.part(path)
