import asyncio
import contextlib
import errno
import itertools
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.audit.failing_disk import CrashError, FailingDisk, ForgetfulDisk
from tests.audit.making import NOON, Clock, event, identifiers, proven_rows, read_csv, seconds, stored

from callkeeper.audit.actions import Action
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.errors import EventError, StoreBusy, StoreClosed, StoreFailed, StoreFull, StoreUnavailable
from callkeeper.audit.export import export_range
from callkeeper.audit.recovered import Recovery
from callkeeper.audit.row import HEADER, row
from callkeeper.audit.sender import Sender
from callkeeper.audit.store import AuditStore
from callkeeper.audit.upkeep import OWN_SENDER


class SlowDisk(LocalDisk):
    """Counts the syncs of segments, and lets time pass in each."""

    def __init__(self) -> None:
        self.syncs = 0
        self.threads: set[int] = set()

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        super().sync(descriptor)


def open_store(folder: Path, clock: Clock | None = None, disk: LocalDisk | None = None) -> AuditStore:
    return AuditStore.open(folder, now=clock or Clock(), disk=disk)


async def test_appended_rows_are_in_the_segment_of_their_day(tmp_path):
    async with open_store(tmp_path) as store:
        await store.append([event(1), event(2, at=seconds(1))])
    expected = HEADER + row(event(1)) + row(event(2, at=seconds(1)))
    assert (tmp_path / "audit-2026-11-23.csv").read_bytes() == expected


async def test_a_repeat_is_acknowledged_and_makes_no_second_row(tmp_path):
    async with open_store(tmp_path) as store:
        await store.append([event(1), event(1), event(2)])
        await store.append([event(1), event(2), event(3)])
        assert store.mark("recorder") == 3
    async with open_store(tmp_path) as store:
        assert store.mark("recorder") == 3
        await store.append([event(2), event(4)])
    assert stored(tmp_path) == [f"recorder:{number}" for number in range(1, 5)]


async def test_a_repeat_of_what_is_still_on_its_way_waits_for_it(tmp_path):
    disk = FailingDisk(2, only="sync")
    store = open_store(tmp_path, disk=disk)
    disk.fail_at = 0
    await store.append([event(1)])
    disk.count, disk.fail_at = 0, 1
    first = asyncio.ensure_future(store.append([event(2)]))
    await asyncio.sleep(0)
    with pytest.raises(StoreFailed):
        await store.append([event(2)])
    with pytest.raises(StoreFailed):
        await first
    await store.close()


async def test_a_sender_may_skip_numbers_and_marks_are_kept_apart(tmp_path):
    async with open_store(tmp_path) as store:
        await store.append([event(5), event(2, sender="other"), event(9)])
        assert (store.mark("recorder"), store.mark("other"), store.mark("third")) == (9, 2, 0)
    assert stored(tmp_path) == ["recorder:5", "other:2", "recorder:9"]


async def test_many_that_wait_share_few_syncs_and_keep_their_order(tmp_path):
    disk = SlowDisk()
    async with open_store(tmp_path, disk=disk) as store:
        await store.append([event(1, sender="first")])
        before = disk.syncs

        async def emit(name: str) -> None:
            for sequence in range(1, 11):
                await store.append([event(sequence, sender=name)])

        await asyncio.gather(*(emit(f"sender-{number}") for number in range(64)))
        assert disk.syncs - before <= 30
    rows = stored(tmp_path)
    assert len(rows) == len(set(rows)) == 641
    for number in range(64):
        own = [name for name in rows if name.startswith(f"sender-{number}:")]
        assert own == [f"sender-{number}:{sequence}" for sequence in range(1, 11)]


async def test_a_write_that_stops_short_is_continued(tmp_path):
    async with open_store(tmp_path, disk=FailingDisk(step=7)) as store:
        await store.append([event(number) for number in range(1, 20)])
    assert stored(tmp_path) == [f"recorder:{number}" for number in range(1, 20)]
    async with open_store(tmp_path) as store:
        assert store.recovery.clean


@pytest.mark.parametrize(("error", "raised"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreFailed)])
@pytest.mark.parametrize("only", ["write", "sync"])
@pytest.mark.parametrize("keep", [0, 1, 150, 10_000])
async def test_after_a_failed_write_or_sync_nothing_of_it_was_acknowledged_and_all_is_taken_again(
    tmp_path, error, raised, only, keep
):
    disk = FailingDisk(only=only, error=error, keep=keep)
    store = open_store(tmp_path, disk=disk)
    await store.append([event(1)])
    disk.count, disk.fail_at = 0, 1
    results = await asyncio.gather(
        store.append([event(2), event(3)]), store.append([event(1, sender="other")]), return_exceptions=True
    )
    assert [type(result) for result in results] == [raised, raised]
    assert os.strerror(error) in str(results[0])
    with pytest.raises(raised):
        await store.append([event(4)])
    await store.close()
    async with open_store(tmp_path) as again:
        assert again.recovery.damaged == ()
        await again.append([event(2), event(3), event(4)])
        await again.append([event(1, sender="other")])
    rows = [name for name in stored(tmp_path) if not name.startswith(OWN_SENDER)]
    assert sorted(rows) == ["other:1", "recorder:1", "recorder:2", "recorder:3", "recorder:4"]


MIDNIGHT = NOON + timedelta(hours=12)
HISTORY = [
    [event(1), event(1, sender="other", at=seconds(-50))],
    [event(2, at=seconds(3)), event(3, at=seconds(1)), event(4, at=seconds(-100))],
    [event(2, sender="other", at=seconds(4)), event(3, sender="other"), event(4, sender="other", at=seconds(5))],
    [event(5, sender="other", at=seconds(-60)), event(6, sender="other", at=MIDNIGHT)],
    [event(5, at=MIDNIGHT + timedelta(seconds=1)), event(6, at=seconds(7)), event(7, at=seconds(-100))],
]
"""Two days, late rows, and batches whose rows alternate between files."""


async def crash(folder: Path, disk: FailingDisk) -> list[str]:
    """Append the history until the disk says that it is over; return what was acknowledged."""
    acknowledged: list[str] = []
    with contextlib.suppress(CrashError, StoreFailed):
        async with open_store(folder, Clock(MIDNIGHT), disk) as store:
            for batch in HISTORY:
                await store.append(batch)
                acknowledged += [one.id for one in batch]
    return acknowledged


async def resume(folder: Path, acknowledged: list[str]) -> None:
    """Open again, send everything again, and see that every row is there once."""
    async with open_store(folder, Clock(MIDNIGHT)) as store:
        assert store.recovery.damaged == ()
        assert set(acknowledged) <= set(stored(folder))
        for batch in HISTORY:
            await store.append(batch)
    assert sorted(stored(folder)) == sorted(one.id for batch in HISTORY for one in batch)
    async with open_store(folder, Clock(MIDNIGHT)) as store:
        assert store.recovery == Recovery()
        assert proven_rows(folder) == (len(stored(folder)), store.chain_head)


@pytest.mark.parametrize("keep", [0, 70])
async def test_a_crash_at_any_operation_loses_no_acknowledged_row_and_doubles_none(tmp_path, keep):
    for fail_at in itertools.count(1):
        folder = tmp_path / str(fail_at)
        disk = FailingDisk(fail_at, error=CrashError, keep=keep)
        acknowledged = await crash(folder, disk)
        await resume(folder, acknowledged)
        if disk.count < fail_at:
            assert fail_at > 50
            break


@pytest.mark.parametrize("keep", [0, 70])
async def test_a_loss_of_power_at_any_operation_loses_no_acknowledged_row_and_doubles_none(tmp_path, keep):
    for fail_at in itertools.count(1):
        folder = tmp_path / str(fail_at)
        disk = ForgetfulDisk(fail_at, keep=keep)
        acknowledged = await crash(folder, disk)
        disk.lose_power(folder)
        await resume(folder, acknowledged)
        if disk.count < fail_at:
            assert fail_at > 50
            break


async def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path):
    store = open_store(tmp_path)
    with pytest.raises(StoreBusy, match="has a writer already"):
        open_store(tmp_path)
    await store.close()
    await store.close()
    async with open_store(tmp_path):
        pass


async def test_a_closed_store_refuses_and_had_written_what_was_waiting(tmp_path):
    store = open_store(tmp_path)
    waiting = asyncio.ensure_future(store.append([event(1)]))
    await asyncio.sleep(0)
    await store.close()
    await waiting
    assert stored(tmp_path) == ["recorder:1"]
    with pytest.raises(StoreClosed):
        await store.append([event(2)])


async def test_a_cancelled_wait_does_not_hold_up_the_others_nor_the_close(tmp_path):
    store = open_store(tmp_path)

    async def emit(sender):
        await store.append([event(1, sender=sender)])

    tasks = [asyncio.create_task(emit(f"s-{number}")) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[3].cancel()
    await store.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncio.CancelledError] * 2
    assert len(stored(tmp_path)) == 4


async def test_an_event_that_cannot_become_a_row_takes_nothing_of_its_batch(tmp_path):
    async with open_store(tmp_path) as store:
        with pytest.raises(EventError):
            await store.append([event(1), event(2, details={"value": b"bytes"})])
        assert store.mark("recorder") == 0
        await store.append([event(1)])
        no_row = event(4, details={"value": b"bytes"})
        with pytest.raises(EventError):
            await store.append([event(2), event(1, sender="other"), event(3), event(2, sender="other"), no_row])
        assert [store.mark("recorder"), store.mark("other")] == [1, 0]
        await store.append([event(2), event(1, sender="other")])
    assert stored(tmp_path) == ["recorder:1", "recorder:2", "other:1"]


async def test_an_older_row_goes_to_a_late_run_and_a_new_run_begins_when_order_breaks(tmp_path):
    async with open_store(tmp_path) as store:
        for number, at in enumerate([0, -10, -5, -7, -5, -6, 1], start=1):
            await store.append([event(number, at=seconds(at))])
    files = {path.name: identifiers([path.read_bytes()]) for path in sorted(tmp_path.glob("*.csv"))}
    assert files == {
        "audit-2026-11-23.csv": ["recorder:1", "recorder:7"],
        "audit-2026-11-23.late-001.csv": ["recorder:2", "recorder:3", "recorder:5"],
        "audit-2026-11-23.late-002.csv": ["recorder:4", "recorder:6"],
    }


async def test_a_segment_of_an_earlier_day_never_changes(tmp_path):
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await store.append([event(1)])
        clock.at = NOON + timedelta(days=1)
        await store.append([event(2, at=clock.at)])
        closed = (tmp_path / "audit-2026-11-23.csv").read_bytes()
        await store.append([event(3, at=NOON + timedelta(hours=1))])
    assert (tmp_path / "audit-2026-11-23.csv").read_bytes() == closed
    assert identifiers([(tmp_path / "audit-2026-11-23.late-001.csv").read_bytes()]) == ["recorder:3"]


async def test_tasks_that_append_together_are_put_in_order_without_late_runs(tmp_path):
    async with open_store(tmp_path) as store:
        await asyncio.gather(*(store.append([event(1, sender=f"s-{at}", at=seconds(at))]) for at in (5, 2, 9, 1)))
    assert stored(tmp_path) == ["s-1:1", "s-2:1", "s-5:1", "s-9:1"]
    assert not list(tmp_path.glob("*late*"))


@pytest.mark.parametrize(("ahead", "kept"), [(60, True), (61, False), (86_400, False)])
async def test_an_instant_too_far_ahead_becomes_the_time_of_receipt(tmp_path, ahead, kept):
    async with open_store(tmp_path) as store:
        await store.append([event(1, at=seconds(ahead), details={"a": 1})])
        await store.append([event(2, at=seconds(ahead) if kept else NOON)])
    (path,) = tmp_path.glob("*.csv")
    first = read_csv(path.read_bytes())[1]
    if kept:
        assert first[0] == "2026-11-23 12:01:00 +0000 UTC"
        assert "claimedAt" not in first[5]
    else:
        assert first[0] == "2026-11-23 12:00:00 +0000 UTC"
        assert f'"claimedAt":"{seconds(ahead).isoformat()}"' in first[5]


async def test_a_clock_that_goes_back_loses_nothing(tmp_path):
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        for number in range(1, 20):
            clock.at = NOON + timedelta(hours=[0, -1, 24, 0, -25][number % 5])
            await store.append([event(number, at=clock.at)])
    chunks = export_range(tmp_path, NOON - timedelta(days=3), NOON + timedelta(days=3))
    found = identifiers(chunks)
    assert sorted(found) == sorted(f"recorder:{number}" for number in range(1, 20))


async def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_store(tmp_path / "file" / "audit")


async def test_a_sender_numbers_on_from_the_mark_in_the_order_of_the_calls(tmp_path):
    async with open_store(tmp_path) as store:
        sender = Sender(store, "operator", app_name="prod")
        who = {"at": NOON, "email": "ada@example.com", "ip_address": ""}
        assert await sender.emit(action=Action.LOGIN, **who) == 1
        numbers = await asyncio.gather(*(sender.emit(action=Action.LOGOUT, **who) for _ in range(5)))
        assert numbers == [2, 3, 4, 5, 6]
        assert await sender.emit(action=Action.LOGIN, sequence=10, **who) == 10
        assert await sender.emit(action=Action.LOGIN, sequence=10, **who) == 10
    async with open_store(tmp_path) as store:
        assert await Sender(store, "operator").emit(action=Action.LOGIN, **who) == 11
    assert [int(name.split(":")[1]) for name in stored(tmp_path)] == [1, 2, 3, 4, 5, 6, 10, 11]


async def test_ids_read_back_name_days_and_instants_of_the_store(tmp_path):
    at = datetime.fromisoformat("2026-11-23T23:59:59.999999+00:00")
    async with open_store(tmp_path, Clock(at)) as store:
        await store.append([event(1, at=at), event(2, at=at + timedelta(microseconds=1))])
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["audit-2026-11-23.csv", "audit-2026-11-24.csv"]
