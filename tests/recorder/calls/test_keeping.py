"""Segments written behind the calls: on disk when answered, and answered all the same when the disk is not there."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.recorder.stage import Stage, config
from tests.recorder.store.making import NOW, ended, later, segment

from callkeeper.recorder import bounds
from callkeeper.recorder.calls import keeping
from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.errors import RowsRefused, StorageFault
from callkeeper.recorder.store.recording import Status
from callkeeper.recorder.store.search import EVERYTHING, Search
from callkeeper.recorder.store.sqlite import SqliteStore


class Troubled:
    """A store that fails, refuses or hangs when told to."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.failing = False
        self.refusing: set[int] = set()
        self.refusal: Exception = RowsRefused("no", "never")
        self.slow: asyncio.Event | None = None

    async def save_segments(self, segments: Sequence[Segment]) -> None:
        await self.write(lambda rows: rows.save_segments(segments))

    async def write(self, unit: Callable[[Any], Any]) -> Any:
        if self.slow is not None:
            await self.slow.wait()
        if self.failing:
            raise StorageFault("the disk is full", "make room")

        def seen(rows: Any) -> Any:
            done = unit(rows)
            if self.refusing & {row.number for row in rows.ledger(NOW, later(10**6), 0, 1_000)}:
                raise self.refusal
            return done

        return await self._store.write(seen)


@pytest.fixture
async def troubled(tmp_path: Path) -> Any:
    store = SqliteStore.open(tmp_path)
    yield Troubled(store)
    await store.close()


async def kept(troubled: Troubled) -> list[str]:
    found = await troubled._store.read(lambda rows: rows.search(Search(), EVERYTHING, None, 100))
    return sorted(one.segment for one in found)


def keeper_of(troubled: Troubled) -> SegmentKeeper:
    return SegmentKeeper(troubled, again_seconds=0.01)  # type: ignore[arg-type]  # it only writes


async def test_a_segment_is_on_disk_when_the_wait_ends(troubled: Troubled) -> None:
    keeper = keeper_of(troubled)
    for number in range(1, 40):
        keeper.note(segment(number))
    await keeper.kept()
    assert len(await kept(troubled)) == 39


async def test_a_store_that_fails_keeps_nobody_waiting_and_gets_everything_later(troubled: Troubled) -> None:
    keeper = keeper_of(troubled)
    troubled.failing = True
    keeper.note(segment(1))
    await asyncio.wait_for(keeper.kept(), 0.2)
    keeper.note(ended(segment(1)))
    keeper.note(segment(2))
    await asyncio.wait_for(keeper.kept(), 0.05)
    assert (keeper.backlog > 0, keeper.failure, keeper.failures > 0) == (True, "the disk is full", True)
    troubled.failing = False
    await keeper.finish(2)
    assert (await kept(troubled), keeper.failure, keeper.backlog) == (["segment1", "segment2"], None, 0)
    found = await troubled._store.read(lambda rows: rows.recording("segment1-1", EVERYTHING))
    assert found is not None
    assert found.status is Status.CLOSED


async def test_a_store_that_hangs_is_waited_for_half_a_second_at_most(
    troubled: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "ANSWER_SECONDS", 0.02)
    keeper = keeper_of(troubled)
    troubled.slow = asyncio.Event()
    keeper.note(segment(1))
    await asyncio.wait_for(keeper.kept(), 0.5)
    keeper.note(segment(2))
    await asyncio.wait_for(keeper.kept(), 0.01)
    troubled.slow.set()
    await keeper.finish(2)
    assert await kept(troubled) == ["segment1", "segment2"]


@pytest.mark.parametrize(
    "refusal", [RowsRefused("no", "never"), KeyError("+390212345678")], ids=["refused", "unforeseen"]
)
async def test_a_segment_the_store_never_takes_does_not_stand_before_the_others(
    troubled: Troubled, refusal: Exception
) -> None:
    keeper = keeper_of(troubled)
    troubled.refusing, troubled.refusal = {2}, refusal
    for number in (1, 2, 3):
        keeper.note(segment(number))
    with structlog.testing.capture_logs() as logs:
        await keeper.kept()
    assert (await kept(troubled), keeper.lost) == (["segment1", "segment3"], 1)
    assert ("segment_refused" in str(logs), "0212345678" in str(logs)) == (True, False)


async def test_what_waits_is_bounded(troubled: Troubled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UNWRITTEN_SEGMENTS", 10)
    keeper = keeper_of(troubled)
    troubled.failing = True
    for number in range(1, 21):
        keeper.note(segment(number))
    assert (keeper.backlog, keeper.lost) == (10, 10)
    troubled.failing = False
    await keeper.finish(2)
    assert len(await kept(troubled)) == 10


async def test_calls_are_decided_and_answered_while_the_store_fails(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorder.program(config())
    monkeypatch.setattr(recorder.recorder.keeper, "_store", broken := Troubled(recorder.store))
    broken.failing = True
    answer = await recorder.call()
    assert (answer.status_code, answer.json()["outcome"]) == (201, "record")
    ready = await recorder.ask(None, "GET", "/readyz")
    assert (ready.status_code, ready.json()["checks"]["store"]) == (503, "segments cannot be written")
    metrics = (await recorder.ask("auditor", "GET", "/metrics")).text
    assert "callkeeper_unwritten_segments 1.0" in metrics
    assert "callkeeper_segment_write_failures_total 1.0" in metrics
    broken.failing = False
    await recorder.recorder.keeper.finish(2)
    assert (await recorder.ask(None, "GET", "/readyz")).status_code == 200
    ledger = await recorder.ask("auditor", "GET", "/v1/ledger?from=2026-03-01&to=2026-03-02")
    assert ledger.json()["totals"] == {"expected": 1, "recorded": 0, "skipped": 0, "failed": 0}
