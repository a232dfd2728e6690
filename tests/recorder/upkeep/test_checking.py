import asyncio
from pathlib import Path

import pytest
from tests.recorder.store.making import ended, later, segment, tombstone
from tests.recorder.upkeep.kept_state import Kept

from callkeeper.audit.actions import Action
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.looking import SqliteLook
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.recording import Status, key_of
from callkeeper.recorder.store.search import EVERYTHING
from callkeeper.recorder.upkeep.checking import check
from callkeeper.recorder.upkeep.differences import Kind
from callkeeper.recorder.upkeep.repairing import __doc__ as repairs
from callkeeper.recorder.upkeep.repairing import repair


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state")


def found(kept: Kept, *, running: bool = False) -> dict[tuple[str, str], str]:
    look = SqliteLook.open(kept.store_folder)
    try:
        differences = list(check(look, kept.media, running=running))
    finally:
        look.close()
    return {(one.kind.value, one.recording): one.path for one in differences}


def write(kept: Kept, unit) -> None:
    async def run() -> None:
        store = kept.open()
        await store.write(unit)
        await store.close()

    asyncio.run(run())


ANN = Actor(principal=Principal(id="ann", email="ann@example.com"), ip_address="127.0.0.1")


def repaired(kept: Kept) -> list[tuple[Action, str, object]]:
    """What the audit log will be told."""
    look = SqliteLook.open(kept.store_folder)
    try:
        return [(one.action, one.email, one.details) for _, one in look.read(lambda rows: rows.undelivered(10))]
    finally:
        look.close()


def mend(kept: Kept) -> list[str]:
    async def run() -> list[str]:
        store, look = kept.open(), SqliteLook.open(kept.store_folder)
        differences = list(check(look, kept.media, running=False))
        look.close()
        done = await repair(store, kept.media, differences, now=later(0), actor=ANN)
        await store.close()
        return [text for _, text in done]

    return asyncio.run(run())


def bury(rows: Writing, number: int) -> None:
    recording = rows.recording(f"segment{number}-1", EVERYTHING)
    assert recording is not None
    rows.bury(tombstone(recording))


def test_what_a_recorder_leaves_has_no_difference(kept: Kept) -> None:
    assert found(kept) == {}


def test_a_missing_file_is_named_and_its_recording_marked_failed_once(kept: Kept) -> None:
    kept.file(2).unlink()
    assert found(kept) == {("missing-file", "segment2-1"): "2026/03/01/segment2-1.wav"}
    assert mend(kept) == ["marked failed"]
    assert found(kept) == {}


def test_altered_media_is_named_and_never_mended(kept: Kept) -> None:
    content = kept.file(1).read_bytes()
    kept.file(1).write_bytes(b"X" + content[1:])
    kept.file(3).write_bytes(content[:-1])
    expected = {("altered-content", "segment1-1"), ("altered-size", "segment3-1")}
    assert set(found(kept)) == expected
    assert mend(kept) == ["", ""]
    assert set(found(kept)) == expected


def test_a_link_in_the_place_of_a_file_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    kept.file(1).rename(moved)
    kept.file(1).symlink_to(moved)
    assert set(found(kept)) == {("unreadable-file", "segment1-1")}


def test_files_of_no_recording_are_moved_aside_and_not_deleted(kept: Kept) -> None:
    strangers = [kept.file(1).with_name(name) for name in ("segment9-1.wav", "notes.txt", "segment1-1.mp3")]
    strangers.append(kept.media / "incoming" / "segment9-1.part")
    strangers.append(kept.media / "incoming" / ".segment1-1.channels.tmp")
    for file in strangers:
        file.write_text(file.name)
    assert {(kind, path) for (kind, _), path in found(kept).items()} >= {
        ("orphaned-file", "2026/03/01/segment9-1.wav"),
        ("leftover-upload", "incoming/segment9-1.part"),
    }
    assert len(mend(kept)) == 5
    assert found(kept) == {}
    aside = kept.media.parent / "quarantine" / "2026-03-01T12-00-00Z"
    assert sorted(path.read_text() for path in aside.rglob("*") if path.is_file()) == sorted(f.name for f in strangers)


def test_a_row_that_says_complete_and_names_no_media_is_marked_failed(kept: Kept) -> None:
    def unit(rows: Writing) -> None:
        rows.save_segments((ended(segment(8)),))
        rows.set_status((key_of(8, 1),), Status.COMPLETE)

    write(kept, unit)
    assert found(kept) == {("complete-without-media", "segment8-1"): ""}
    assert mend(kept) == ["marked failed"]
    assert found(kept) == {}


def test_media_of_a_recording_that_was_removed_is_removed(kept: Kept) -> None:
    write(kept, lambda rows: bury(rows, 2))
    (kept.media / "incoming" / "segment2-1.part").write_text("x")
    assert set(found(kept)) == {("media-of-tombstone", "segment2-1")}
    assert mend(kept) == ["removed", "removed"]
    assert found(kept) == {}
    assert not kept.file(2).exists()
    assert not (kept.media.parent / "quarantine").exists()


def test_what_is_being_removed_is_no_difference_with_or_without_its_media(kept: Kept) -> None:
    write(kept, lambda rows: rows.set_status([key_of(1, 1), key_of(2, 1)], Status.UNREACHABLE))
    kept.file(1).unlink()
    assert found(kept) == {}


def test_an_upload_that_may_go_on_is_no_difference(kept: Kept) -> None:
    write(kept, lambda rows: rows.save_segments((ended(segment(8)),)))
    (kept.media / "incoming" / "segment8-1.part").write_text("half")
    assert found(kept) == {}


def test_beside_a_running_recorder_what_is_young_is_left_alone(kept: Kept) -> None:
    kept.file(1).with_name("segment9-1.wav").write_text("just published")
    assert found(kept, running=True) == {}
    assert set(found(kept)) == {("orphaned-file", "segment9-1")}


def test_a_check_works_beside_a_writer_and_changes_nothing(kept: Kept) -> None:
    async def run() -> None:
        store = kept.open()
        before = {path: path.stat().st_mtime_ns for path in kept.media.rglob("*")}
        assert await asyncio.to_thread(found, kept, running=True) == {}
        await store.write(lambda rows: rows.set_meta("a", "b"))
        assert {path: path.stat().st_mtime_ns for path in kept.media.rglob("*")} == before
        await store.close()

    asyncio.run(run())


def test_where_there_is_no_store_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="there is no store"):
        SqliteLook.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_kind_has_a_place_in_what_repair_does() -> None:
    assert repairs is not None
    assert all(kind.value in repairs for kind in Kind)


def test_what_is_mended_is_told_and_what_is_left_alone_is_not(kept: Kept) -> None:
    kept.file(1).write_bytes(b"altered" * 10)
    assert mend(kept) == [""]
    assert repaired(kept) == []
    kept.file(2).unlink()
    kept.file(3).with_name("stranger.wav").write_bytes(b"x")
    mend(kept)
    ((action, email, details),) = repaired(kept)
    assert (action, email) == (Action.REPAIR_RECORDINGS, "ann@example.com")
    assert details == {"moved": 1, "failed": 1, "left": 1}
