"""How far a reconcile has come, and how it ended: values, and the statuses that follow. Pure.

What a condition says, in which words, is `status`; doing is the reconciler's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import Compiled, Effects, InForce, Lost
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.changes import Change
from callkeeper.reconcile.errors import RecorderError
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.plan import Plan, Step, short
from callkeeper.reconcile.port import RecorderState
from callkeeper.reconcile.reasons import AnyReason, Reason
from callkeeper.reconcile.status import Observed, Statuses, statuses


@dataclass(slots=True)
class Progress:
    """What a reconcile has done so far; whoever does it writes here.

    Attributes:
        ledger: as it is saved, or about to be.
        state: what the recorder said last.
        plan: of the attempt that is under way, or was the last one.
        effects: what the recorder said the change would do, where it was asked.
        before: what was in force before the first thing that came into force.
        changes: what came into force.
        reverted: the foreign revision that was replaced, or None.
    """

    ledger: Ledger
    state: RecorderState | None = None
    plan: Plan | None = None
    effects: Effects | None = None
    before: RecorderConfig | None = None
    changes: tuple[Change, ...] = ()
    reverted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a reconcile ended.

    Attributes:
        statuses: of the Recorder and every object attached to it.
        compiled: what the objects make.
        state: what the recorder said last; None when it did not answer.
        before: what was in force before it; None at the first, or where it is not known.
        in_force: what this owner has in force; None before the first config.
        revision: its revision.
        epoch: the fencing epoch this owner works under.
        wanted: the revision that is to be in force, where that is known.
        changes: what came into force with this reconcile.
        effects: what the recorder said the change would do, where it was asked.
        reverted: the foreign revision that was replaced, or None.
        drifted: the recorder runs a foreign config, and it was left.
        failure: why what is wanted is not in force, or None.
        retry: whether trying again helps.
        seconds: how long it took.
    """

    statuses: Statuses
    compiled: Compiled
    state: RecorderState | None
    before: RecorderConfig | None = None
    in_force: RecorderConfig | None
    revision: str | None
    epoch: int = 0
    wanted: str | None = None
    changes: tuple[Change, ...] = ()
    effects: Effects | None = None
    reverted: str | None = None
    drifted: bool = False
    failure: tuple[AnyReason, str] | None = None
    retry: bool = False
    seconds: float = 0.0


def outcome_of(
    progress: Progress,
    error: RecorderError | None,
    readings: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    previous: Statuses,
    unsupported: Mapping[str, str],
    now: datetime,
) -> Outcome:
    """How it ended, with everybody's status.

    Args:
        progress: how far it came.
        error: what ended it early, or None.
        readings: all objects.
        recorder: whose config this is about.
        previous: statuses as they were.
        unsupported: kinds that are not carried out here, with the words that say where they are.
        now: the instant.
    """
    ledger, plan = progress.ledger, progress.plan
    compiled = plan.compiled if plan else compile_objects(readings, recorder=recorder, in_force=_known(ledger))
    observed = _observed(progress, error)
    made = statuses(
        compiled,
        readings,
        recorder=recorder,
        observed=observed,
        previous=previous,
        now=now,
        unsupported=unsupported,
    )
    failed = observed.synced[0] is not Reason.SYNCED
    return Outcome(
        statuses=made,
        compiled=compiled,
        state=progress.state,
        before=progress.before,
        in_force=ledger.config,
        revision=ledger.revision,
        epoch=ledger.epoch,
        wanted=plan.wanted if plan else None,
        changes=progress.changes,
        effects=progress.effects,
        reverted=progress.reverted,
        drifted=plan is not None and plan.reason is Reason.DRIFTED,
        failure=observed.synced if failed else None,
        retry=error is not None and not error.terminal,
    )


def _known(ledger: Ledger) -> InForce:
    if ledger.config is not None or ledger.revision is None:
        return ledger.config
    return Lost(revision=ledger.revision)


def _observed(progress: Progress, error: RecorderError | None) -> Observed:
    state, plan, ledger = progress.state, progress.plan, progress.ledger
    answered = state is not None and (error is None or error.reason not in {Reason.UNREACHABLE, Reason.REFUSED})
    reachable: tuple[AnyReason, str] = (Reason.REACHABLE, "the recorder answered")
    if not answered and error is not None:
        reachable = (error.reason, error.message)
    drifted = state is not None and ledger.revision is not None and state.revision != ledger.revision
    synced: tuple[AnyReason, str]
    if error is not None:
        synced = (error.reason, error.message)
    elif plan is None or plan.step is Step.LEAVE:
        synced = (plan.reason, plan.message) if plan else (Reason.PENDING, "not looked at yet")
    else:
        synced = (Reason.SYNCED, f"revision {short(plan.wanted)} is in force")
    return Observed(
        reachable=reachable,
        synced=synced,
        terminal=error.terminal if error is not None else plan is not None and plan.terminal,
        running=None if drifted else ledger.config,
        unknown=state is None and ledger.revision is not None and ledger.config is None,
        revision=state.revision if state is not None and answered else None,
    )
