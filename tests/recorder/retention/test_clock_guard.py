"""The guard: a clock that jumps forward deletes nothing until somebody says that the time is right."""

from datetime import timedelta

import pytest
from tests.recorder.recordings.kept import Died, kept, recorded, ruled, sent
from tests.recorder.stage import Stage, stage

from callkeeper.recorder.retention.clock_guard import RUNNING_BOUND, START_BOUND
from callkeeper.recorder.retention.sweeper import Halt

YEARS = timedelta(days=3650)
ACCEPT = "/v1/retention:accept-clock"


async def sweep(of: Stage) -> Halt | None:
    return (await of.recorder.sweeper.once()).halted


async def test_a_jump_of_years_stops_the_sweeper_until_an_administrator_accepts(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    assert await sweep(recorder) is None
    recorder.clock.jump(YEARS)
    assert [await sweep(recorder), await sweep(recorder)] == [Halt.CLOCK, Halt.CLOCK]
    assert await kept(recorder, one) is not None
    status = (await recorder.ask("settings", "GET", "/v1/retention")).json()
    assert status["clock"]["aheadSeconds"] == YEARS.total_seconds()
    assert status["clock"]["seen"] == "2026-03-01T12:01:00.000000Z"
    assert status["clock"]["stoppedAt"] == status["clock"]["now"]
    assert "callkeeper_retention_clock_stopped 1.0" in (await recorder.ask("auditor", "GET", "/metrics")).text
    ready = (await recorder.ask(None, "GET", "/readyz")).json()
    assert "clock" in ready["checks"]["retention"]
    assert (await recorder.ask("auditor", "POST", ACCEPT)).status_code == 403
    accepted = await recorder.ask("administrator", "POST", ACCEPT)
    assert accepted.json()["clock"]["stoppedAt"] is None
    action, actor, details = recorder.audit.rows[-1]
    assert (action.value, actor.principal.id) == ("AcceptClock", "the-administrator")
    assert details["aheadSeconds"] == YEARS.total_seconds()
    assert await sweep(recorder) is None
    assert await kept(recorder, one) is None


async def test_a_restart_is_no_word(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    await sweep(recorder)
    # Less than what a start alone would let pass.
    recorder.clock.jump(timedelta(days=3))
    assert await sweep(recorder) is Halt.CLOCK
    again = stage(recorder.folder)
    again.clock.instant = recorder.clock.instant
    assert await sweep(again) is Halt.CLOCK
    assert (await again.ask("administrator", "POST", ACCEPT)).status_code == 200
    third = stage(recorder.folder)
    third.clock.instant = again.clock.instant
    assert await sweep(third) is None
    assert await kept(third, one) is not None


@pytest.mark.parametrize(("off", "halted"), [(START_BOUND, None), (START_BOUND + timedelta(hours=2), Halt.CLOCK)])
async def test_at_the_start_the_clock_is_held_against_what_was_seen_last(
    recorder: Stage, off: timedelta, halted: Halt | None
) -> None:
    await recorder.program(ruled("1h"))
    await sweep(recorder)
    again = stage(recorder.folder)
    again.clock.instant = recorder.clock.instant + off
    assert await sweep(again) is halted


async def test_the_first_start_of_all_has_nothing_to_hold_it_against(recorder: Stage) -> None:
    recorder.clock.jump(YEARS)
    assert await sweep(recorder) is None


@pytest.mark.parametrize(
    ("steps", "halted"),
    [
        ([RUNNING_BOUND], None),
        ([RUNNING_BOUND + timedelta(seconds=1)], Halt.CLOCK),
        ([timedelta(hours=9)] * 3, Halt.CLOCK),
        ([-YEARS], None),
        ([-YEARS, YEARS], None),
        ([timedelta(hours=20), -timedelta(hours=20), timedelta(hours=20)], None),
    ],
)
async def test_steps_add_up_and_steps_back_are_harmless(
    recorder: Stage, steps: list[timedelta], halted: Halt | None
) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    await sweep(recorder)
    found = None
    for step in steps:
        recorder.clock.jump(step)
        found = await sweep(recorder)
        recorder.clock.forward(60)
    assert found is halted
    assert await kept(recorder, one) is not None


async def test_time_that_passes_is_no_jump(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    one = await recorded(recorder)
    await sweep(recorder)
    recorder.clock.forward(91 * 86_400)
    assert await sweep(recorder) is None
    assert await kept(recorder, one) is None


async def test_accepting_without_need_changes_nothing_and_leaves_no_row(recorder: Stage) -> None:
    await sweep(recorder)
    assert (await recorder.ask("administrator", "POST", ACCEPT)).status_code == 200
    assert recorder.audit.rows == []


async def test_without_a_row_the_clock_is_not_accepted(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    await sweep(recorder)
    recorder.clock.jump(YEARS)
    await sweep(recorder)
    recorder.audit.failing = True
    assert (await recorder.ask("administrator", "POST", ACCEPT)).json()["type"] == "/problems/audit-unavailable"
    assert await sweep(recorder) is Halt.CLOCK


async def test_what_was_begun_before_the_jump_is_finished(recorder: Stage) -> None:
    await recorder.program(ruled("1h"))
    one = await recorded(recorder)
    await sweep(recorder)
    found = await kept(recorder, one)
    assert found is not None
    recorder.clock.forward(2 * 3600)
    sweeper = recorder.recorder.sweeper
    finish = sweeper._remover.finish

    async def broken(_: object) -> None:
        raise Died

    sweeper._remover.finish = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(Died):
        await sweeper.once()
    sweeper._remover.finish = finish  # type: ignore[method-assign]
    recorder.clock.jump(YEARS)
    assert await sweep(recorder) is Halt.CLOCK
    assert len(await sent(recorder)) == 1
