import errno
import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit.failing_disk import FailingDisk
from tests.audit.making import NOON, Clock, event, proven_rows, seconds, stored

from callkeeper.audit import journal
from callkeeper.audit.errors import StoreUnavailable
from callkeeper.audit.recovered import Recovery
from callkeeper.audit.row import HEADER, row
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

DAY = "audit-2026-11-23"
TOMORROW = NOON + timedelta(days=1)


async def fill(folder: Path) -> None:
    """Two days, a late run each, several commits, two senders."""
    clock = Clock()
    async with AuditStore.open(folder, now=clock) as store:
        await store.append([event(1), event(1, sender="other")])
        await store.append([event(2, at=seconds(5)), event(3, at=seconds(-5))])
        clock.at = TOMORROW
        await store.append([event(4, at=TOMORROW), event(2, sender="other", at=TOMORROW)])
        await store.append([event(5, at=TOMORROW - timedelta(seconds=9)), event(6, at=NOON)])
        await store.append([event(7, at=TOMORROW)])


ALL = {f"recorder:{number}" for number in range(1, 8)} | {"other:1", "other:2"}


async def reopen(folder: Path) -> Recovery:
    """Open, send everything again, and see that nothing came twice."""
    async with AuditStore.open(folder, now=Clock(TOMORROW)) as store:
        before = stored(folder)
        await store.append([event(number, at=TOMORROW) for number in range(1, 8)])
        await store.append([event(number, sender="other", at=TOMORROW) for number in (1, 2)])
        assert stored(folder) == before
        await store.append([event(8, at=TOMORROW), event(9, at=NOON)])
        recovery = store.recovery
    async with AuditStore.open(folder, now=Clock(TOMORROW)) as store:
        assert store.mark("recorder") == 9
        assert not store.recovery.torn
        assert not store.recovery.rebuilt
    return recovery


async def test_a_store_that_was_closed_opens_clean(tmp_path):
    await fill(tmp_path)
    recovery = await reopen(tmp_path)
    assert recovery == Recovery()
    assert recovery.clean
    assert set(stored(tmp_path)) == ALL | {"recorder:8", "recorder:9"}


@pytest.mark.parametrize("name", ["audit-2026-11-24.csv", f"{DAY}.late-001.csv"])
@pytest.mark.parametrize(
    "tail", [b"2026-11-2", b"\0" * 5000, b"2026-11-24 12:00:00 +0000 UTC,a,b,c,Login\r\n", b"\r\n", b"x" * 200_000]
)
async def test_a_torn_tail_is_moved_aside_and_reported(tmp_path, name, tail):
    await fill(tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    recovery = await reopen(tmp_path)
    (torn,) = recovery.torn
    assert (torn.file, torn.offset, torn.size) == (name, len(whole), len(tail))
    assert (tmp_path / torn.moved_to).read_bytes() == tail
    assert path.read_bytes().startswith(whole)
    assert not recovery.damaged


async def test_a_closed_segment_is_not_touched_by_opening(tmp_path):
    await fill(tmp_path)
    path = tmp_path / f"{DAY}.csv"
    path.write_bytes(path.read_bytes() + b"torn")
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert store.recovery.clean
    assert path.read_bytes().endswith(b"torn")


async def test_rows_the_side_file_does_not_know_are_kept_and_what_follows_a_hole_is_not_looked_for(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.csv"
    kept = row(event(20, at=TOMORROW)) + row(event(3, sender="other", at=TOMORROW))
    lost = b"torn\r\n" + row(event(21, at=TOMORROW))
    path.write_bytes(path.read_bytes() + kept + lost)
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert store.recovery.recovered_rows == 2
        assert [torn.size for torn in store.recovery.torn] == [len(lost)]
        assert (store.mark("recorder"), store.mark("other")) == (20, 3)
    assert path.read_bytes().endswith(kept)
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert store.recovery == Recovery()


@pytest.mark.parametrize(
    "broken",
    [
        row(event(20, at=NOON)),  # of another day
        row(event(20, at=TOMORROW - timedelta(seconds=1))),  # older than the row before
    ],
)
async def test_a_row_out_of_place_in_the_tail_is_moved_aside(tmp_path, broken):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.csv"
    path.write_bytes(path.read_bytes() + broken)
    assert [torn.size for torn in (await reopen(tmp_path)).torn] == [len(broken)]


@pytest.mark.parametrize("cut", [1, 40, 300, 10_000])
async def test_a_side_file_that_lags_or_is_torn_is_completed_from_the_segments(tmp_path, cut):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.commits"
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    await reopen(tmp_path)
    assert set(stored(tmp_path)) == ALL | {"recorder:8", "recorder:9"}


@pytest.mark.parametrize("days", [["2026-11-24"], ["2026-11-23"], ["2026-11-23", "2026-11-24"]])
async def test_a_side_file_that_is_gone_is_made_anew_from_the_rows(tmp_path, days):
    await fill(tmp_path)
    for day in days:
        (tmp_path / f"audit-{day}.commits").unlink()
    recovery = await reopen(tmp_path)
    assert recovery.rebuilt == (("audit-2026-11-24.commits",) if "2026-11-24" in days else ())
    assert not recovery.torn
    # The chain goes on behind a side file that is gone between others: it cannot be made again, only told.
    assert [damage.file for damage in recovery.damaged] == ([f"{DAY}.csv"] if "2026-11-23" in days else [])
    assert set(stored(tmp_path)) == ALL | {"recorder:8", "recorder:9"}


async def test_rows_of_late_runs_that_other_side_files_cover_are_not_counted_again(tmp_path):
    clock = Clock()
    async with AuditStore.open(tmp_path, now=clock) as store:
        for day in range(4):
            clock.at = NOON + timedelta(days=day)
            await store.append([event(day * 10 + 1, at=clock.at)])
            await store.append([event(day * 10 + 2, at=clock.at - timedelta(seconds=9))])
        known = store.head.total
    (tmp_path / "audit-2026-11-26.commits").unlink()
    async with AuditStore.open(tmp_path, now=clock) as store:
        assert store.recovery.rebuilt == ("audit-2026-11-26.commits",)
        assert store.recovery.recovered_rows == 2
        assert (store.head.total.rows, store.head.total.size) == (known.rows, known.size) == (8, known.size)
    found = verify(tmp_path)
    assert found.rows == 8


async def test_every_truncation_of_the_side_file_loses_no_row(tmp_path):
    await fill(tmp_path)
    whole = (tmp_path / "audit-2026-11-24.commits").read_bytes()
    names = set(stored(tmp_path))
    for size in range(0, len(whole), 97):
        (tmp_path / "audit-2026-11-24.commits").write_bytes(whole[:size])
        async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
            assert (store.mark("recorder"), store.mark("other")) == (7, 2)
            assert not store.recovery.damaged
        assert set(stored(tmp_path)) == names


async def test_every_flipped_byte_of_the_newest_files_is_survived_and_no_row_is_cut(tmp_path):
    await fill(tmp_path)
    files = ["audit-2026-11-24.csv", "audit-2026-11-24.commits", "audit-2026-11-23.late-002.csv"]
    originals = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "lock"}
    for name in files:
        path = tmp_path / name
        if path not in originals:
            continue
        for index in range(0, len(originals[path]), 11):
            altered = bytearray(originals[path])
            altered[index] ^= 0x01
            path.write_bytes(altered)
            async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
                recovery = store.recovery
            if path.suffix == ".csv" and index >= len(HEADER):
                assert [damage.file for damage in recovery.damaged] == [name], index
                assert path.read_bytes() == altered
            for leftover in set(tmp_path.iterdir()) - set(originals) - {tmp_path / "lock"}:
                leftover.unlink()
            for other, data in originals.items():
                other.write_bytes(data)


async def test_a_committed_stretch_that_was_edited_is_reported_as_damaged_and_not_cut(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.csv"
    edited = path.read_bytes().replace(b"ada@", b"eve@", 1)
    path.write_bytes(edited)
    recovery = await reopen(tmp_path)
    (damage,) = recovery.damaged
    assert (damage.file, damage.offset) == (path.name, len(HEADER))
    assert "do not fit their hash" in damage.message
    assert not recovery.torn
    assert path.read_bytes().startswith(edited)


async def test_committed_bytes_that_are_gone_are_reported_and_no_row_is_glued_to_the_rest(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    recovery = await reopen(tmp_path)
    assert any("committed bytes are gone" in damage.message for damage in recovery.damaged)
    assert len(recovery.torn) == 1
    assert b"\r\n2026-11-24 12:00:00 +0000 UTC,ada@example.com" in path.read_bytes()
    assert "recorder:8" in stored(tmp_path)


async def test_a_segment_that_is_gone_is_reported_and_begun_again(tmp_path):
    await fill(tmp_path)
    (tmp_path / "audit-2026-11-24.csv").unlink()
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert {damage.file for damage in store.recovery.damaged} == {"audit-2026-11-24.csv"}
        assert store.mark("recorder") == 7
        await store.append([event(8, at=TOMORROW)])
    assert "recorder:8" in stored(tmp_path)


async def test_a_day_that_was_begun_when_the_power_went_is_not_begun_again_for_an_older_row(tmp_path):
    await fill(tmp_path)
    # The side file of the day is made before its segment; the crash came between them.
    (tmp_path / "audit-2026-11-24.csv").unlink()
    (tmp_path / "audit-2026-11-24.commits").write_bytes(
        (tmp_path / "audit-2026-11-24.commits").read_bytes().splitlines(keepends=True)[0]
    )
    before = {path: path.read_bytes() for path in tmp_path.glob("*.commits")}
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert store.recovery.clean
        await store.append([event(20, at=seconds(100))])
        await store.append([event(21, at=TOMORROW)])
    assert {"recorder:20", "recorder:21"} <= set(stored(tmp_path))
    for path, data in before.items():
        assert path.read_bytes().startswith(data)


async def test_moving_a_tail_aside_that_fails_loses_nothing_and_says_so(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "audit-2026-11-24.csv"
    path.write_bytes(path.read_bytes() + b"torn")
    torn = path.read_bytes()
    for fail_at in range(1, 8):
        with pytest.raises(StoreUnavailable, match="nothing was removed"):
            AuditStore.open(tmp_path, now=Clock(TOMORROW), disk=FailingDisk(fail_at, error=errno.EIO))
        assert path.read_bytes() in {torn, torn[:-4]}
    recovery = await reopen(tmp_path)
    assert not recovery.damaged
    assert any(file.read_bytes() == b"torn" for file in tmp_path.glob("*.torn-*") if file.suffix != ".new")


async def test_the_chain_runs_through_all_side_files_and_every_commit_fits_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "STATE_EVERY", 2)
    await fill(tmp_path)
    await reopen(tmp_path)
    rows, head = proven_rows(tmp_path)
    assert rows == len(stored(tmp_path))
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        assert store.chain_head == head


async def test_opening_reads_the_tail_of_a_long_side_file_only(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "STATE_EVERY", 16)
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        for number in range(1, 100):
            await store.append([event(number)])
    lines = (tmp_path / f"{DAY}.commits").read_bytes().splitlines(keepends=True)
    # A bit flipped long ago is for verification to find; opening stands on the last state line.
    altered = lines[3].replace(b'"rows":1', b'"rows":2')
    (tmp_path / f"{DAY}.commits").write_bytes(b"".join([*lines[:3], altered, *lines[4:]]))
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        assert store.recovery.clean
        assert store.mark("recorder") == 99
    assert json.loads(lines[-1])["v"] == 1
