"""The recorders of the cluster, each with a worker that keeps it reconciled: what a leader does with the registry.

Changes are gathered for a moment and handed on by namespace, so that a recorder is never compiled for what happened
elsewhere. One fleet is one term of leadership: nothing of it outlives that.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.operator.announcing import Announcer
from callkeeper.operator.api import KubeApi
from callkeeper.operator.audit_keeping import AuditKeeping
from callkeeper.operator.errors import ApiError
from callkeeper.operator.governed import INVALID, NO_ENDPOINT, Governed, Target, utc_now
from callkeeper.operator.lease import Term
from callkeeper.operator.ledger_object import ClusterLedger, sweep
from callkeeper.operator.log_style import LogStyle
from callkeeper.operator.metrics import Metrics
from callkeeper.operator.permit import permit
from callkeeper.operator.recorder_port import ClusterRecorder, NowhereRecorder
from callkeeper.operator.registry import Entry, Registry
from callkeeper.operator.status_values import (
    InForce,
    KnownStatuses,
    known_status,
    programmed_before,
    requested,
    status_value,
)
from callkeeper.operator.status_writer import Json, StatusWriter
from callkeeper.operator.turns import Calm, Turns
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.backoff import Backoff
from callkeeper.reconcile.bookkeeping import AuditPort
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.reconciler import Reconciler
from callkeeper.reconcile.status import ObjectStatus, Statuses, orphans
from callkeeper.reconcile.status_json import status_to_json
from callkeeper.reconcile.worker import Worker
from callkeeper.tasks.supervising import Supervisor

log = structlog.get_logger()

GATHERING = {"pause_seconds": 0.03, "burst_pause_seconds": 0.4, "cap_seconds": 5.0}
"""A push of many objects arrives over a while: workers are told when nothing more has come for a pause, and in any case
after the cap. A thousand changes over fifty recorders are fifty reconciles then, or a hundred, and not a thousand."""

STATUS_RETRY_SECONDS, STATUS_RETRY_CAP_SECONDS = 2.0, 60.0
"""Statuses that could not be written are tried again after this; twice as long each time, up to a minute."""

AT_ONCE, PATIENCE_SECONDS = 8, 2.0
"""Reconciles begun together, and how long one waits for its turn: fifty at once would each take fifty times as long,
and a recorder that does not answer must not hold up the others."""

SWEEP_SECONDS = 600.0
"""What Recorders that are gone left behind may lie for a while."""

CARRIED_OUT_ELSEWHERE = frozenset({"AuditExport"})
"""Kinds whose status is not a recorder's business: see `audit_exports`."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What all workers share.

    Attributes:
        api: the API server.
        registry: what there is.
        metrics: counts.
        writer: brings statuses to the API server.
        announcer: writes events.
        log_of: where the rows about a Recorder go.
        attribution: knows who changed what.
        supervisor: keeps workers running.
        cluster: names the cluster in the owner's name.
        home: the namespace in which the operator keeps its own.
        scope: the namespaces governed; empty for all.
        term: the term of leadership at this instant.
        may_write: whether it is valid at this instant.
    """

    api: KubeApi
    registry: Registry
    metrics: Metrics
    writer: StatusWriter
    announcer: Announcer
    log_of: Callable[[ObjectKey], AuditPort]
    attribution: Attribution
    supervisor: Supervisor
    cluster: str
    home: str
    scope: tuple[str, ...]
    term: Callable[[], Term | None]
    may_write: Callable[[], bool]


@dataclass(kw_only=True)
class Fleet:
    """Workers by Recorder, for one term.

    Attributes:
        parts: what all workers share.
        keeping: carries AuditLogs out; None where no audit rows are kept.
        governed: the Recorders there are.
        style: how rows of settings objects are written; None where none are.
    """

    parts: Parts
    keeping: AuditKeeping | None = None
    governed: dict[ObjectKey, Governed] = field(default_factory=dict)
    style: LogStyle | None = None
    _calm: Calm = field(default_factory=lambda: Calm(**GATHERING))
    _begun: bool = False
    _status_pause: float = STATUS_RETRY_SECONDS
    _settled: set[ObjectKey] = field(default_factory=set)
    _turns: Turns = field(default_factory=lambda: Turns(AT_ONCE, PATIENCE_SECONDS))
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Every Recorder there was at the start was reconciled once."""

    async def run(self) -> None:
        """Govern until cancelled; everything has ended when this returns."""
        registry = self.parts.registry
        registry.changed = self._calm.came
        self.parts.metrics.queue.set_function(lambda: sum(one.worker.waiting for one in self.governed.values()))
        sweeping = asyncio.create_task(self._sweep(), name="sweep")
        try:
            await self._refresh(registry.namespaces())
            self._begun = True
            self._look_settled()
            while True:
                await self._calm.wait()
                await self._refresh(sorted(registry.take_dirty()))
        finally:
            registry.changed = lambda: None
            self.parts.metrics.queue.set_function(lambda: 0)
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            await asyncio.gather(*(self._end(key) for key in list(self.governed)))

    async def _refresh(self, namespaces: Sequence[str]) -> None:
        for namespace in namespaces:
            entries = dict(self.parts.registry.entries(namespace))
            readings = [entry.reading for entry in entries.values()]
            recorders = {one.key: Target.of(one) for one in readings if one.key.kind == "Recorder"}
            there = [key for key in self.governed if key.namespace == namespace]
            for key in there:
                if key not in recorders or not self.governed[key].target.same_way(recorders[key]):
                    await self._end(key)
            for key, target in recorders.items():
                own = [one for one in readings if one.key == key or _attached(one, key)]
                self._govern(key, target, own, entries)
            await self._orphans(readings, entries)
            # A namespace of thousands of objects takes a while to look through; the lease is renewed in between.
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # a lease is to be renewed between two namespaces

    def _govern(
        self, key: ObjectKey, target: Target, readings: Sequence[ObjectReading], entries: dict[ObjectKey, Entry]
    ) -> None:
        governed = self.governed.get(key)
        if governed is None:
            governed = self.governed[key] = self._begin(key, target, entries)
        elif list(governed.readings) == list(readings):
            return
        self.parts.metrics.waiting(key)
        governed.offer(readings)

    def _begin(self, key: ObjectKey, target: Target, entries: dict[ObjectKey, Entry]) -> Governed:
        parts = self.parts
        revision, epoch = programmed_before(entries[key])
        ledger = ClusterLedger(
            parts.api,
            parts.home,
            key,
            target.uid,
            owner=f"cluster:{parts.cluster}/{target.uid}",
            term=parts.term,
            known=(revision, epoch),
        )
        port = self._port(key, target)
        reconciler = Reconciler(
            recorder=key,
            port=port,
            ledgers=ledger,
            audit=parts.log_of(key),
            attribution=parts.attribution,
            clock=utc_now,
            show=ledger.show,
            permit=permit(parts.api, key, parts.may_write),
        )

        async def tell(outcome: Outcome) -> None:
            await self._told(key, outcome)

        worker = Worker(
            reconciler,
            Backoff(random.random),
            tell,
            previous=KnownStatuses(parts.registry.entries(key.namespace)),
            remembers=False,
            turn=self._turns.turn,
        )

        async def keep(run: Callable[[], Awaitable[None]]) -> None:
            await parts.supervisor.keep("reconcile", run, failed=lambda: self._looked_at(key))

        written = parts.registry.last_written(key.namespace)
        still = parts.api.seconds_since(written) if written is not None else 0.0
        return Governed(key=key, target=target, port=port, ledger=ledger, worker=worker, keep=keep, still_seconds=still)

    def _port(self, key: ObjectKey, target: Target) -> ClusterRecorder | NowhereRecorder:
        if target.spec is None:
            return NowhereRecorder(*INVALID)
        if target.spec.endpoint is None:
            return NowhereRecorder(*NO_ENDPOINT)
        return ClusterRecorder(self.parts.api, key.namespace, target.spec, self.parts.may_write)

    async def _told(self, key: ObjectKey, outcome: Outcome) -> None:
        """A reconcile is over."""
        parts = self.parts
        parts.metrics.reconciled(key, outcome, outcome.seconds)
        _log(key, outcome)
        statuses = outcome.statuses
        if self.keeping is not None:
            if outcome.in_force is not None:
                self.keeping.want(key, outcome.in_force.audit)
            statuses = {one: self._judged(key, status) for one, status in statuses.items()}
        await self._write(statuses, outcome)
        self._looked_at(key)

    def _judged(self, recorder: ObjectKey, status: ObjectStatus) -> ObjectStatus:
        """With what the collector says, where it has a say."""
        entry = self.parts.registry.get(status.key)
        if status.key.kind != "AuditLog" or entry is None or self.keeping is None:
            return status
        return self.keeping.judged(recorder, status, utc_now(), known_status(status.key, entry))

    def look_again(self, recorder: ObjectKey) -> None:
        """Something about this Recorder is otherwise than before, elsewhere than in the cluster."""
        governed = self.governed.get(recorder)
        if governed is not None:
            governed.worker.wake()

    async def _write(self, statuses: Statuses, outcome: Outcome | None) -> None:
        parts, now = self.parts, utc_now()
        in_force = InForce.of(outcome.in_force if outcome else None)
        wanted: dict[ObjectKey, tuple[str, Json]] = {}
        for key, status in statuses.items():
            entry = parts.registry.get(key)
            if entry is None or key.kind in CARRIED_OUT_ELSEWHERE:
                continue
            before = entry.status_value
            if outcome is not None:
                value = status_value(status, entry, before, in_force=in_force, outcome=outcome, now=now)
            else:
                value = status_to_json(status) | requested(entry)
            parts.announcer.compare(before, status, entry.uid)
            if value != before:
                wanted[key] = entry.uid, value
        unwritten = await parts.writer.write(wanted)
        if not unwritten:
            self._status_pause = STATUS_RETRY_SECONDS
            return
        loop = asyncio.get_running_loop()
        loop.call_later(self._status_pause, self._again, {one.namespace for one in unwritten})
        self._status_pause = min(self._status_pause * 2, STATUS_RETRY_CAP_SECONDS)

    def _again(self, namespaces: set[str]) -> None:
        for governed in self.governed.values():
            if governed.key.namespace in namespaces:
                governed.worker.wake()
        for name in namespaces:
            self.parts.registry.mark(name)

    async def _orphans(self, readings: Sequence[ObjectReading], entries: dict[ObjectKey, Entry]) -> None:
        alone = orphans(readings, previous=KnownStatuses(entries), now=utc_now())
        if alone:
            await self._write(alone, None)

    async def _end(self, key: ObjectKey) -> None:
        governed = self.governed.pop(key)
        if self.style is not None:
            self.style.ended(key, governed)
        await governed.end()
        self.parts.metrics.forget(key)
        if self.keeping is not None:
            self.keeping.forget(key)

    async def _sweep(self) -> None:
        """Now and again remove what Recorders that are gone left behind."""
        parts = self.parts
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                swept = await sweep(parts.api, parts.home, parts.registry, parts.scope)
            except ApiError as error:
                log.warning("not_swept", error=str(error))
            else:
                log.info("swept", ledgers=swept)

    def _looked_at(self, key: ObjectKey) -> None:
        """It had its turn, whatever came of it: no recorder holds up the first pass."""
        self._settled.add(key)
        self._look_settled()

    def _look_settled(self) -> None:
        if self._begun and self._settled >= set(self.governed):
            self.settled.set()


def _attached(reading: ObjectReading, recorder: ObjectKey) -> bool:
    """Whether an object has a say for this Recorder, as `compile` sees it."""
    return reading.key.kind != "Recorder" and reading.recorder in {recorder.name, None}


def _log(key: ObjectKey, outcome: Outcome) -> None:
    if outcome.failure is not None:
        log.warning("not_in_force", recorder=str(key), reason=outcome.failure[0].value, retry=outcome.retry)
    elif outcome.changes or outcome.reverted is not None:
        log.info(
            "in_force",
            recorder=str(key),
            revision=outcome.revision,
            changes=len(outcome.changes),
            seconds=round(outcome.seconds, 3),
        )
