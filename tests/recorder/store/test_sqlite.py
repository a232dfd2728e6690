import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.recorder.store.contract.store import StoreContract
from tests.recorder.store.making import event, filled, segment

from callkeeper.recorder.errors import RowsRefused, StorageFault
from callkeeper.recorder.store import sqlite
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.search import EVERYTHING, Search
from callkeeper.recorder.store.sqlite import SqliteStore


class TestSqlite(StoreContract):
    """The adapter keeps the contract."""


async def numbers(store: SqliteStore) -> list[int]:
    return [number for number, _ in await store.read(lambda rows: rows.undelivered(1_000_000))]


def committed_events(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT sequence FROM outbox ORDER BY sequence")]


async def test_units_that_wait_together_share_a_commit_and_keep_their_order(store: SqliteStore) -> None:
    before = store.commits
    got = await asyncio.gather(*[store.write(lambda rows, n=n: rows.add_event(event(n))) for n in range(500)])
    assert got == list(range(1, 501))
    assert store.commits - before < 50


async def test_events_are_told_of_after_their_own_commit_and_not_with_the_one_before(store: SqliteStore) -> None:
    heard: list[list[int]] = []
    # Looks as the sender does when it is woken: at what is committed by then.
    store.watch_outbox(lambda: heard.append(committed_events(store.path)))
    begun, queued, added, told = (threading.Event() for _ in range(4))

    def first(rows: Writing) -> None:
        begun.set()
        rows.set_meta("a", "1")
        assert queued.wait(30)

    def holds_up_its_commit(_rows: Writing) -> None:
        added.set()
        assert told.wait(30)

    written = asyncio.ensure_future(store.write(first))
    assert await asyncio.to_thread(begun.wait, 30)
    later = asyncio.gather(store.write(lambda rows: rows.add_event(event())), store.write(holds_up_its_commit))
    await asyncio.sleep(0)
    queued.set()
    # The loop is held until the second commit has its event, and hears of the first commit only then.
    assert added.wait(30)
    await written
    told.set()
    await later
    assert heard == [[1]]


async def test_a_unit_that_raises_among_many_takes_nobody_with_it(store: SqliteStore) -> None:
    def unit(n: int) -> Any:
        def write(rows: Writing) -> int:
            number = rows.add_event(event(n))
            if n % 3 == 0:
                raise LookupError(str(n))
            return number

        return write

    got = await asyncio.gather(*[store.write(unit(n)) for n in range(90)], return_exceptions=True)
    assert [n for n, one in enumerate(got) if isinstance(one, LookupError)] == list(range(0, 90, 3))
    assert len(await numbers(store)) == 60


async def test_rows_that_contradict_the_tables_are_refused_alone(store: SqliteStore) -> None:
    def note_on_nothing(rows: Writing) -> None:
        rows.set_meta("a", "1")
        from tests.recorder.store.making import note  # noqa: PLC0415

        rows.add_note(note("n", 12345))

    got = await asyncio.gather(
        store.write(note_on_nothing), store.write(lambda rows: rows.set_meta("b", "2")), return_exceptions=True
    )
    assert isinstance(got[0], StorageFault)
    assert await store.read(lambda rows: (rows.meta("a"), rows.meta("b"))) == (None, "2")


async def test_a_cancelled_wait_takes_nothing_back(store: SqliteStore) -> None:
    task = asyncio.create_task(store.write(lambda rows: rows.add_event(event())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.write(lambda rows: rows.set_meta("a", "1"))
    assert await numbers(store) == [1]


async def test_reading_does_not_wait_for_a_writer(store: SqliteStore) -> None:
    slow = asyncio.create_task(store.write(lambda _: time.sleep(0.5)))
    begun = time.perf_counter()
    assert await store.read(lambda rows: rows.search(Search(), EVERYTHING, None, 10)) == []
    assert time.perf_counter() - begun < 0.4
    await slow


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    await store.close()
    await store.close()
    for asked in (store.write(lambda rows: rows.set_meta("a", "1")), store.read(lambda rows: rows.meta("a"))):
        with pytest.raises(StorageFault, match="is closed"):
            await asked


async def test_the_database_is_its_owners_alone_and_synced_at_every_commit(store: SqliteStore) -> None:
    assert store.path.stat().st_mode & 0o077 == 0
    settings = {}

    def ask(rows: Any) -> None:
        for name in ("journal_mode", "synchronous", "foreign_keys"):
            settings[name] = rows._connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    await store.write(ask)
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_a_second_process_and_a_second_opening_are_refused(store: SqliteStore) -> None:
    with pytest.raises(StorageFault, match="in use by another process"):
        SqliteStore.open(store.path.parent)
    code = (
        "import sys; from pathlib import Path; from callkeeper.recorder.store.sqlite import SqliteStore\n"
        "SqliteStore.open(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, store.path.parent]
    other = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert "in use by another process" in other.stderr


async def test_what_is_there_is_there_after_the_next_opening(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    await store.write(filled)
    before = await store.read(lambda rows: (rows.recording("segment1-1", EVERYTHING), rows.undelivered(9)))
    await store.close()
    store = SqliteStore.open(tmp_path)
    after = await store.read(lambda rows: (rows.recording("segment1-1", EVERYTHING), rows.undelivered(9)))
    assert (before, store.recovery.last_number, store.recovery.recordings) == (after, 4, 1)
    await store.close()


async def test_who_only_read_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}

    store = SqliteStore.open(tmp_path / "store")
    await store.write(lambda rows: rows.set_meta("a", "1"))
    await store.close()
    before = files()
    again = SqliteStore.open(tmp_path / "store")
    await numbers(again)
    await again.close()
    assert files() == before


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / sqlite.DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageFault, match=r"recordings\.db cannot be used: DatabaseError"):
        SqliteStore.open(tmp_path)


async def test_a_full_disk_loses_nothing_acknowledged_and_is_survived(store: SqliteStore) -> None:
    def limit(pages: int) -> Any:
        return lambda rows: rows._connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await store.write(lambda rows: rows.add_event(event(1)))
    used = await store.write(lambda rows: rows._connection.exec_driver_sql("PRAGMA page_count").scalar())
    await store.write(limit(used + 2))
    big = "x" * 4_000
    got = await asyncio.gather(
        *[store.write(lambda rows, n=n: rows.set_meta(f"m-{n}", big)) for n in range(20)], return_exceptions=True
    )
    assert any(isinstance(one, StorageFault) and "full" in str(one) for one in got)
    there = await store.read(lambda rows: [rows.meta(f"m-{n}") is not None for n in range(20)])
    assert [not isinstance(one, BaseException) for one in got] == there
    # The connection was opened anew, without the bound: there is room again.
    await store.write(lambda rows: rows.add_event(event(2)))
    assert await numbers(store) == [1, 2]


async def test_a_full_disk_refuses_a_segment_which_is_saved_when_there_is_room(store: SqliteStore) -> None:
    used = await store.write(lambda rows: rows._connection.exec_driver_sql("PRAGMA page_count").scalar())
    await store.write(lambda rows: rows._connection.exec_driver_sql(f"PRAGMA max_page_count={used}"))
    for number in range(1, 1_000):
        try:
            await store.save_segments([segment(number)])
        except StorageFault as fault:
            assert "full" in str(fault)  # noqa: PT017 - how many find room is not known
            break
    else:
        pytest.fail("a thousand segments found room where there was none")
    found = await store.read(lambda rows: rows.search(Search(), EVERYTHING, None, 1_000))
    assert {one.segment for one in found} == {f"segment{n}" for n in range(1, number)}
    # The connection was opened anew, without the bound.
    await store.save_segments([segment(number)])


async def test_a_segment_that_contradicts_the_tables_is_refused_for_good(store: SqliteStore) -> None:
    await store.save_segments([segment(1)])
    with pytest.raises(RowsRefused):
        await store.save_segments([replace(segment(2), id=segment(1).id)])
    await store.save_segments([segment(2)])


class Failing(sqlite3.Connection):
    """A connection whose commits fail when told to, as with a disk that does not sync."""

    failing = False

    def commit(self) -> None:
        if Failing.failing:
            raise sqlite3.OperationalError("disk I/O error")
        super().commit()


def failing(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=Failing)


async def test_a_commit_that_fails_is_no_commit_and_the_next_works(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, connect=failing)
    try:
        await store.write(lambda rows: rows.add_event(event(1)))
        Failing.failing = True
        got = await asyncio.gather(
            *[store.write(lambda rows: rows.add_event(event(2))) for _ in range(5)], return_exceptions=True
        )
        assert all(isinstance(one, StorageFault) for one in got)
    finally:
        Failing.failing = False
    assert await numbers(store) == [1]
    assert await store.write(lambda rows: rows.add_event(event(3))) == 2
    await store.close()
