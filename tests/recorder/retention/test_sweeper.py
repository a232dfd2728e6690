"""The sweeper: what goes, when, what is left, and that it comes to the same end wherever a crash came."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.recorder.recordings.kept import Died, all_kept, kept, recorded, ruled, sent, with_media
from tests.recorder.stage import Stage, config, stage

from callkeeper.audit.actions import Action
from callkeeper.recorder import bounds
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.retention import sweeper as sweeping
from callkeeper.recorder.retention.sweeper import Halt, Sweep
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.retention import Tombstone
from callkeeper.recorder.store.search import EVERYTHING

HOLDS = "/v1/conversations/c-1/holds"
LATE = 91 * 86_400


async def sweep(of: Stage) -> Sweep:
    return await of.recorder.sweeper.once()


async def tombstone(of: Stage, recording: str) -> Tombstone | None:
    return await of.recorder.parts.store.read(lambda rows: rows.tombstone(recording))


async def test_what_has_expired_leaves_a_tombstone_that_explains_it(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    media = await with_media(recorder, one)
    file = recorder.folder / "recorder" / "media" / media.path
    recorder.clock.forward(90 * 86_400 - 0.000001)
    assert (await sweep(recorder)).expired == 0
    assert file.exists()
    recorder.clock.forward(0.000001)
    assert (await sweep(recorder)).expired == 1
    assert not file.exists()
    found = await tombstone(recorder, one)
    assert found is not None
    revision = recorder.recorder.programming.revision
    assert (found.why, found.removed_by, found.revision) == ("expired", "system:retention", revision)
    assert found.rule == "RetentionRule/voice/rule retention=90d extraRetention=365d minimumRetention=none"
    assert (found.sha256, found.bytes, found.removed) == (media.sha256, media.bytes, recorder.clock.now())
    (event,) = await sent(recorder)
    assert (event.action, event.email, event.at) == (Action.EXPIRE_RECORDING, "system:retention", found.removed)
    assert event.details == {"recording": one, "rule": found.rule, "revision": revision}
    assert (await sweep(recorder)).expired == 0


async def test_without_a_config_and_under_forever_nothing_goes(tmp_path: Path) -> None:
    recorder = stage(tmp_path)
    await recorder.program(config())
    await recorded(recorder)
    recorder.clock.forward(3650 * 86_400)
    assert (await sweep(recorder)).expired == 0
    (tmp_path / "recorder" / "current.json").unlink()
    again = stage(tmp_path)
    again.clock.instant = recorder.clock.instant
    assert (await sweep(again)).expired == 0
    assert len(await all_kept(again)) == 1


async def test_an_open_recording_never_goes(recorder: Stage) -> None:
    await recorder.program(ruled("1h"))
    segment = await recorder.segment()
    recorder.clock.forward(LATE)
    assert (await sweep(recorder)).expired == 0
    await recorder.event(segment, "end")
    assert await kept(recorder, f"{segment}-1") is not None


async def test_held_recordings_go_after_extra_retention_and_released_ones_a_day_later(recorder: Stage) -> None:
    await recorder.program(ruled("90d", "365d"))
    await recorded(recorder, "n-1")
    await recorded(recorder, "n-2", conversation="c-2")
    await recorder.ask("user:ada", "POST", HOLDS, json={"reason": "case 7"})
    answer = await recorder.ask("user:ada", "POST", "/v1/conversations/c-2/holds", json={"reason": "case 7"})
    recorder.clock.forward(LATE)
    assert (await sweep(recorder)).expired == 0
    await recorder.ask("user:ada", "POST", f"/v1/conversations/c-2/holds/{answer.json()['id']}:release")
    recorder.clock.forward(86_400 - 1)
    assert (await sweep(recorder)).expired == 0
    recorder.clock.forward(1)
    assert (await sweep(recorder)).expired == 1
    recorder.clock.forward(365 * 86_400)
    assert (await sweep(recorder)).expired == 1


async def test_the_minimum_is_written_down_once_and_only_for_what_ended_since(recorder: Stage) -> None:
    await recorder.program(ruled("90d", minimum="30d"))
    one = await recorded(recorder, "n-1")
    recorder.clock.forward(1)
    await sweep(recorder)
    found = await kept(recorder, one)
    assert found is not None
    assert found.clock is not None
    assert found.minimum_until == found.clock + timedelta(days=30)
    two = await recorded(recorder, "n-2")
    recorder.clock.forward(1)
    store = recorder.recorder.parts.store
    grown: list[int] = []
    write = store.write

    async def watched(unit: Callable[[Writing], Any]) -> Any:
        def seen(rows: Writing) -> Any:
            grow = rows.grow_minimum
            rows.grow_minimum = lambda key, until: (grown.append(key), grow(key, until))  # type: ignore[method-assign, func-returns-value, assignment]
            return unit(rows)

        return await write(seen)

    store.write = watched  # type: ignore[method-assign]
    await sweep(recorder)
    await sweep(recorder)
    found = await kept(recorder, two)
    assert found is not None
    assert grown == [found.key]


STEPS = ["after begin", "after media", "after finish"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["expired", "deleted", "erased"])
async def test_a_crash_at_any_step_ends_in_the_same_state_with_one_row(tmp_path: Path, step: str, how: str) -> None:
    """The process ends after the named step; what another one makes of it is what no crash would have left."""
    results = []
    for folder, crash in ((tmp_path / "whole", None), (tmp_path / "cut", step)):
        folder.mkdir()
        recorder = stage(folder)
        recorder.recorder.calls._new_id = lambda: "s1"
        await recorder.program(ruled("90d"))
        one = await recorded(recorder)
        media = await with_media(recorder, one)
        recorder.clock.forward(LATE)
        begun = recorder.clock.now()
        if crash is not None:
            die_at(recorder, crash)
            with pytest.raises(Died):
                await remove(recorder, one, how)
            recorder = stage(folder)
            recorder.clock.instant = begun
            recorder.clock.forward(3600)
            again = await sweep(recorder)
            assert again.expired + again.finished == (step != "after finish")
            await sweep(recorder)
        else:
            await remove(recorder, one, how)
        assert await all_kept(recorder) == []
        assert not (folder / "recorder" / "media" / media.path).exists()
        assert await recorder.recorder.parts.store.read(lambda rows: rows.meta(f"removal:{one}")) is None  # noqa: B023
        results.append((await tombstone(recorder, one), await sent(recorder)))
    whole, cut = results
    assert whole == cut
    assert len(whole[1]) == 1
    assert whole[0] is not None
    assert whole[0].why == how


async def remove(recorder: Stage, one: str, how: str) -> None:
    if how == "expired":
        await sweep(recorder)
    elif how == "deleted":
        await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")
    else:
        await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}:erase", json={"reason": "request 12"})


def die_at(recorder: Stage, step: str) -> None:
    """Let the process end after this step of any removal."""
    for remover in (recorder.recorder.sweeper._remover, recorder.recorder.deleting._remover):
        media, store, finish = remover._media, remover._store, remover.finish

        class Cut:
            def __init__(self, media: Any) -> None:
                self.media = media

            async def remove(self, recordings: Sequence[KeptRecording]) -> Mapping[str, str]:
                if step != "after begin":
                    assert await self.media.remove(recordings) == {}
                if step != "after finish":
                    raise Died
                return {}

        remover._media = Cut(media)

        async def finished(recordings: Any, finish: Any = finish) -> Any:
            await finish(recordings)
            raise Died

        if step == "after finish":
            remover.finish = finished  # type: ignore[method-assign]
        assert store is not None


async def test_a_crash_after_the_file_lost_its_name_is_no_other(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    media = await with_media(recorder, one)
    (recorder.folder / "recorder" / "media" / media.path).unlink()
    recorder.clock.forward(LATE)
    assert (await sweep(recorder)).expired == 1


async def test_two_that_finish_the_same_removal_leave_one_row(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    found = await kept(recorder, one)
    assert found is not None
    remover, other = recorder.recorder.sweeper._remover, recorder.recorder.deleting._remover
    begun = await recorder.recorder.deleting._begin(one, EVERYTHING, "ada", _actor())
    first, second = await asyncio.gather(remover.finish((begun,)), other.finish((begun,)))
    assert sum(first.removed.values()) + sum(second.removed.values()) == 1
    assert len(await sent(recorder)) == 1


def _actor() -> Any:
    from callkeeper.recorder.auditing import Actor  # noqa: PLC0415 - for this test alone
    from callkeeper.recorder.principals import Principal  # noqa: PLC0415

    return Actor(principal=Principal(id="ada"))


async def test_media_that_cannot_be_removed_holds_nothing_else_up(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    await recorder.program(ruled("90d"))
    names = [await recorded(recorder, f"n-{number}") for number in range(7)]
    stuck = set(names[:3])
    for name in stuck:
        await with_media(recorder, name)
    await with_media(recorder, names[5])
    remover = recorder.recorder.sweeper._remover
    media = remover._media

    class Stuck:
        async def remove(self, recordings: Sequence[KeptRecording]) -> Mapping[str, str]:
            await media.remove([one for one in recordings if one.id not in stuck])
            return {one.id: "cannot remove it" for one in recordings if one.id in stuck}

    remover._media = Stuck()
    recorder.clock.forward(LATE)
    for expired in (4, 0):
        found = await sweep(recorder)
        assert (found.expired, found.failed, found.halted) == (expired, 3, Halt.FAILED)
    assert await all_kept(recorder) == []
    stuck.clear()
    assert (await sweep(recorder)).expired == 3
    assert len(await sent(recorder, Action.EXPIRE_RECORDING)) == 7


async def test_a_disk_that_fails_for_all_ends_the_sweep(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping, "MOST_FAILED", 3)
    await recorder.program(ruled("90d"))
    for number in range(9):
        await with_media(recorder, await recorded(recorder, f"n-{number}"))
    remover = recorder.recorder.sweeper._remover
    media = remover._media

    class Broken:
        async def remove(self, recordings: Sequence[KeptRecording]) -> Mapping[str, str]:
            return dict.fromkeys((one.id for one in recordings), "cannot remove it")

    remover._media = Broken()
    recorder.clock.forward(LATE)
    for _ in range(2):
        found = await sweep(recorder)
        assert (found.failed, found.halted) == (4, Halt.FAILED)
        assert len(await all_kept(recorder)) == 5
    remover._media = media
    assert (await sweep(recorder)).expired == 9


async def test_a_store_that_cannot_write_ends_the_sweep_and_the_next_goes_on(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    await recorded(recorder)
    await sweep(recorder)
    recorder.clock.forward(LATE)
    store = recorder.recorder.sweeper._store
    write = store.write

    async def fails(_: object) -> None:
        raise StorageFault("the disk is full", "make room")

    store.write = fails  # type: ignore[method-assign, assignment]
    assert (await sweep(recorder)).halted is Halt.FAILED
    store.write = write  # type: ignore[method-assign]
    assert (await sweep(recorder)).expired == 1


async def test_a_sweep_leaves_room_in_the_outbox_for_people(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping, "OUTBOX_SHARE", 4)
    await recorder.program(ruled("90d"))
    for number in range(7):
        await recorded(recorder, f"n-{number}")
    recorder.clock.forward(LATE)
    found = await sweep(recorder)
    assert (found.expired, found.halted) == (4, Halt.OUTBOX)
    await recorder.recorder.parts.store.write(lambda rows: rows.acknowledge(4))
    assert (await sweep(recorder)).expired == 3
    assert sweeping.OUTBOX_SHARE < bounds.OUTBOX_ROWS


async def test_a_hold_placed_between_the_look_and_the_removal_protects(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    recorder.clock.forward(LATE)
    sweeper = recorder.recorder.sweeper
    ensure_room = sweeper._ensure_room
    read = sweeper._store.read
    placed: list[str] = []

    async def reading(query: Any) -> Any:
        found = await read(query)
        if getattr(query, "__name__", "") == "look" and not placed:
            # The hold's own transaction comes after the look and before the one that begins the removal.
            from callkeeper.recorder.store.retention import KeptHold  # noqa: PLC0415 - for this test alone

            hold = KeptHold(id="h", conversation="c-1", owner="ada", reason="r", placed=recorder.clock.now())
            await sweeper._store.write(lambda rows: rows.add_hold(hold))
            placed.append(hold.id)
        return found

    sweeper._store.read = reading  # type: ignore[method-assign]
    assert (await sweep(recorder)).expired == 0
    assert placed
    assert await kept(recorder, one) is not None
    assert ensure_room is not None


async def test_it_sweeps_by_itself_and_at_once_when_asked(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.01)
    await recorder.program(ruled("90d"))
    await recorded(recorder)
    task = asyncio.create_task(recorder.recorder.sweeper.run())
    recorder.clock.forward(LATE)
    async with asyncio.timeout(20):
        while await all_kept(recorder):  # noqa: ASYNC110 - the sweep tells nobody
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_its_summary_is_in_the_status_and_the_metrics(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    await recorded(recorder)
    recorder.clock.forward(LATE)
    await sweep(recorder)
    status = (await recorder.ask("administrator", "GET", "/v1/retention")).json()
    assert (status["sweep"]["expired"], status["sweep"]["lookedAt"], status["sweep"]["halted"]) == (1, 1, None)
    text = (await recorder.ask("auditor", "GET", "/metrics")).text
    for line in (
        'callkeeper_recordings_removed_total{how="expired"} 1.0',
        'callkeeper_sweeps_total{result="through"} 1.0',
        'callkeeper_sweep_recordings{what="expired"} 1.0',
        "callkeeper_sweep_running 0.0",
        "callkeeper_retention_clock_stopped 0.0",
    ):
        assert line in text
