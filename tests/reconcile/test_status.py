"""Statuses as a pure function: instants that stay, objects without a Recorder, generations."""

from datetime import UTC, datetime

from tests.reconcile.fakes import RECORDER, World, a_blacklist, an_object, the_recorder

from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compilation.contributions import contributions
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.reconcile.reasons import ConditionType, Reason
from callkeeper.reconcile.status import Observed, orphans, statuses

EARLY, LATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def made(readings, previous, now, *, synced=True):
    compiled = compile_objects(readings, recorder=RECORDER)
    reason = (Reason.SYNCED, "in force") if synced else (Reason.UNREACHABLE, "away")
    observed = Observed(
        reachable=(Reason.REACHABLE, "answered") if synced else reason,
        synced=reason,
        running=compiled.config if synced else None,
    )
    return statuses(compiled, readings, recorder=RECORDER, observed=observed, previous=previous, now=now)


def test_a_condition_keeps_its_instant_while_its_status_stays():
    readings = [the_recorder(), a_blacklist("112")]
    first = made(readings, {}, EARLY)
    assert made(readings, first, LATE) == first
    changed = made(readings, first, LATE, synced=False)
    key = readings[1].key
    assert changed[key].condition(ConditionType.ACCEPTED).last_transition_time == EARLY
    assert changed[key].condition(ConditionType.PROGRAMMED).last_transition_time == LATE


def test_the_generation_is_that_of_the_object():
    reading = a_blacklist("112", generation=7)
    found = made([the_recorder(), reading], {}, EARLY)[reading.key]
    assert found.observed_generation == 7
    assert {condition.observed_generation for condition in found.conditions} == {7}


def test_objects_without_their_recorder_say_so():
    stray = an_object("Blacklist", "stray", spec={"recorderRef": {"name": "nowhere"}, "numbers": []})
    found = orphans([the_recorder(), stray, a_blacklist("112")], previous={}, now=EARLY)
    assert set(found) == {stray.key}
    condition = found[stray.key].condition(ConditionType.ACCEPTED)
    assert (condition.status.value, condition.reason.value) == ("False", "RecorderNotFound")
    assert "nowhere" in condition.message


def test_a_recorder_whose_blacklist_is_gone_says_which_line_confirms_that():
    entries = [f"+39055{number:04}" for number in range(60)]
    running = compile_objects([the_recorder(), a_blacklist(*entries)], recorder=RECORDER).config
    gone = compile_objects([the_recorder()], recorder=RECORDER, in_force=running)
    observed = Observed(reachable=(Reason.REACHABLE, "answered"), synced=(Reason.SYNCED, "in force"), running=running)
    found = statuses(gone, [the_recorder()], recorder=RECORDER, observed=observed, previous={}, now=EARLY)
    ready = found[RECORDER].condition(ConditionType.READY)
    assert ready.reason.value == "ConfirmationRequired"
    assert ready.message.endswith('add the annotation  callkeeper.dev/confirm: "removes<=60"')


def test_what_one_object_contributes_does_not_depend_on_the_others():
    alone = compile_objects([the_recorder(), a_blacklist("112")], recorder=RECORDER).config
    together = compile_objects(
        [the_recorder(), a_blacklist("112"), a_blacklist("113", name="b")], recorder=RECORDER
    ).config
    assert contributions(alone)["Blacklist/default/numbers"] == contributions(together)["Blacklist/default/numbers"]
    assert contributions(None) == {}


async def test_an_object_that_adds_nothing_is_programmed_all_the_same():
    empty = ObjectKey(kind="Blacklist", namespace="default", name="empty")
    world = World()
    outcome = await world.reconciler().reconcile(
        [the_recorder(), an_object("Blacklist", "empty", spec={"numbers": []})], {}
    )
    assert outcome.statuses[empty].ready
