from datetime import timedelta
from pathlib import Path

import pytest
from tests.recorder.stage import Stage
from tests.recorder.store.making import NOW, ended, segment

from callkeeper.recorder.retention import forgetting
from callkeeper.recorder.retention.forgetting import FORGOTTEN, Forgetting
from callkeeper.recorder.store.sqlite import SqliteStore

LONG_AFTER = NOW + timedelta(days=31)


async def known(store: SqliteStore) -> set[int]:
    """Segments of which it is known who took part."""
    return {int(name.removeprefix("segment")) for name, _ in await store.read(lambda rows: list(rows.calls_since(NOW)))}


@pytest.fixture
async def store(tmp_path: Path):
    opened = SqliteStore.open(tmp_path)
    yield opened
    await opened.close()


async def test_who_took_part_is_forgotten_after_a_month_and_looked_at_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 3)
    await store.write(lambda rows: rows.save_segments([ended(segment(number)) for number in range(1, 12)]))
    forget = Forgetting(store).once
    assert await forget(NOW + timedelta(days=29)) == 0
    assert len(await known(store)) == 11
    commits = store.commits
    assert await forget(LONG_AFTER) == 11
    assert await known(store) == set()
    # Another run of the recorder goes on from there.
    commits = store.commits
    assert await Forgetting(store).once(LONG_AFTER) == 0
    assert store.commits == commits


async def test_an_open_call_is_forgotten_once_it_has_ended(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    still_open = [segment(number) for number in range(1, 6)]
    await store.write(lambda rows: rows.save_segments([*still_open, ended(segment(6))]))
    forget = Forgetting(store).once
    await forget(LONG_AFTER)
    assert await known(store) == {1, 2, 3, 4, 5}
    commits = store.commits
    await forget(LONG_AFTER)
    assert store.commits == commits, "nothing has changed"
    await store.write(lambda rows: rows.save_segments([ended(still_open[2])]))
    await forget(LONG_AFTER)
    assert await known(store) == {1, 2, 4, 5}


async def test_a_sweep_forgets_whether_or_not_anything_expires(recorder: Stage) -> None:
    body = {"nativeId": "n", "conversation": "c", "called": {"number": "2001"}, "calling": {"number": "+39066"}}
    started = (await recorder.ask("ingest", "POST", "/v1/calls", json=body)).json()
    assert started["outcome"] == "doNotRecord", "there is no config"
    await recorder.ask("ingest", "POST", f"/v1/calls/{started['segment']}:end")
    store, begun = recorder.recorder.parts.store, recorder.clock.now()
    await recorder.recorder.sweeper.once()
    assert len(await store.read(lambda rows: list(rows.calls_since(begun)))) == 1
    recorder.clock.forward(31 * 86_400)
    await recorder.recorder.sweeper.once()
    assert await store.read(lambda rows: list(rows.calls_since(begun))) == []
    assert await store.read(lambda rows: rows.meta(FORGOTTEN)) is not None
    ledger = await recorder.ask("auditor", "GET", "/v1/ledger?from=2026-02-01&to=2027-01-01")
    assert [row["segment"] for row in ledger.json()["items"]] == [started["segment"]]


async def test_a_clock_that_is_not_believed_forgets_nothing(recorder: Stage) -> None:
    body = {"nativeId": "n", "conversation": "c", "calling": {"number": "+39066"}}
    started = (await recorder.ask("ingest", "POST", "/v1/calls", json=body)).json()
    await recorder.ask("ingest", "POST", f"/v1/calls/{started['segment']}:end")
    store, begun = recorder.recorder.parts.store, recorder.clock.now()
    await recorder.recorder.sweeper.once()
    recorder.clock.jump(timedelta(days=365))
    await recorder.recorder.sweeper.once()
    assert len(await store.read(lambda rows: list(rows.calls_since(begun)))) == 1
