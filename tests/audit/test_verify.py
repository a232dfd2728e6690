"""Verification of whole stores: what is sound is found sound, and each way of altering one is found and named."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit.making import NOON, Clock, event, identifiers, seconds

from callkeeper.audit.checkpoints import Checkpoint, list_checkpoints, read_checkpoint
from callkeeper.audit.commits import GENESIS, Commit, read_line
from callkeeper.audit.export import export_range
from callkeeper.audit.layout import CHECKPOINTS, SegmentName, list_store
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.signing import load_keys
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verification import Trouble
from callkeeper.audit.verify import verify

DAY = "audit-2026-11-23"
NEXT = "audit-2026-11-24"
TOMORROW = NOON + timedelta(days=1)


async def fill(folder: Path) -> tuple[Checkpoint, ...]:
    """Two days, a late run each, several commits, a checkpoint a day."""
    clock = Clock()
    async with AuditStore.open(folder, now=clock) as store:
        await store.append([event(1), event(1, sender="other")])
        await store.append([event(2, at=seconds(5)), event(3, at=seconds(-5))])
        await store.checkpoint()
        clock.at = TOMORROW
        await store.append([event(4, at=TOMORROW), event(2, sender="other", at=TOMORROW)])
        await store.append([event(5, at=TOMORROW - timedelta(seconds=9))])
        await store.append([event(6, at=TOMORROW)])
    return list_checkpoints(folder)


def proofs(folder: Path) -> Iterator[Path]:
    """The files that are rows or prove rows."""
    return (path for path in sorted(folder.iterdir()) if path.name.startswith("audit-") or path.name == CHECKPOINTS)


async def test_a_store_as_it_was_written_is_sound_and_its_checkpoints_fit(tmp_path):
    checkpoints = await fill(tmp_path)
    found = verify(tmp_path, against=checkpoints)
    assert found.sound
    assert found.problems == found.tails == found.notes == ()
    assert (found.rows, found.checkpoints, found.against) == (8, 2, 2)
    assert found.chain == checkpoints[-1].chain
    assert found.start == "2026-11-23"


def flip_and_find(folder: Path, step: int) -> None:
    for path in proofs(folder):
        whole = path.read_bytes()
        for index in {*range(0, len(whole), step), *range(len(whole) - 3, len(whole))}:
            altered = bytearray(whole)
            altered[index] ^= (1, 0x20, 0x80)[index // step % 3]
            path.write_bytes(altered)
            assert not verify(folder).sound, (path.name, index)
        path.write_bytes(whole)
    assert verify(folder).sound


async def test_a_flipped_bit_is_found_in_whatever_file_it_is(tmp_path):
    await fill(tmp_path)
    flip_and_find(tmp_path, step=7)


@pytest.mark.faults
async def test_a_flipped_bit_is_found_in_every_byte_of_every_file(tmp_path):
    await fill(tmp_path)
    flip_and_find(tmp_path, step=1)


async def test_a_torn_last_line_of_checkpoints_is_a_tail(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "checkpoints"
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last[:40])
    found = verify(tmp_path)
    assert found.sound
    (tail,) = [tail for tail in found.tails if tail.file == "checkpoints"]
    assert (tail.offset, tail.size, tail.torn) == (len(whole), 40, 40)


async def test_the_first_altered_commit_is_named_with_its_rows_and_bytes(tmp_path):
    await fill(tmp_path)
    path = tmp_path / f"{NEXT}.csv"
    path.write_bytes(path.read_bytes().replace(b"recorder:6", b"recorder:7"))
    (problem,) = verify(tmp_path).problems
    assert (problem.trouble, problem.file, problem.commit) == (Trouble.ROWS_ALTERED, path.name, 6)
    assert (problem.first_row, problem.rows) == (3, 1)
    assert path.read_bytes()[problem.offset : problem.offset + problem.size].count(b"recorder:7") == 1
    assert f"{NEXT}.csv: commit 6 of 2026-11-24 12:00:00 UTC, rows 3 to 3, bytes " in str(problem)


@pytest.mark.parametrize("name", [f"{DAY}.csv", f"{DAY}.commits", f"{NEXT}.csv", f"{NEXT}.late-001.csv"])
async def test_a_file_that_is_gone_is_found(tmp_path, name):
    await fill(tmp_path)
    if not (tmp_path / name).exists():
        name = f"{DAY}.late-001.csv"
    (tmp_path / name).unlink()
    assert not verify(tmp_path).sound


async def test_a_store_that_was_replaced_is_found_with_a_checkpoint_kept_elsewhere(tmp_path):
    kept = await fill(tmp_path / "a")
    await fill(tmp_path / "b")
    assert verify(tmp_path / "b").sound
    (problem, *_) = verify(tmp_path / "b", against=[kept[-1]]).problems
    assert problem.trouble is Trouble.CHECKPOINT_UNKNOWN
    assert "another store" in problem.message


async def test_a_live_store_is_verified_up_to_its_last_commit(tmp_path):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.append([event(1)])
        assert verify(tmp_path).sound
        with (tmp_path / f"{DAY}.csv").open("ab") as file:
            file.write(b"2026-11-2")
            os.fsync(file.fileno())
        found = verify(tmp_path)
    assert found.sound
    assert [(tail.rows, tail.torn) for tail in found.tails] == [(0, 9)]


def write_chain_anew(folder: Path) -> None:
    """What a forger does who can write every file but cannot sign: every hash and every line made to fit the rows."""
    chain, before = GENESIS, ""
    for side in sorted(folder.glob("*.commits")):
        lines = []
        for line in side.read_bytes().splitlines(keepends=True):
            content = json.loads(line)
            read, _ = read_line(line, None if "state" in content else bytes.fromhex(before))
            before = content["chain"]
            if isinstance(read, Commit):
                data = (folder / read.file).read_bytes()[read.offset : read.offset + read.size]
                read = replace(read, sha256=hashlib.sha256(data).hexdigest())
            text, chain = read.line(chain)
            lines.append(text)
        side.write_bytes(b"".join(lines))


async def test_rows_and_chain_written_anew_are_found_by_the_stores_own_checkpoints_or_by_one_kept_elsewhere(tmp_path):
    kept = await fill(tmp_path)
    path = tmp_path / f"{DAY}.csv"
    path.write_bytes(path.read_bytes().replace(b"ada@", b"eve@", 1))
    write_chain_anew(tmp_path)
    assert {problem.trouble for problem in verify(tmp_path).problems} == {Trouble.CHECKPOINT_UNKNOWN}
    # Without its checkpoints the store shows nothing: only what was kept elsewhere does.
    (tmp_path / CHECKPOINTS).unlink()
    assert verify(tmp_path).sound
    found = verify(tmp_path, against=kept, public_keys=[load_keys(tmp_path / "signing-key.pem")[0].public])
    assert "something was altered from the first row on, and the chain written anew" in str(found.problems[0])


async def test_a_log_that_nothing_signs_is_told_and_is_damage_where_its_key_is_known(tmp_path):
    await fill(tmp_path)
    key = load_keys(tmp_path / "signing-key.pem")[0].public
    path = tmp_path / CHECKPOINTS
    first = path.read_bytes().splitlines(keepends=True)[0]
    for left in (first, b""):  # the line of the key alone, and nothing at all
        path.write_bytes(left)
        (note,) = verify(tmp_path).notes
        assert "whoever could write the files could write this log" in note
        (problem,) = verify(tmp_path, public_keys=[key]).problems
        assert (problem.trouble, problem.file) == (Trouble.SIGNATURE_WRONG, CHECKPOINTS)
        assert "the file was removed or replaced" in problem.message


async def test_checkpoints_that_were_cut_off_are_missed(tmp_path):
    """Nobody needs a key to cut lines off and write rows and chain anew behind the last one that is left."""
    await fill(tmp_path)
    path = tmp_path / CHECKPOINTS
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    found = verify(tmp_path)
    assert found.sound
    (note,) = found.notes
    assert "the newest 4 rows, up to 2026-11-24 12:00:00 UTC, are signed by no checkpoint" in note


async def test_a_store_cut_back_to_an_earlier_commit_is_found_by_a_later_checkpoint(tmp_path):
    kept = await fill(tmp_path)
    for path in [*tmp_path.glob(f"{NEXT}*"), tmp_path / CHECKPOINTS]:
        path.unlink()
    (problem, *_) = verify(tmp_path, against=kept[-1:]).problems
    assert "the log was cut off or rolled back" in str(problem) or problem.trouble is Trouble.ROWS_UNPROVEN


async def test_a_kept_checkpoint_whose_counts_were_altered_is_found(tmp_path):
    kept = await fill(tmp_path)
    forged = read_checkpoint(kept[-1].text.replace("rows=8", "rows=9"))
    assert {problem.trouble for problem in verify(tmp_path, against=[forged]).problems} == {
        Trouble.CHECKPOINT_UNKNOWN,
        Trouble.SIGNATURE_WRONG,
    }


@pytest.mark.parametrize("how", ["removed", "doubled", "swapped"])
async def test_lines_of_a_side_file_that_were_removed_doubled_or_swapped_are_found(tmp_path, how):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        for number in range(1, 7):
            await store.append([event(number)])
    path = tmp_path / f"{DAY}.commits"
    lines = path.read_bytes().splitlines(keepends=True)
    match how:
        case "removed":
            del lines[3]
        case "doubled":
            lines.insert(3, lines[3])
        case _:
            lines[3], lines[4] = lines[4], lines[3]
    path.write_bytes(b"".join(lines))
    problems = verify(tmp_path).problems
    assert problems[0].trouble is Trouble.CHAIN_BROKEN
    assert problems[0].commit in {3, 4}


@pytest.mark.parametrize("how", ["removed", "doubled", "swapped"])
async def test_rows_that_were_removed_doubled_or_swapped_are_found_in_their_commit(tmp_path, how):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.append([event(number) for number in range(1, 4)])
        await store.append([event(number) for number in range(4, 7)])
    path = tmp_path / f"{DAY}.csv"
    header, *rows = path.read_bytes().splitlines(keepends=True)
    match how:
        case "removed":
            del rows[4]
        case "doubled":
            rows.insert(4, rows[4])
        case _:
            rows[3], rows[4] = rows[4], rows[3]
    path.write_bytes(header + b"".join(rows))
    problems = verify(tmp_path).problems
    assert problems
    assert {problem.commit for problem in problems} <= {0, 2}


async def test_a_file_that_was_put_there_is_found(tmp_path):
    await fill(tmp_path)
    (tmp_path / "audit-2026-11-20.csv").write_bytes((tmp_path / f"{DAY}.csv").read_bytes())
    (problem,) = verify(tmp_path).problems
    assert (problem.trouble, problem.file) == (Trouble.ROWS_UNPROVEN, "audit-2026-11-20.csv")


LIKE_ONE = ["audit-2026-11-20.late-000.csv", f"{DAY}.part-0002.csv", f"{DAY}.part-001.csv.gz", "audit-2026-02-30.csv"]


@pytest.mark.parametrize("name", LIKE_ONE)
async def test_a_file_that_reads_like_one_of_the_log_is_found_and_stops_nothing(tmp_path, name):
    await fill(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / f"{DAY}.csv").read_bytes())
    (problem,) = verify(tmp_path).problems
    assert (problem.trouble, problem.file) == (Trouble.ROWS_UNPROVEN, name)
    assert len(identifiers(export_range(tmp_path, NOON - timedelta(days=400), NOON + timedelta(days=2)))) == 8
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        await store.apply(LogSettings(retention="30d", compress_closed=True))
        await store.append([event(7, at=TOMORROW)])
        await store.maintain()
    assert (tmp_path / f"{DAY}.csv.gz").exists()


async def test_a_file_that_cannot_be_read_is_named_and_the_rest_verified(tmp_path):
    await fill(tmp_path)
    (tmp_path / f"{DAY}.csv").unlink()
    (tmp_path / f"{DAY}.csv").mkdir()
    found = verify(tmp_path)
    assert {(problem.trouble, problem.file) for problem in found.problems} == {(Trouble.ROWS_MISSING, f"{DAY}.csv")}
    assert "cannot be read: Is a directory" in str(found.problems[0])
    assert found.commits == 6


async def test_a_late_run_that_went_on_after_midnight_is_sound_when_retention_has_deleted_its_beginning(tmp_path):
    clock = Clock()
    async with AuditStore.open(tmp_path, now=clock) as store:
        await store.append([event(1), event(2, at=seconds(-9))])
        clock.at = TOMORROW
        # The same run of the day before, told of by the next side file.
        await store.append([event(3, at=TOMORROW), event(4, at=seconds(-8))])
        for number in range(5, 9):
            clock.at = NOON + timedelta(days=number)
            for sender in ("recorder", "other"):
                await store.append([event(number, sender=sender, at=clock.at)])
                await store.checkpoint()
        assert verify(tmp_path).sound
        await store.apply(LogSettings(retention="7d"))
        await store.maintain()
        assert not (tmp_path / f"{DAY}.commits").exists()
        assert (tmp_path / f"{NEXT}.commits").exists()
        found = verify(tmp_path)
        assert found.problems == ()
        await store.apply(LogSettings(retention="1d"))
        await store.maintain()
    found = verify(tmp_path)
    assert found.problems == ()
    (note,) = found.notes
    assert re.fullmatch(
        r"\d checkpoints of the store, up to that of .*, cover only what retention has deleted since", note
    )


async def test_a_day_that_retention_deletes_meanwhile_stops_neither_verification_nor_export(tmp_path, monkeypatch):
    await fill(tmp_path)
    whole = identifiers(export_range(tmp_path, NOON - timedelta(days=9), TOMORROW + timedelta(days=9)))
    for module in ("verify", "export"):
        listed = []

        def list_first_what_is_gone(folder, listed=listed):
            found = list_store(folder)
            listed.append(found)
            gone = replace(
                found,
                segments=(SegmentName("2026-11-20"), *found.segments),
                commit_days=("2026-11-20", *found.commit_days),
            )
            return gone if len(listed) == 1 else found

        monkeypatch.setattr(f"callkeeper.audit.{module}.list_store", list_first_what_is_gone)
        assert verify(tmp_path).sound
        assert identifiers(export_range(tmp_path, NOON - timedelta(days=9), TOMORROW + timedelta(days=9))) == whole
        assert len(listed) > 1
