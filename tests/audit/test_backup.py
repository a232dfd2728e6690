"""Backups of the audit store: whole or not there, of a store that is written, and restored into one that goes on."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit.making import NOON, Clock, event, read_csv, stored

from callkeeper.audit.backup import MANIFEST, back_up, restore
from callkeeper.audit.checkpoints import list_checkpoints
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.errors import BackupError
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify


async def fill(folder: Path) -> None:
    clock = Clock()
    async with AuditStore.open(folder, now=clock) as store:
        await store.append([event(1), event(2)])
        await store.append([event(3, at=NOON - timedelta(seconds=5))])
        clock.at += timedelta(days=1)
        await store.append([event(4, at=clock.at)])
        await store.apply(LogSettings(compress_closed=True))
        await store.maintain()


async def test_a_backup_is_a_store_that_can_be_verified_and_holds_no_key(tmp_path):
    await fill(tmp_path / "audit")
    made = back_up(tmp_path / "audit", tmp_path / "copy", now=NOON)
    found = verify(tmp_path / "copy", against=list_checkpoints(tmp_path / "audit"))
    assert found.sound
    assert (made.rows, made.chain) == (found.rows, found.chain)
    assert not (tmp_path / "copy" / "signing-key.pem").exists()
    back_up(tmp_path / "audit", tmp_path / "with-key", now=NOON, with_key=True)
    assert (tmp_path / "with-key" / "signing-key.pem").exists()


async def test_a_backup_is_made_of_a_store_whose_late_runs_were_compressed_or_deleted_since(tmp_path):
    """The lines of the newest side file still speak of them."""
    clock, log = Clock(), tmp_path / "audit"
    async with AuditStore.open(log, now=clock) as store:
        await store.append([event(1)])
        clock.at += timedelta(days=2)
        await store.append([event(2, at=clock.at), event(3)])
        for name, settings in (("compressed", {"compress_closed": True}), ("deleted", {"retention": "1d"})):
            await store.apply(LogSettings(**settings))
            await store.maintain()
            assert not (log / "audit-2026-11-23.late-001.csv").exists()
            made = back_up(log, tmp_path / name, now=NOON)
            found = verify(tmp_path / name)
            assert (found.problems, found.tails, found.chain) == ((), (), made.chain)
        assert not list((tmp_path / "deleted").glob("audit-2026-11-23*.gz"))


async def test_a_backup_of_a_store_under_load_ends_with_a_commit(tmp_path):
    async with AuditStore.open(tmp_path / "audit", now=Clock()) as store:
        stop = False

        async def write(sender: str) -> None:
            number = 0
            while not stop:
                number += 1
                late = NOON - timedelta(seconds=number % 3)
                await store.append([event(number, sender=sender, at=late)])

        writers = [asyncio.create_task(write(f"s-{number}")) for number in range(8)]
        await store.append([event(1, sender="first")])
        for attempt in range(3):
            made = await asyncio.to_thread(back_up, tmp_path / "audit", tmp_path / f"copy-{attempt}", now=NOON)
            found = verify(tmp_path / f"copy-{attempt}")
            assert found.sound
            assert found.tails == ()
            assert (found.rows, found.chain) == (made.rows, made.chain)
            assert found.rows > 0
        stop = True
        await asyncio.gather(*writers)


class BackedUpAtSync(LocalDisk):
    """Takes a backup whenever a file of rows is synced: the rows lie there, and no line says so yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[Path] = []

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.suffix == ".csv":
            target = self._folder.with_name(f"copy-{len(self.made)}")
            back_up(self._folder, target, now=NOON)
            self.made.append(target)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=5), timedelta(days=2)])
async def test_a_backup_leaves_out_rows_of_a_new_file_that_no_line_covers_yet(tmp_path, late):
    disk = BackedUpAtSync(tmp_path / "audit")
    async with AuditStore.open(tmp_path / "audit", now=Clock(), disk=disk) as store:
        await store.append([event(1)])
        await store.append([event(2, at=NOON - late)])
        await store.append([event(3, at=NOON - late)])
    assert len(disk.made) == 3
    for rows, copy in enumerate(disk.made):
        found = verify(copy)
        assert found.sound
        assert (found.rows, found.tails) == (rows, ())
        assert len(stored(copy)) == rows


async def test_a_restored_store_goes_on_and_says_that_it_was_restored(tmp_path):
    await fill(tmp_path / "audit")
    kept = list_checkpoints(tmp_path / "audit")
    held = back_up(tmp_path / "audit", tmp_path / "copy", now=NOON, with_key=True)
    await asyncio.to_thread(restore, tmp_path / "copy", tmp_path / "again")
    found = verify(tmp_path / "again", against=kept)
    assert found.sound
    assert any("restored at" in note and held.taken in note for note in found.notes)
    (told,) = [
        row
        for path in (tmp_path / "again").glob("*.csv")
        for row in read_csv(path.read_bytes())
        if row[4] == "RestoreAudit"
    ]
    assert json.loads(told[5])["chain"] == held.chain
    async with AuditStore.open(tmp_path / "again", now=Clock()) as store:
        assert store.recovery.clean
        assert store.mark("recorder") == 4
        await store.append([event(4), event(5)])
    assert verify(tmp_path / "again", against=kept).sound
    assert len([name for name in stored(tmp_path / "again") if name == "recorder:5"]) == 1


async def test_rows_that_came_after_the_backup_are_missed_by_a_later_checkpoint(tmp_path):
    await fill(tmp_path / "audit")
    back_up(tmp_path / "audit", tmp_path / "copy", now=NOON)
    async with AuditStore.open(tmp_path / "audit", now=Clock()) as store:
        await store.append([event(number, at=NOON + timedelta(days=1)) for number in range(5, 60)])
        later = await store.checkpoint()
    found = verify(tmp_path / "copy", against=[later])
    assert not found.sound
    assert "55 more than there are: the log was cut off or rolled back" in str(found.problems[0])


@pytest.mark.parametrize("damage", ["altered", "missing", "no manifest"])
async def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_made(tmp_path, damage):
    await fill(tmp_path / "audit")
    back_up(tmp_path / "audit", tmp_path / "copy", now=NOON)
    path = next((tmp_path / "copy").glob("audit-*24.csv"))
    match damage:
        case "altered":
            path.write_bytes(path.read_bytes().replace(b"ada", b"eve"))
        case "missing":
            path.unlink()
        case _:
            (tmp_path / "copy" / MANIFEST).unlink()
    with pytest.raises(BackupError):
        await asyncio.to_thread(restore, tmp_path / "copy", tmp_path / "again")
    assert {path.name for path in tmp_path.iterdir()} == {"audit", "copy"}


async def test_a_target_that_is_there_or_inside_the_store_is_refused(tmp_path):
    await fill(tmp_path / "audit")
    for target in (tmp_path / "audit", tmp_path / "audit" / "copy", tmp_path / "no" / "copy"):
        with pytest.raises(BackupError):
            back_up(tmp_path / "audit", target, now=NOON)
    with pytest.raises(BackupError, match="not empty"):
        await asyncio.to_thread(restore, tmp_path / "copy", tmp_path / "audit")
