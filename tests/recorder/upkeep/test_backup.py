import asyncio
import json
import threading
from pathlib import Path

import pytest
from tests.recorder.store.making import ended, event, later, segment, tombstone
from tests.recorder.upkeep.kept_state import Kept

from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.store.looking import SqliteLook
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.recording import Status, key_of
from callkeeper.recorder.store.search import EVERYTHING, Search
from callkeeper.recorder.upkeep import backup
from callkeeper.recorder.upkeep.backup import back_up
from callkeeper.recorder.upkeep.checking import check
from callkeeper.recorder.upkeep.copying import hash_file, read_list


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def whole(target: Path) -> dict[str, str]:
    """The files of a backup, each as its list says; nothing differs between its rows and its media."""
    _, held = read_list(target)
    found = {}
    for one in held:
        assert hash_file(target / "state" / one.path, one.path) == one
        found[one.path] = one.sha256
    there = {path.relative_to(target / "state").as_posix() for path in (target / "state").rglob("*") if path.is_file()}
    assert there == set(found)
    look = SqliteLook.open(target / "state/recorder/store")
    assert list(check(look, target / "state/recorder/media", running=False)) == []
    look.close()
    return found


def rows_of(target: Path, query):
    look = SqliteLook.open(target / "state/recorder/store")
    try:
        return look.read(query)
    finally:
        look.close()


@pytest.mark.parametrize("link", [True, False])
def test_a_backup_holds_everything_and_its_list_proves_it(kept: Kept, target: Path, *, link: bool) -> None:
    (kept.state / "recorder/current.json").write_text("{}")
    (kept.state / "recorder/configs/abc.json").write_text("{}")
    (kept.state / "audit/audit-2026-03-01.csv").write_text("rows")
    (kept.state / "audit/audit-2026-03-01.commits").write_text("notes")
    (kept.state / "audit/lock").write_text("")
    (kept.state / "authorization").write_text("a token")
    done = back_up(kept.state, target, now=later(0), link=link)
    found = whole(target)
    assert done.files == len(found) == 4 + 1 + 1 + 2 + 2 + 1
    assert done.missing == []
    assert "audit/audit-2026-03-01.csv" in found
    assert not {"audit/lock", "authorization"} & set(found)
    copied = target / "state/recorder/media/2026/03/01/segment1-1.wav"
    assert copied.samefile(kept.file(1)) is link
    assert (target.stat().st_mode & 0o777) == 0o700


def test_a_backup_is_taken_while_the_store_is_written(kept: Kept, target: Path) -> None:
    async def run() -> None:
        store, ending = kept.open(), False

        async def write() -> int:
            count = 0
            while not ending:
                await store.write(lambda rows: rows.add_event(event(1)))
                count += 1
            return count

        writing = asyncio.create_task(write())
        await asyncio.to_thread(back_up, kept.state, target, now=later(0))
        ending = True
        assert await writing > 0
        await store.close()

    asyncio.run(run())
    whole(target)


class Meanwhile:
    """Does something after the store was copied and before its media is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kept: Kept, unit, before=None) -> None:
        real = SqliteLook.copy_to

        def copy_to(look: SqliteLook, folder: Path) -> None:
            real(look, folder)

            async def run() -> None:
                store = kept.open()
                await store.write(unit)
                await store.close()

            thread = threading.Thread(target=lambda: asyncio.run(run()))
            thread.start()
            thread.join()
            if before is not None:
                before()

        monkeypatch.setattr(SqliteLook, "copy_to", copy_to)


def test_what_was_removed_meanwhile_is_removed_in_the_backup(
    kept: Kept, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unit(rows) -> None:
        one = rows.recording("segment1-1", EVERYTHING)
        rows.bury(tombstone(one))
        rows.set_status([key_of(2, 1)], Status.UNREACHABLE)
        rows.set_meta("removal:segment2-1", REMOVAL)

    def remove() -> None:
        kept.file(1).unlink()
        kept.file(2).unlink()

    Meanwhile(monkeypatch, kept, unit, remove)
    assert back_up(kept.state, target, now=later(0)).missing == []
    whole(target)

    def query(rows: Reading) -> tuple[set[str], list[str], bool]:
        seen = {one.id for one in rows.search(Search(), EVERYTHING, None, 100)}
        return seen, [one.id for one in rows.unreachable(10)], rows.tombstone("segment1-1") is not None

    assert rows_of(target, query) == ({"segment3-1", "segment4-1"}, ["segment2-1"], True)


REMOVAL = json.dumps(
    {"at": "2026-03-01T12:00:00+00:00", "by": "ada", "why": "deleted", "rule": "", "revision": "", "email": "a@b.c"}
    | {"ip": "", "app": "callkeeper", "reason": ""}
)


def test_media_that_is_missing_is_said_and_the_rest_is_backed_up(kept: Kept, target: Path) -> None:
    kept.file(3).unlink()
    done = back_up(kept.state, target, now=later(0))
    assert done.missing == ["segment3-1"]
    assert done.files == 3 + 1 + 1 + 1


def test_what_has_arrived_of_an_upload_is_backed_up(kept: Kept, target: Path) -> None:
    async def run() -> None:
        store = kept.open()
        await store.write(lambda rows: rows.save_segments((segment(8),)))
        await store.close()

    asyncio.run(run())
    (kept.media / "incoming/segment8-1.part").write_bytes(b"half")
    (kept.media / "incoming/segment8-1.channels").write_bytes(b'["ada"]')
    back_up(kept.state, target, now=later(0))
    assert (target / "state/recorder/media/incoming/segment8-1.part").read_bytes() == b"half"
    assert "recorder/media/incoming/segment8-1.channels" in whole(target)


def test_an_upload_that_was_completed_meanwhile_is_complete_in_the_backup(
    kept: Kept, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ended(segment(8))

    async def begin() -> None:
        store = kept.open()
        await store.write(lambda rows: rows.save_segments((made,)))
        await store.close()

    asyncio.run(begin())

    def complete() -> None:
        async def run() -> None:
            store = kept.open()
            await kept.store_media(store, MediaFiles.open(kept.media, LocalDisk()), 8, made.started)
            await store.close()

        asyncio.run(run())

    Meanwhile(monkeypatch, kept, lambda _: None, complete)
    back_up(kept.state, target, now=later(0))
    assert "recorder/media/2026/03/01/segment8-1.wav" in whole(target)
    status = rows_of(target, lambda rows: rows.recording("segment8-1", EVERYTHING).status)
    assert status is Status.COMPLETE


def test_a_backup_that_fails_leaves_nothing(kept: Kept, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "copy_file", full)
    with pytest.raises(StorageFault, match="No space left"):
        back_up(kept.state, target, now=later(0))
    assert [path.name for path in target.parent.iterdir()] == ["state"]


def test_a_target_that_is_there_or_lies_in_the_state_is_refused(kept: Kept, target: Path) -> None:
    target.mkdir()
    for wrong, words in (
        (target, "is there already"),
        (kept.state / "b", "lies inside"),
        (target / "no" / "b", "no folder"),
    ):
        with pytest.raises(StorageFault, match=words):
            back_up(kept.state, wrong, now=later(0))


def test_a_list_that_was_cut_off_is_no_backup(kept: Kept, target: Path) -> None:
    back_up(kept.state, target, now=later(0))
    lines = (target / "manifest.jsonl").read_text().splitlines(keepends=True)
    (target / "manifest.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(StorageFault, match="no backup"):
        read_list(target)
