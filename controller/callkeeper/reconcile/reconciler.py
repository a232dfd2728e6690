"""One reconcile: read, plan, do, read back, tell.

The order of doing is what makes every row appear exactly once (see `ledger`). Whoever composes this gives it a
recorder, a ledger, an audit store and a clock; where the objects come from is not known here. What is to be done is
`plan`, which rows tell of it `telling`, how they and the ledger are written `bookkeeping`, how it ended `outcome`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import Effects, InForce, Lost
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.bookkeeping import AuditPort, finish, load, save
from callkeeper.reconcile.changes import Change, ShowPattern, config_changes
from callkeeper.reconcile.errors import Lies, Mismatch, RecorderError
from callkeeper.reconcile.ledger import Ledger, LedgerStore, Pending
from callkeeper.reconcile.outcome import Outcome, Progress, outcome_of
from callkeeper.reconcile.plan import Plan, Step, make_plan, short
from callkeeper.reconcile.port import RecorderPort, RecorderState
from callkeeper.reconcile.status import Statuses
from callkeeper.reconcile.telling import rows_of

MAX_ATTEMPTS = 5
"""Times it is planned anew, because the recorder changed in between or was put right first, before pausing."""


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
        progress = Progress(ledger=Ledger(owner="", sender=""))
        failure: RecorderError | None = None
        try:
            progress.ledger = await load(self.ledgers)
            await self._attempts(readings, progress)
        except RecorderError as error:
            failure = error
        outcome = outcome_of(
            progress,
            failure,
            readings,
            recorder=self.recorder,
            previous=previous,
            unsupported=self.unsupported,
            now=self.clock(),
        )
        return replace(outcome, seconds=time.monotonic() - begun)

    async def _attempts(self, readings: Sequence[ObjectReading], progress: Progress) -> None:
        for _ in range(MAX_ATTEMPTS - 1):
            with suppress(Mismatch):
                if await self._attempt(readings, progress):
                    return
        if not await self._attempt(readings, progress):
            raise Mismatch("somebody else programs this recorder again and again; see what else writes to it")

    async def _attempt(self, readings: Sequence[ObjectReading], progress: Progress) -> bool:
        """Read, plan and do; False where only a foreign config was put right, and what the objects say comes next."""
        progress.plan = None
        progress.state = await self.port.read()
        progress.ledger = await finish(progress.ledger, progress.state, ledgers=self.ledgers, audit=self.audit)
        in_force = await self._in_force(progress.ledger, progress.state)
        if isinstance(in_force, RecorderConfig):
            progress.ledger = replace(progress.ledger, config=in_force)
        # A large blacklist takes a while to compile, and the event loop may have calls to attend to.
        plan = await asyncio.to_thread(self._plan, readings, progress, in_force, None)
        if plan.step is Step.ASK:
            assert plan.envelope is not None
            progress.effects = await self.port.check(plan.envelope)
            plan = await asyncio.to_thread(self._plan, readings, progress, in_force, progress.effects)
        progress.plan = plan
        before = in_force if isinstance(in_force, RecorderConfig) else progress.state.config
        await self._do(readings, progress, plan, before)
        return not plan.puts_right

    def _plan(
        self, readings: Sequence[ObjectReading], progress: Progress, in_force: InForce, effects: Effects | None
    ) -> Plan:
        assert progress.state is not None
        return make_plan(
            readings,
            recorder=self.recorder,
            ledger=progress.ledger,
            in_force=in_force,
            state=progress.state,
            effects=effects,
            take_over=self.take_over,
        )

    async def _do(
        self, readings: Sequence[ObjectReading], progress: Progress, plan: Plan, before: RecorderConfig | None
    ) -> None:
        """Carry a plan out, in the order that `ledger` describes."""
        assert progress.state is not None
        ledger, state = progress.ledger, progress.state
        config = plan.compiled.config
        settles = plan.step is Step.PUT or (plan.step is Step.NOTHING and ledger.revision != plan.wanted)
        changes: tuple[Change, ...] = ()
        if settles and config is not None:
            changes = await asyncio.to_thread(config_changes, before, config, self.show)
        tell = partial(rows_of, recorder=self.recorder, attribution=self.attribution, settles=settles, now=self.clock())
        rows, remembered = await asyncio.to_thread(tell, plan, progress, changes, readings)
        if not (settles or rows or remembered != ledger.remembered):
            return
        if self.permit is not None:
            await self.permit()
        pending = Pending(put=plan.wanted if settles else None, events=rows, after=remembered)
        epoch = plan.envelope.epoch if plan.envelope else ledger.epoch
        ledger = progress.ledger = replace(ledger, pending=pending, epoch=epoch)
        if rows or plan.step is Step.PUT:
            await save(self.ledgers, ledger)
        if plan.step is Step.PUT:
            assert plan.envelope is not None
            await self.port.put(plan.envelope, if_match=plan.if_match)
            state = progress.state = await self._read_back(plan)
        if settles:
            self.take_over = False
            progress.before, progress.changes = progress.before or before, (*progress.changes, *changes)
            if plan.puts_right and plan.step is Step.PUT:
                progress.reverted = plan.if_match or ""
        progress.ledger = await finish(ledger, state, ledgers=self.ledgers, audit=self.audit)

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

    async def _in_force(self, ledger: Ledger, state: RecorderState) -> InForce:
        """The body of what this owner programmed last."""
        if ledger.revision is None:
            return None if state.revision is None else Lost(revision=state.revision)
        if ledger.config is not None:
            return ledger.config
        if state.revision == ledger.revision and state.config is not None:
            return state.config
        return await self.port.body(ledger.revision) or Lost(revision=ledger.revision)
