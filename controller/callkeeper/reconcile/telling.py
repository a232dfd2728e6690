"""What a plan is told of in the audit log: which rows, and what is remembered so that nothing is told of twice.

How a row is made and numbered is `events`, what changed from one config to the next `changes`. Nothing is written here.
"""

from collections.abc import Sequence
from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.policy.compile import Compiled, Effects, ObjectResult
from callkeeper.policy.config import AuditSection
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.changes import Change
from callkeeper.reconcile.events import Occasion, RowWriter
from callkeeper.reconcile.ledger import Remembered
from callkeeper.reconcile.outcome import Progress
from callkeeper.reconcile.plan import Plan, Step
from callkeeper.reconcile.reasons import Reason


def rows_of(
    plan: Plan,
    progress: Progress,
    changes: tuple[Change, ...],
    readings: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    attribution: Attribution,
    settles: bool,
    now: datetime,
) -> tuple[tuple[AuditEvent, ...], Remembered]:
    """The rows that tell of this plan, and what is remembered of having told.

    Args:
        plan: what is about to be done.
        progress: the ledger, and what the recorder said.
        changes: what comes into force with it.
        readings: all objects.
        recorder: whose settings these are.
        attribution: knows who changed what.
        settles: whether what is wanted will be in force, as far as the ledger knows for the first time.
        now: the instant.
    """
    ledger, state = progress.ledger, progress.state
    assert state is not None
    audit = plan.compiled.config.audit if plan.compiled.config else AuditSection()
    occasion = Occasion(
        at=now,
        app_name=audit.application_name,
        recorder=recorder,
        before=ledger.revision or state.revision,
        after=plan.wanted if settles else None,
    )
    rows = RowWriter(occasion, attribution, sender=ledger.sender, sequence=ledger.sequence)
    reported = plan.drifted and plan.reason is Reason.DRIFTED
    if plan.puts_right and plan.step is Step.PUT:
        rows.drift(Action.REVERT_DRIFT, state.revision, state.owner)
    elif reported and ledger.remembered.drift != state.revision:
        rows.drift(Action.REPORT_DRIFT, state.revision, state.owner)
    rows.changes(changes)
    if plan.step is Step.PUT:
        rows.confirmations(plan.compiled.confirmations, _counts(progress.effects))
    told = ledger.remembered.rejected
    refused = dict(told)
    if not plan.puts_right:
        rejected = _rejected(plan.compiled, attribution)
        rows.rejections(result for key, (result, text) in rejected.items() if told.get(key) != text)
        refused = {key: text for key, (_, text) in rejected.items()}
    fields = recorder_fields(readings, recorder)
    if fields is not None and ledger.remembered.recorder not in (None, fields):
        rows.recorder(ledger.remembered.recorder or {}, fields)
    return rows.rows, Remembered(
        rejected=refused,
        drift=state.revision if reported else None,
        recorder=fields if fields is not None else ledger.remembered.recorder,
    )


def _rejected(compiled: Compiled, attribution: Attribution) -> dict[str, tuple[ObjectResult, str]]:
    return {
        str(key): (result, attribution.fingerprint(key))
        for key, result in sorted(compiled.results.items())
        if not result.accepted
    }


def recorder_fields(
    readings: Sequence[ObjectReading], recorder: ObjectKey
) -> dict[str, str | int | bool | None] | None:
    """Fields of the Recorder object that have a say in reconciling; None where there is no valid one."""
    for reading in readings:
        if reading.key == recorder and isinstance(reading.resource, Recorder):
            spec = reading.resource.spec
            guardrails = spec.guardrails
            return {
                "endpoint": spec.endpoint,
                "driftPolicy": spec.drift_policy.value,
                "suspend": spec.suspend,
                "maxChangedDecisionsPercent": guardrails.max_changed_decisions_percent if guardrails else None,
            }
    return None


def _counts(effects: Effects | None) -> dict[str, int]:
    if effects is None:
        return {}
    return {"shortens": effects.shortens, "deletes": effects.deletes, "holds": effects.holds}
