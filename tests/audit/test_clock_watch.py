"""The clock that days of the log are deleted by: believed while it counts what passes."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit.making import NOON

from callkeeper.audit.clock_watch import ClockWatch
from callkeeper.audit.disk import LocalDisk

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Machine:
    """A machine with both clocks, and a store that is opened on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall, self.passed = NOON, timedelta(0)
        self.open()

    def open(self) -> None:
        self.watch = ClockWatch(self.folder, LocalDisk(), self.steady)

    def steady(self) -> float:
        return self.passed.total_seconds()

    def is_believed(self, *, after: timedelta = timedelta(0), jump: timedelta = timedelta(0)) -> bool:
        self.passed += after
        self.wall += after + jump
        return self.watch.look(self.wall).belief.ahead is None


@pytest.fixture
def machine(tmp_path):
    found = Machine(tmp_path)
    assert found.is_believed()
    return found


def test_a_clock_that_counts_what_passes_is_believed_and_so_is_one_that_is_put_right_by_less_than_a_day(machine):
    assert machine.is_believed(after=400 * DAY)
    assert machine.is_believed(jump=23 * HOUR)
    assert machine.is_believed(jump=-50 * DAY)


def test_small_steps_ahead_add_up_to_a_jump_and_being_back_ends_it(machine):
    assert [machine.is_believed(after=HOUR, jump=10 * HOUR) for _ in range(4)] == [True, True, False, False]
    assert not machine.is_believed(after=DAY)
    assert machine.is_believed(jump=-40 * HOUR)


def test_a_restart_is_no_word_but_taking_the_file_away_is(machine):
    assert not machine.is_believed(jump=3 * DAY)
    machine.open()
    assert not machine.is_believed()
    assert not machine.is_believed(after=DAY)
    (machine.folder / "clock.json").unlink()
    look = machine.watch.look(machine.wall)
    assert look.accepted is not None
    assert look.accepted.ahead == 3 * DAY
    assert machine.is_believed(after=DAY)


@pytest.mark.parametrize(("away", "believed"), [(6 * DAY, True), (8 * DAY, False)])
def test_a_store_that_rested_for_more_than_a_week_waits_for_a_word(machine, away, believed):
    machine.open()
    assert machine.is_believed(after=away) is believed
    assert machine.is_believed(after=DAY) is believed


def test_a_machine_that_starts_in_the_past_and_is_put_right_has_not_jumped(machine):
    machine.open()
    assert machine.is_believed(jump=-9_000 * DAY)
    assert machine.is_believed(after=HOUR, jump=9_000 * DAY)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"seen": 7, "aheadSeconds": null}'])
def test_a_file_that_cannot_be_read_deletes_nothing(machine, content):
    (machine.folder / "clock.json").write_text(content)
    machine.open()
    assert not machine.is_believed()
