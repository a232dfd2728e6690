"""What a cluster asks of reconciling: taking over by name, epochs that are told, leave to change, what is not known."""

from dataclasses import replace

from tests.reconcile.fakes import RECORDER, World, a_blacklist, an_object, the_recorder

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.policy.compile import AcceptedReason, ObjectResult
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.errors import Withheld
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import _what_to_do


def taking_over(owner):
    return an_object("Recorder", "teams", spec={}, annotations={"callkeeper.dev/take-over": owner})


async def test_a_recorder_is_taken_from_the_owner_that_its_object_names_and_from_no_other():
    world = World()
    world.recorder.run(RecorderConfig(), owner="folder:old", epoch=9)
    refused = await world.reconciler().reconcile([taking_over("folder:other"), a_blacklist("112")], {})
    assert refused.failure[0] is Reason.OWNER_CONFLICT
    assert 'callkeeper.dev/take-over: "folder:old"' in refused.failure[1]
    taken = await world.reconciler().reconcile([taking_over("folder:old"), a_blacklist("112")], {})
    assert taken.failure is None
    assert (world.recorder.state.owner, world.recorder.state.epoch) == ("folder:test", 10)
    world.recorder.run(RecorderConfig(), owner="folder:third", epoch=11)
    again = await world.reconciler().reconcile([taking_over("folder:old"), a_blacklist("112")], {})
    assert again.failure[0] is Reason.OWNER_CONFLICT, "it names one owner, and was for that one"


async def test_an_epoch_is_told_where_the_fence_asks_for_it_and_no_row_tells_of_it():
    world = World()
    objects = [the_recorder(), a_blacklist("112")]
    await world.reconciler().reconcile(objects, {})
    rows, puts = len(world.audit.events), world.recorder.puts
    world.ledgers.ledger = replace(world.ledgers.ledger, epoch=5)
    await world.reconciler().reconcile(objects, {})
    assert world.recorder.puts == puts, "a later epoch alone is no reason"
    world.ledgers.ledger = replace(world.ledgers.ledger, fence=5)
    await world.reconciler().reconcile(objects, {})
    assert world.recorder.state.epoch == 5
    assert len(world.audit.events) == rows


async def test_nothing_is_noted_put_or_told_without_leave():
    world = World()

    async def no():
        raise Withheld("the namespace is being deleted")

    outcome = await world.reconciler(permit=no).reconcile([the_recorder(), a_blacklist("112")], {})
    assert outcome.failure == (Reason.RECORDER_DELETING, "the namespace is being deleted")
    assert (world.recorder.puts, world.ledgers.saves, world.audit.events) == (0, 0, [])
    assert not outcome.retry


async def test_what_was_said_holds_on_while_a_recorder_was_not_seen_yet():
    world = World()
    objects = [the_recorder(), a_blacklist("112", generation=3)]
    before = (await world.reconciler().reconcile(objects, {})).statuses
    world.ledgers.ledger = replace(world.ledgers.ledger, config=None)  # as a cluster keeps it
    world.recorder.down = True
    outcome = await world.reconciler().reconcile(objects, before)
    blacklist = next(status for key, status in outcome.statuses.items() if key.kind == "Blacklist")
    assert blacklist.condition(ConditionType.PROGRAMMED) == next(
        status.condition(ConditionType.PROGRAMMED) for key, status in before.items() if key.kind == "Blacklist"
    )
    assert outcome.statuses[RECORDER].condition(ConditionType.REACHABLE).status is ConditionStatus.FALSE
    changed = [the_recorder(), a_blacklist("113", generation=4)]
    outcome = await world.reconciler().reconcile(changed, before)
    blacklist = next(status for key, status in outcome.statuses.items() if key.kind == "Blacklist")
    assert blacklist.condition(ConditionType.PROGRAMMED).status is ConditionStatus.FALSE


async def test_a_lost_ledger_takes_what_is_in_force_from_the_recorder():
    world = World()
    objects = [the_recorder(), a_blacklist("112")]
    done = await world.reconciler().reconcile(objects, {})
    world.ledgers.ledger = Ledger(owner="folder:test", sender="anew", revision=done.revision)
    outcome = await world.reconciler().reconcile(objects, done.statuses)
    assert outcome.failure is None
    assert outcome.in_force == world.recorder.state.config


def test_a_status_says_what_to_do_and_quotes_no_number():
    key = a_blacklist("112").key
    message = "`+390212345z` is not a pattern; `teams` is the Recorder"
    finding = Finding(rule="blacklist.x", severity=Severity.ERROR, message=message, hint="leave it out", key=key)
    result = ObjectResult(key=key, reason=AcceptedReason.INVALID, message=message, findings=(finding,))
    assert _what_to_do(result) == "`…` is not a pattern; `teams` is the Recorder; leave it out"
