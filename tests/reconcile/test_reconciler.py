"""One reconcile against a recorder in memory: what it does, what it says, what it leaves in the audit log."""

from dataclasses import replace

import pytest
from tests.reconcile.fakes import RECORDER, MemoryLedger, World, a_blacklist, a_policy, an_object, the_recorder

from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compile import Effects
from callkeeper.policy.config import BlacklistEntry, RecorderConfig, RetentionSection
from callkeeper.policy.config_json import revision
from callkeeper.policy.retention_change import shortens
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType, Reason

FOREIGN = RecorderConfig(blacklist=(BlacklistEntry(pattern="666", object="Blacklist/else/where", entry="666"),))
BLACKLIST = ObjectKey(kind="Blacklist", namespace="default", name="numbers")


def status(outcome, key, kind):
    found = outcome.statuses[key].condition(kind)
    return (found.status.value, found.reason.value) if found else None


async def settled(world, *readings, **more):
    outcome = await world.reconciler(**more).reconcile([the_recorder(), *readings], {})
    assert outcome.failure is None, outcome.failure
    return outcome


async def test_the_first_reconcile_programs_the_recorder_and_a_second_writes_nothing():
    world = World()
    readings = [the_recorder(), a_blacklist("112"), a_policy(defaultMode="AlwaysOn")]
    first = await world.reconciler().reconcile(readings, {})
    assert world.recorder.state.revision == first.revision == revision(first.in_force)
    saves, rows = world.ledgers.saves, len(world.audit.events)
    second = await world.reconciler().reconcile(readings, first.statuses)
    assert (world.recorder.puts, world.ledgers.saves, len(world.audit.events)) == (1, saves, rows)
    assert second.statuses == first.statuses
    assert second.statuses[BLACKLIST].ready


async def test_changes_are_audited_one_row_each_with_revisions_and_fields():
    world = World()
    first = await settled(world, a_policy())
    await settled(world, a_policy(defaultMode="AlwaysOn", alwaysOnLimitPercent=60))
    assert world.audit.actions == ["UpdateDefaultPolicy", "UpdateRecordingLimit"]
    row = world.audit.events[0]
    assert row.details["from"] == {"defaultMode": "OnDemand"}
    assert row.details["to"] == {"defaultMode": "AlwaysOn"}
    assert row.details["previousRevision"] == first.revision
    assert row.details["revision"] == world.recorder.state.revision
    assert row.email == "system:reconcile"
    assert [event.sequence for event in world.audit.events] == [1, 2]


async def test_an_invalid_object_keeps_what_is_in_force_and_is_audited_once():
    world = World()
    await settled(world, a_blacklist("112"))
    for _ in range(3):
        outcome = await settled(world, a_blacklist("11Y"))
    assert status(outcome, BLACKLIST, ConditionType.ACCEPTED) == ("False", "Invalid")
    assert status(outcome, BLACKLIST, ConditionType.PROGRAMMED) == ("False", "NotAccepted")
    assert status(outcome, BLACKLIST, ConditionType.STALLED) == ("True", "Invalid")
    assert [entry.pattern for entry in world.recorder.state.config.blacklist] == ["112"]
    assert world.audit.actions.count("RejectConfig") == 1
    assert outcome.statuses[RECORDER].ready


async def test_an_invalid_blacklist_at_the_first_start_means_that_nothing_is_recorded():
    world = World()
    outcome = await settled(world, a_blacklist("11Y"))
    assert world.recorder.state.config.missing == ("Blacklist/default/numbers",)
    assert status(outcome, RECORDER, ConditionType.READY) == ("False", "SettingsIncomplete")
    assert status(outcome, RECORDER, ConditionType.SYNCED) == ("True", "Synced")


async def test_a_recorder_that_is_down_is_tried_again_and_the_objects_are_still_judged():
    world = World()
    world.recorder.down = True
    outcome = await world.reconciler().reconcile([the_recorder(), a_blacklist("112"), a_policy(nonsense=1)], {})
    assert outcome.retry
    assert status(outcome, RECORDER, ConditionType.REACHABLE) == ("False", "Unreachable")
    assert status(outcome, RECORDER, ConditionType.RECONCILING) == ("True", "Unreachable")
    assert status(outcome, BLACKLIST, ConditionType.PROGRAMMED) == ("False", "Unreachable")
    policy = ObjectKey(kind="RecordingPolicy", namespace="default", name="default")
    assert status(outcome, policy, ConditionType.ACCEPTED) == ("False", "Invalid")


async def test_objects_stay_programmed_while_a_recorder_that_ran_them_is_away():
    world = World()
    await settled(world, a_blacklist("112"), a_policy())
    world.recorder.down = True
    outcome = await world.reconciler().reconcile(
        [the_recorder(), a_blacklist("112"), a_policy(defaultMode="AlwaysOn")], {}
    )
    policy = ObjectKey(kind="RecordingPolicy", namespace="default", name="default")
    assert status(outcome, BLACKLIST, ConditionType.PROGRAMMED) == ("True", "Programmed")
    assert status(outcome, policy, ConditionType.PROGRAMMED) == ("False", "Unreachable")


async def test_a_foreign_config_is_replaced_and_audited():
    world = World()
    before = await settled(world, a_blacklist("112"))
    world.recorder.run(FOREIGN, owner="folder:test")
    outcome = await settled(world, a_blacklist("112"))
    assert outcome.reverted == revision(FOREIGN)
    assert world.recorder.state.revision == before.revision
    assert world.audit.actions[-1] == "RevertDrift"
    assert world.audit.events[-1].details["found"] == revision(FOREIGN)


async def test_a_foreign_config_is_left_and_reported_once_where_the_policy_says_so():
    world = World()
    report = the_recorder(driftPolicy="Report")
    await world.reconciler().reconcile([report, a_blacklist("112")], {})
    world.recorder.run(FOREIGN, owner="folder:test")
    for _ in range(3):
        outcome = await world.reconciler().reconcile([report, a_blacklist("112")], {})
    assert world.recorder.state.config == FOREIGN
    assert world.audit.actions.count("ReportDrift") == 1
    assert status(outcome, RECORDER, ConditionType.SYNCED) == ("False", "Drifted")
    assert status(outcome, RECORDER, ConditionType.STALLED) == ("True", "Drifted")
    assert not outcome.retry
    assert outcome.drifted
    corrected = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert corrected.failure is None
    assert [action for action in world.audit.actions if "Drift" in action] == ["ReportDrift", "RevertDrift"]
    assert "UpdateRecorder" in world.audit.actions


async def test_another_owners_recorder_is_left_alone_and_taken_over_when_told_so():
    world = World()
    world.recorder.run(FOREIGN, owner="cluster:other", epoch=7)
    outcome = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert outcome.failure is not None
    assert outcome.failure[0] is Reason.OWNER_CONFLICT
    assert "--take-over" in outcome.failure[1]
    assert not outcome.retry
    assert world.recorder.puts == 0
    taken = await world.reconciler(take_over=True).reconcile([the_recorder(), a_blacklist("112")], {})
    assert taken.failure is None
    assert (world.recorder.state.owner, world.recorder.state.epoch) == ("folder:test", 8)
    assert (await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})).failure is None


async def test_taking_over_is_good_for_one_success():
    world = World()
    world.recorder.run(FOREIGN, owner="cluster:other")
    reconciler = world.reconciler(take_over=True)
    assert (await reconciler.reconcile([the_recorder()], {})).failure is None
    world.recorder.run(FOREIGN, owner="cluster:other", epoch=99)
    outcome = await reconciler.reconcile([the_recorder()], {})
    assert outcome.failure is not None
    assert outcome.failure[0] is Reason.OWNER_CONFLICT


async def test_a_newer_instance_of_the_same_owner_is_not_fought():
    world = World()
    await settled(world, a_blacklist("112"))
    world.recorder.run(FOREIGN, owner="folder:test", epoch=2)
    outcome = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert outcome.failure is not None
    assert outcome.failure[0] is Reason.STALE_EPOCH
    assert world.recorder.state.config == FOREIGN


async def test_a_recorder_that_accepts_one_config_and_serves_another_is_named():
    world = World()
    world.recorder.serves = FOREIGN
    outcome = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert status(outcome, RECORDER, ConditionType.SYNCED) == ("False", "ReadBackMismatch")
    assert status(outcome, BLACKLIST, ConditionType.PROGRAMMED) == ("False", "ReadBackMismatch")
    assert outcome.retry
    assert world.audit.events == []


async def test_a_config_put_in_between_is_noticed_and_planned_anew():
    world = World()
    await settled(world, a_blacklist("112"))
    world.recorder.before_put = lambda: world.recorder.run(FOREIGN, owner="folder:test")
    outcome = await settled(world, a_blacklist("113"))
    assert [entry.pattern for entry in world.recorder.state.config.blacklist] == ["113"]
    assert outcome.reverted == revision(FOREIGN)
    assert world.audit.actions == ["UpdateBlacklist", "RevertDrift", "UpdateBlacklist"]


async def test_nothing_is_programmed_while_the_recorder_is_suspended():
    world = World()
    await settled(world, a_blacklist("112"))
    outcome = await world.reconciler().reconcile([the_recorder(suspend=True), a_blacklist("113")], {})
    assert world.recorder.puts == 1
    assert status(outcome, RECORDER, ConditionType.SYNCED) == ("False", "Suspended")


async def test_nothing_is_programmed_while_the_recorder_is_being_deleted():
    world = World()
    await settled(world, a_blacklist("112"))
    leaving = an_object("Recorder", "teams", spec={}, deletionTimestamp="2026-03-01T12:00:00Z")
    outcome = await world.reconciler().reconcile([leaving], {})
    assert world.recorder.puts == 1
    assert status(outcome, RECORDER, ConditionType.SYNCED) == ("False", "RecorderDeleting")


def shorter(confirmation=None):
    annotations = {"annotations": {"callkeeper.dev/confirm": confirmation}} if confirmation else {}
    return an_object("RetentionRule", spec={"retention": "30d"}, **annotations)


async def test_shorter_retention_is_asked_about_and_waits_for_a_word_that_is_then_audited():
    world = World()
    rule = ObjectKey(kind="RetentionRule", namespace="default", name="default")
    await settled(world, an_object("RetentionRule", spec={"retention": "90d"}))
    world.recorder.effects = Effects(shortens=10, deletes=4)
    waiting = await settled(world, shorter())
    assert status(waiting, rule, ConditionType.ACCEPTED) == ("False", "ConfirmationRequired")
    assert world.recorder.state.config.retention.retention == "90d"
    text = "retention=90d->30d shortens<=10 deletes<=4 holds<=0"
    confirmed = await settled(world, shorter(text))
    assert confirmed.statuses[rule].ready
    assert world.recorder.state.config.retention.retention == "30d"
    assert world.audit.actions[-2:] == ["UpdateRetention", "ConfirmDeletion"]
    assert world.audit.events[-1].details["confirmation"] == text
    assert world.audit.events[-1].details["effects"] == {"shortens": 10, "deletes": 4, "holds": 0}
    await settled(world, an_object("RetentionRule", spec={"retention": "90d"}))
    again = await settled(world, shorter(text))
    assert status(again, rule, ConditionType.ACCEPTED) == ("False", "ConfirmationRequired")


def counting(before, wanted):
    """Ten recordings that any shorter retention concerns."""
    old = before.retention if before else RetentionSection()
    return Effects(shortens=10) if shortens(old, wanted.retention) else Effects()


def a_rule(retention, confirmation=None):
    annotations = {"annotations": {"callkeeper.dev/confirm": confirmation}} if confirmation else {}
    return an_object("RetentionRule", spec={"retention": retention}, **annotations)


RULE = ObjectKey(kind="RetentionRule", namespace="default", name="default")


async def test_a_change_beside_drift_is_reckoned_from_what_was_in_force():
    world = World()
    await settled(world, a_rule("90d"))
    world.recorder.counts = counting
    world.recorder.run(RecorderConfig(retention=RetentionSection(retention="1h")), owner="folder:test")
    outcome = await settled(world, a_rule("30d"))
    assert world.recorder.state.config.retention.retention == "90d"
    assert outcome.reverted is not None
    assert status(outcome, RULE, ConditionType.ACCEPTED) == ("False", "ConfirmationRequired")
    assert world.audit.actions.count("RevertDrift") == world.audit.actions.count("RejectConfig") == 1


async def test_a_longer_rule_of_somebody_else_goes_with_the_word_for_it_alone():
    world = World()
    world.recorder.counts = counting
    first = a_rule("90d", "retention=forever->90d shortens<=10 deletes<=0 holds<=0")
    await settled(world, first)
    world.recorder.run(RecorderConfig(), owner="folder:test")
    waiting = await settled(world, first)
    assert world.recorder.state.config.retention.retention == "forever"
    line = next(one.hint for one in waiting.compiled.results[RULE].findings).split('"')[1]
    passed = await settled(world, a_rule("90d", line))
    assert passed.statuses[RULE].ready
    assert world.recorder.state.config.retention.retention == "90d"


async def test_the_first_contact_with_a_recorder_takes_nothing_from_it_without_a_word():
    world = World()
    world.recorder.counts = counting
    many = tuple(BlacklistEntry(pattern=f"6{one:03}", object="Blacklist/else/where", entry="6") for one in range(50))
    found = RecorderConfig(blacklist=many, retention=RetentionSection(retention="180d"))
    world.recorder.run(found, owner="folder:test")
    outcome = await settled(world, a_rule("90d"), a_blacklist("112"))
    assert {entry.pattern for entry in many} < {entry.pattern for entry in world.recorder.state.config.blacklist}
    assert world.recorder.state.config.retention.retention == "180d"
    line = next(one.hint for one in outcome.compiled.results[RULE].findings).split('"')[1]
    assert line.startswith("retention=180d->90d ")
    assert (await settled(world, a_rule("90d", line), a_blacklist("112"))).statuses[RULE].ready


async def test_a_recorder_that_lost_its_config_gets_it_back_before_anything_changes():
    world = World()
    await settled(world, a_rule("90d"), a_blacklist("112"))
    world.recorder.state = replace(world.recorder.state, revision=None, owner=None, config=None)
    await settled(world, a_rule("30d"), a_blacklist("113"))
    assert [put.blacklist[0].pattern for put in world.recorder.own_puts] == ["112", "112", "113"]


async def test_what_the_recorder_counts_anew_makes_the_change_wait():
    world = World()
    await settled(world, a_rule("90d"))
    asked = [Effects(shortens=3), Effects(shortens=10), Effects(shortens=10)]
    world.recorder.counts = lambda *_: asked.pop(0)
    outcome = await settled(world, a_rule("30d", "retention=90d->30d shortens<=3 deletes<=0 holds<=0"))
    assert status(outcome, RULE, ConditionType.ACCEPTED) == ("False", "ConfirmationRequired")
    assert world.recorder.state.config.retention.retention == "90d"


async def test_an_object_that_is_broken_again_is_reported_again():
    world = World()
    for patterns in ("11Y", "112", "11Y"):
        await settled(world, a_blacklist(patterns))
    assert world.audit.actions.count("RejectConfig") == 2


async def test_what_changes_beside_a_broken_recorder_object_is_not_called_programmed():
    world = World()
    await settled(world, a_blacklist("112"), a_policy())
    outcome = await world.reconciler().reconcile([the_recorder(nonsense=1), a_blacklist("113"), a_policy()], {})
    assert status(outcome, BLACKLIST, ConditionType.PROGRAMMED) == ("False", "RecorderInvalid")
    policy = ObjectKey(kind="RecordingPolicy", namespace="default", name="default")
    assert status(outcome, policy, ConditionType.PROGRAMMED) == ("True", "Programmed")


async def test_a_suspended_recorder_is_not_taken_over():
    world = World()
    objects = [the_recorder(suspend=True), a_blacklist("112")]
    there = (await World().reconciler().reconcile([the_recorder(), a_blacklist("112")], {})).in_force
    world.recorder.run(there, owner="cluster:other", epoch=7)
    outcome = await world.reconciler(take_over=True).reconcile(objects, {})
    assert world.recorder.puts == 0
    assert outcome.failure[0] is Reason.SUSPENDED


async def test_a_lost_ledger_programs_nothing_until_every_object_is_valid():
    world = World()
    await settled(world, a_blacklist("112"))
    world.ledgers = MemoryLedger()
    held = await world.reconciler().reconcile([the_recorder(), a_blacklist("11Y")], {})
    assert held.failure is not None
    assert held.failure[0] is Reason.IN_FORCE_LOST
    assert [entry.pattern for entry in world.recorder.state.config.blacklist] == ["112"]
    assert (await settled(world, a_blacklist("112"))).revision == world.recorder.state.revision


async def test_a_body_that_is_not_in_the_ledger_is_taken_from_the_recorder():
    world = World()
    await settled(world, a_blacklist("112"))
    world.ledgers.ledger = replace(world.ledgers.ledger, config=None)
    world.recorder.run(FOREIGN, owner="folder:test")
    await settled(world, a_blacklist("11Y"))
    assert [entry.pattern for entry in world.recorder.state.config.blacklist] == ["112"]


async def test_a_recorder_that_lacks_a_section_is_not_programmed():
    world = World()
    world.recorder.state = replace(world.recorder.state, sections={"policy": 1})
    outcome = await world.reconciler().reconcile([the_recorder()], {})
    assert outcome.failure is not None
    assert outcome.failure[0] is Reason.SECTIONS_UNSUPPORTED


async def test_a_ledger_that_cannot_be_written_means_that_nothing_is_done():
    world = World()
    world.ledgers.failing = True
    outcome = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert outcome.failure is not None
    assert outcome.failure[0] is Reason.AUDIT_UNAVAILABLE
    assert outcome.retry
    assert world.recorder.puts == 0


async def test_rows_that_cannot_be_written_are_written_later_and_once():
    world = World()
    world.audit.failing = True
    first = await world.reconciler().reconcile([the_recorder(), a_blacklist("112")], {})
    assert first.retry
    world.audit.failing = False
    outcome = await settled(world, a_blacklist("112"))
    assert world.recorder.puts == 1
    assert world.audit.actions == ["UpdateBlacklist"]
    assert outcome.statuses[BLACKLIST].ready


async def test_kinds_carried_out_elsewhere_say_so():
    world = World()
    export = an_object("AuditExport", "march", spec={"from": "2026-03-01", "to": "2026-04-01"})
    outcome = await settled(world, export, unsupported={"AuditExport": "made elsewhere"})
    assert status(outcome, export.key, ConditionType.ACCEPTED) == ("True", "Accepted")
    assert status(outcome, export.key, ConditionType.PROGRAMMED) == ("False", "NotSupported")


@pytest.mark.parametrize("healthy", [True, False])
async def test_ready_says_what_the_others_say(healthy):
    world = World()
    outcome = await settled(world, a_blacklist("112" if healthy else "11Y"), a_policy())
    for found in outcome.statuses.values():
        others = [
            one.status
            for one in found.conditions
            if one.type.value in {"Accepted", "Programmed", "Reachable", "Synced"}
        ]
        assert found.ready == (set(others) == {ConditionStatus.TRUE}) or found.key == RECORDER
        abnormal = [one for one in found.conditions if one.type.value in {"Reconciling", "Stalled"}]
        assert bool(abnormal) != found.ready
