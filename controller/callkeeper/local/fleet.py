"""The recorders of a folder, each with a worker that keeps it reconciled.

Usually there is one, the embedded one. A Recorder with an endpoint is reconciled where it is; one that leaves the
folder is left as it runs.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.local.ledger_file import FileLedger
from callkeeper.local.tokens import read_token
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.backoff import Backoff
from callkeeper.reconcile.bookkeeping import AuditPort
from callkeeper.reconcile.changes import ShowPattern
from callkeeper.reconcile.errors import Refused
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.reconciler import Reconciler
from callkeeper.reconcile.status import ObjectStatus, Statuses, orphans
from callkeeper.reconcile.worker import Worker

UNSUPPORTED = {
    "AuditExport": "in a folder exports are made with `callkeeper audit export`; the operator carries this kind out"
}

Told = Callable[[ObjectKey, Outcome], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a Recorder runs.

    Attributes:
        endpoint: its URL; None for the embedded one.
        credentials: the file its token is in, inside the settings folder; None for none.
    """

    endpoint: str | None = None
    credentials: str | None = None


@dataclass(slots=True)
class _Governed:
    target: Target
    port: HttpRecorder
    worker: Worker
    task: asyncio.Task[None]


@dataclass(kw_only=True)
class Fleet:
    """Workers by Recorder.

    Attributes:
        folder: the settings folder.
        state: the state folder.
        owner: who this is to a recorder that was never programmed from here.
        audit: takes the rows.
        attribution: knows who changed what.
        show: masks a pattern.
        told: called after every reconcile.
        embedded: address and token of the embedded recorder; None while it does not run.
        take_over: whether recorders may be taken from other owners.
        previous: statuses of an earlier run.
    """

    folder: Path
    state: Path
    owner: str
    audit: AuditPort
    attribution: Attribution
    show: ShowPattern
    told: Told
    embedded: tuple[str, str] | None = None
    take_over: bool = False
    previous: Statuses = field(default_factory=dict)
    _governed: dict[ObjectKey, _Governed] = field(default_factory=dict)
    _orphans: dict[ObjectKey, ObjectStatus] = field(default_factory=dict)

    @property
    def recorders(self) -> tuple[ObjectKey, ...]:
        """Those that are governed."""
        return tuple(sorted(self._governed))

    @property
    def statuses(self) -> Statuses:
        """The statuses of every object."""
        made = dict(self._orphans)
        for governed in self._governed.values():
            made.update(governed.worker.statuses)
        return made

    async def offer(self, readings: Sequence[ObjectReading]) -> None:
        """Take in what the folder holds now."""
        self._orphans = orphans(readings, previous={**self.previous, **self._orphans}, now=_utc_now())
        wanted = self._targets(readings)
        for key in [key for key, governed in self._governed.items() if wanted.get(key) != governed.target]:
            await self._end(key)
        for key, target in wanted.items():
            if key not in self._governed:
                self._begin(key, target)
            self._governed[key].worker.offer(readings)

    async def stop(self) -> None:
        """End every worker."""
        for key in list(self._governed):
            await self._end(key)

    def failed(self) -> BaseException | None:
        """What ended a worker that should not have ended, or None."""
        for governed in self._governed.values():
            if governed.task.done() and not governed.task.cancelled():
                return governed.task.exception()
        return None

    def _targets(self, readings: Sequence[ObjectReading]) -> dict[ObjectKey, Target]:
        wanted: dict[ObjectKey, Target] = {}
        for reading in sorted(readings, key=lambda one: one.key):
            if reading.key.kind != "Recorder":
                continue
            governed = self._governed.get(reading.key)
            if isinstance(reading.resource, Recorder):
                spec = reading.resource.spec
                target = Target(endpoint=spec.endpoint, credentials=spec.credentials_file)
            else:
                # Not valid as it is now: where it ran it goes on, and `compile` sees to it that nothing is programmed.
                target = governed.target if governed else Target()
            if target.endpoint is None and any(other.endpoint is None for other in wanted.values()):
                continue  # a folder has one embedded Recorder at most; `cross_check` says so
            wanted[reading.key] = target
        return wanted

    def _begin(self, key: ObjectKey, target: Target) -> None:
        port = self._port(target)
        reconciler = Reconciler(
            recorder=key,
            port=port,
            ledgers=FileLedger(self.state / "reconcile" / f"{ledger_name(target)}.json", self.owner),
            audit=self.audit,
            attribution=self.attribution,
            clock=_utc_now,
            show=self.show,
            take_over=self.take_over,
            unsupported=UNSUPPORTED,
        )

        async def tell(outcome: Outcome) -> None:
            await self.told(key, outcome)

        worker = Worker(reconciler, Backoff(random.random), tell, previous=self.previous)
        task = asyncio.create_task(worker.run(), name=f"reconcile {key}")
        self._governed[key] = _Governed(target=target, port=port, worker=worker, task=task)

    def _port(self, target: Target) -> HttpRecorder:
        if target.endpoint is None:
            assert self.embedded is not None
            url, token = self.embedded
            return HttpRecorder(url, lambda: token)
        return HttpRecorder(target.endpoint, lambda: self._credentials(target.credentials))

    def _credentials(self, name: str | None) -> str | None:
        if name is None:
            return None
        path = self.folder / name
        try:
            token = read_token(path)
        except (OSError, ValueError) as error:
            raise Refused(f"{path} cannot be read ({error}); put the recorder's token there") from error
        if token is None:
            raise Refused(f"there is no token in {path}; put the recorder's token there")
        return token

    async def _end(self, key: ObjectKey) -> None:
        governed = self._governed.pop(key)
        governed.task.cancel()
        with suppress(asyncio.CancelledError):
            await governed.task
        await governed.port.close()


def ledger_name(target: Target) -> str:
    """The ledger goes with the recorder that runs, not with the name of its object."""
    return "embedded" if target.endpoint is None else sha256(target.endpoint.encode()).hexdigest()[:16]


def needs_embedded(readings: Sequence[ObjectReading]) -> bool:
    """Whether a Recorder without endpoint is there; also where none is there yet, or none can be read."""
    recorders = [one for one in readings if one.key.kind == "Recorder"]
    return not recorders or any(
        not isinstance(one.resource, Recorder) or one.resource.spec.endpoint is None for one in recorders
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
