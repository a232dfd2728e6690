"""One reconcile: read, plan, do, read back, tell.

The order of doing is what makes every row appear exactly once (see `ledger`). Whoever composes this gives it a
recorder, a ledger, an audit store and a clock; where the objects come from is not known here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import AuditError
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.policy.compile import Compiled, Effects, InForce, Lost, ObjectResult
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import AuditSection, RecorderConfig
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.changes import Change, ShowPattern, config_changes
from callkeeper.reconcile.errors import Lies, Mismatch, RecorderError, Unrecorded
from callkeeper.reconcile.events import Occasion, RowWriter
from callkeeper.reconcile.ledger import Ledger, LedgerStore, Pending, Remembered
from callkeeper.reconcile.plan import Plan, Step, make_plan, short
from callkeeper.reconcile.port import RecorderPort, RecorderState
from callkeeper.reconcile.reasons import AnyReason, Reason
from callkeeper.reconcile.status import Observed, Statuses, statuses

MAX_ATTEMPTS = 5
"""Times it is planned anew, because the recorder changed in between or was put right first, before pausing."""


class AuditPort(Protocol):
    """Where rows go."""

    def append(self, events: Sequence[AuditEvent]) -> Awaitable[None]:
        """Make the rows durable; those it has already are dropped.

        Raises:
            AuditError: they are not durable.
        """
        ...


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


@dataclass(slots=True)
class _Done:
    """What a reconcile has done so far."""

    ledger: Ledger
    state: RecorderState | None = None
    plan: Plan | None = None
    effects: Effects | None = None
    before: RecorderConfig | None = None
    changes: tuple[Change, ...] = ()
    reverted: str | None = None


@dataclass(kw_only=True)
class Reconciler:
    """Keeps one recorder as its objects say.

    Attributes:
        recorder: the Recorder object.
        port: the running recorder.
        ledgers: keeps the ledger.
        audit: keeps the rows.
        attribution: knows who changed what.
        clock: the instant, UTC.
        show: masks a pattern for the audit log.
        take_over: whether the recorder may be taken from another owner; good for one success.
        unsupported: kinds that are not carried out here, with the words that say where they are.
        permit: asked before anything is noted, put or told; raises `RecorderError` where it must not be done.
    """

    recorder: ObjectKey
    port: RecorderPort
    ledgers: LedgerStore
    audit: AuditPort
    attribution: Attribution
    clock: Callable[[], datetime]
    show: ShowPattern
    take_over: bool = False
    unsupported: Mapping[str, str] = field(default_factory=dict)
    permit: Callable[[], Awaitable[None]] | None = None

    async def reconcile(self, readings: Sequence[ObjectReading], previous: Statuses) -> Outcome:
        """Bring the recorder to what the objects say, as far as it goes, and say how far that is.

        Never raises for what a recorder, a disk or an audit store does: the outcome names it.
        """
        begun = time.monotonic()
        done = _Done(ledger=Ledger(owner="", sender=""))
        failure: RecorderError | None = None
        try:
            done.ledger = await self._load()
            await self._attempts(readings, done)
        except RecorderError as error:
            failure = error
        outcome = self._outcome(done, readings, previous, failure)
        return replace(outcome, seconds=time.monotonic() - begun)

    async def _attempts(self, readings: Sequence[ObjectReading], done: _Done) -> None:
        for _ in range(MAX_ATTEMPTS - 1):
            with suppress(Mismatch):
                if await self._attempt(readings, done):
                    return
        if not await self._attempt(readings, done):
            raise Mismatch("somebody else programs this recorder again and again; see what else writes to it")

    async def _attempt(self, readings: Sequence[ObjectReading], done: _Done) -> bool:
        """Read, plan and do; False where only a foreign config was put right, and what the objects say comes next."""
        done.plan = None
        done.state = await self.port.read()
        done.ledger = await self._finish(done.ledger, done.state)
        in_force = await self._in_force(done.ledger, done.state)
        if isinstance(in_force, RecorderConfig):
            done.ledger = replace(done.ledger, config=in_force)
        # A large blacklist takes a while to compile, and the event loop may have calls to attend to.
        plan = await asyncio.to_thread(self._plan, readings, done, in_force, None)
        if plan.step is Step.ASK:
            assert plan.envelope is not None
            done.effects = await self.port.check(plan.envelope)
            plan = await asyncio.to_thread(self._plan, readings, done, in_force, done.effects)
        done.plan = plan
        before = in_force if isinstance(in_force, RecorderConfig) else done.state.config
        await self._do(readings, done, plan, before)
        return not plan.puts_right

    def _plan(self, readings: Sequence[ObjectReading], done: _Done, in_force: InForce, effects: Effects | None) -> Plan:
        assert done.state is not None
        return make_plan(
            readings,
            recorder=self.recorder,
            ledger=done.ledger,
            in_force=in_force,
            state=done.state,
            effects=effects,
            take_over=self.take_over,
        )

    async def _do(
        self, readings: Sequence[ObjectReading], done: _Done, plan: Plan, before: RecorderConfig | None
    ) -> None:
        """Carry a plan out, in the order that `ledger` describes."""
        assert done.state is not None
        ledger, state = done.ledger, done.state
        config = plan.compiled.config
        settles = plan.step is Step.PUT or (plan.step is Step.NOTHING and ledger.revision != plan.wanted)
        changes: tuple[Change, ...] = ()
        if settles and config is not None:
            changes = await asyncio.to_thread(config_changes, before, config, self.show)
        rows, remembered = await asyncio.to_thread(self._rows, readings, done, plan, changes, settles=settles)
        if not (settles or rows or remembered != ledger.remembered):
            return
        if self.permit is not None:
            await self.permit()
        pending = Pending(put=plan.wanted if settles else None, events=rows, after=remembered)
        epoch = plan.envelope.epoch if plan.envelope else ledger.epoch
        ledger = done.ledger = replace(ledger, pending=pending, epoch=epoch)
        if rows or plan.step is Step.PUT:
            await self._save(ledger)
        if plan.step is Step.PUT:
            assert plan.envelope is not None
            await self.port.put(plan.envelope, if_match=plan.if_match)
            state = done.state = await self._read_back(plan)
        if settles:
            self.take_over = False
            done.before, done.changes = done.before or before, (*done.changes, *changes)
            if plan.puts_right and plan.step is Step.PUT:
                done.reverted = plan.if_match or ""
        done.ledger = await self._finish(ledger, state)

    async def _read_back(self, plan: Plan) -> RecorderState:
        """What the recorder runs after a put.

        Raises:
            Lies: it is not what was put.
        """
        state = await self.port.read()
        if state.revision != plan.wanted:
            raise Lies(
                f"the recorder accepted revision {short(plan.wanted)} and serves {short(state.revision)}; "
                "see whether another program writes to it, and whether its disk keeps what it is given"
            )
        return state

    async def _finish(self, ledger: Ledger, state: RecorderState) -> Ledger:
        """Append the rows of what was begun, provided it was done, and note that.

        Raises:
            Unrecorded: the rows or the ledger cannot be written; what was begun stays noted.
        """
        pending = ledger.pending
        if pending is None:
            return ledger
        last = pending.events[-1].sequence if pending.events else ledger.sequence
        if pending.put is not None and (state.revision, state.owner) != (pending.put, ledger.owner):
            # It was begun and never came into force. Its numbers are not used again: whether rows under them reached
            # the store before somebody else programmed the recorder cannot be told.
            return replace(ledger, pending=None, sequence=last)
        if pending.events:
            try:
                await self.audit.append(pending.events)
            except AuditError as error:
                raise Unrecorded(f"the audit rows of this change are not written yet: {error}") from error
        done = replace(ledger, pending=None, sequence=last, remembered=pending.after)
        if pending.put is not None:
            done = replace(done, revision=pending.put, config=state.config)
        await self._save(done)
        return done

    def _rows(
        self,
        readings: Sequence[ObjectReading],
        done: _Done,
        plan: Plan,
        changes: tuple[Change, ...],
        *,
        settles: bool,
    ) -> tuple[tuple[AuditEvent, ...], Remembered]:
        """The rows that tell of this plan, and what is remembered of having told."""
        ledger, state = done.ledger, done.state
        assert state is not None
        audit = plan.compiled.config.audit if plan.compiled.config else AuditSection()
        occasion = Occasion(
            at=self.clock(),
            app_name=audit.application_name,
            recorder=self.recorder,
            before=ledger.revision or state.revision,
            after=plan.wanted if settles else None,
        )
        rows = RowWriter(occasion, self.attribution, sender=ledger.sender, sequence=ledger.sequence)
        reported = plan.drifted and plan.reason is Reason.DRIFTED
        if plan.puts_right and plan.step is Step.PUT:
            rows.drift(Action.REVERT_DRIFT, state.revision, state.owner)
        elif reported and ledger.remembered.drift != state.revision:
            rows.drift(Action.REPORT_DRIFT, state.revision, state.owner)
        rows.changes(changes)
        if plan.step is Step.PUT:
            rows.confirmations(plan.compiled.confirmations, _counts(done.effects))
        told = ledger.remembered.rejected
        refused = dict(told)
        if not plan.puts_right:
            rejected = self._rejected(plan.compiled)
            rows.rejections(result for key, (result, text) in rejected.items() if told.get(key) != text)
            refused = {key: text for key, (_, text) in rejected.items()}
        fields = recorder_fields(readings, self.recorder)
        if fields is not None and ledger.remembered.recorder not in (None, fields):
            rows.recorder(ledger.remembered.recorder or {}, fields)
        return rows.rows, Remembered(
            rejected=refused,
            drift=state.revision if reported else None,
            recorder=fields if fields is not None else ledger.remembered.recorder,
        )

    def _rejected(self, compiled: Compiled) -> dict[str, tuple[ObjectResult, str]]:
        return {
            str(key): (result, self.attribution.fingerprint(key))
            for key, result in sorted(compiled.results.items())
            if not result.accepted
        }

    async def _in_force(self, ledger: Ledger, state: RecorderState) -> InForce:
        """The body of what this owner programmed last."""
        if ledger.revision is None:
            return None if state.revision is None else Lost(revision=state.revision)
        if ledger.config is not None:
            return ledger.config
        if state.revision == ledger.revision and state.config is not None:
            return state.config
        return await self.port.body(ledger.revision) or Lost(revision=ledger.revision)

    async def _load(self) -> Ledger:
        try:
            return await self.ledgers.load()
        except OSError as error:
            raise Unrecorded(f"cannot read what was programmed before: {error.strerror or error}") from error

    async def _save(self, ledger: Ledger) -> None:
        try:
            await self.ledgers.save(ledger)
        except OSError as error:
            raise Unrecorded(
                f"cannot note what is being done: {error.strerror or error}; nothing is changed until it can"
            ) from error

    def _outcome(
        self, done: _Done, readings: Sequence[ObjectReading], previous: Statuses, error: RecorderError | None
    ) -> Outcome:
        ledger, plan = done.ledger, done.plan
        compiled = plan.compiled if plan else compile_objects(readings, recorder=self.recorder, in_force=_known(ledger))
        observed = _observed(done, error)
        made = statuses(
            compiled,
            readings,
            recorder=self.recorder,
            observed=observed,
            previous=previous,
            now=self.clock(),
            unsupported=self.unsupported,
        )
        failed = observed.synced[0] is not Reason.SYNCED
        return Outcome(
            statuses=made,
            compiled=compiled,
            state=done.state,
            before=done.before,
            in_force=ledger.config,
            revision=ledger.revision,
            epoch=ledger.epoch,
            wanted=plan.wanted if plan else None,
            changes=done.changes,
            effects=done.effects,
            reverted=done.reverted,
            drifted=plan is not None and plan.reason is Reason.DRIFTED,
            failure=observed.synced if failed else None,
            retry=error is not None and not error.terminal,
        )


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


def _known(ledger: Ledger) -> InForce:
    if ledger.config is not None or ledger.revision is None:
        return ledger.config
    return Lost(revision=ledger.revision)


def _counts(effects: Effects | None) -> dict[str, int]:
    if effects is None:
        return {}
    return {"shortens": effects.shortens, "deletes": effects.deletes, "holds": effects.holds}


def _observed(done: _Done, error: RecorderError | None) -> Observed:
    state, plan, ledger = done.state, done.plan, done.ledger
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
