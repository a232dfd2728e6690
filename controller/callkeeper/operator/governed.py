"""One Recorder under this replica's government: its worker, its ledger, its way to the running recorder.

Made when the Recorder appears or says something else about where it runs, ended when it goes. How the parts are put
together is here; which Recorders there are is `fleet`'s.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder, RecorderSpec
from callkeeper.kinds.terms import DriftPolicy
from callkeeper.operator.ledger_object import ClusterLedger
from callkeeper.operator.recorder_port import ClusterRecorder, NowhereRecorder
from callkeeper.reconcile.reasons import Reason
from callkeeper.reconcile.worker import Worker

log = structlog.get_logger()

QUIET_SECONDS = 3.0
"""Before the first config of a recorder its objects must have been still for so long: a push arrives in pieces. What
the API server says of when they were written counts, so that a grown cluster is not waited for."""

PATIENCE_SECONDS = 15.0
"""And no longer than this, however much goes on."""

LOAD_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What of a Recorder decides where and as whom it is programmed; another target is another worker.

    Attributes:
        uid: of the Recorder.
        spec: its fields about the way there; None where the object is not valid.
    """

    uid: str
    spec: RecorderSpec | None

    @classmethod
    def of(cls, reading: ObjectReading) -> "Target":
        """The target of a Recorder; what else it says does not matter here."""
        if not isinstance(reading.resource, Recorder):
            return cls(uid=reading.uid, spec=None)
        rest: dict[str, object] = {"drift_policy": DriftPolicy.CORRECT, "suspend": False, "guardrails": None}
        return cls(uid=reading.uid, spec=reading.resource.spec.model_copy(update=rest))

    def same_way(self, other: "Target") -> bool:
        """Whether a worker for the one does for the other.

        A Recorder that is not valid as it is now stays where it was: `compile` sees to it that nothing is programmed.
        """
        return self.uid == other.uid and (other.spec is None or self.spec == other.spec)


@dataclass(kw_only=True)
class Governed:
    """A worker and what it needs.

    Attributes:
        key: the Recorder.
        target: where it runs.
        port: the way there.
        ledger: what was programmed.
        worker: keeps it reconciled.
        keep: runs its task, whatever happens.
        still_seconds: for how long its objects had not changed when it was made, as far as the API server tells.
        told: when it was told of a change last, monotonic seconds.
        readings: what it was told last.
        begun: since when it is governed, monotonic seconds.
    """

    key: ObjectKey
    target: Target
    port: ClusterRecorder | NowhereRecorder
    ledger: ClusterLedger
    worker: Worker
    keep: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
    still_seconds: float = 0.0
    told: float = field(default_factory=time.monotonic)
    readings: Sequence[ObjectReading] = ()
    begun: float = field(default_factory=time.monotonic)
    _task: asyncio.Task[None] | None = None

    def offer(self, readings: Sequence[ObjectReading]) -> None:
        """Its objects as they are now."""
        self.told, self.readings = time.monotonic(), readings
        if self._task is None:
            self.told -= self.still_seconds
            self._task = asyncio.create_task(self._kept(), name=f"reconcile {self.key}")
        self.worker.offer(readings)

    async def end(self) -> None:
        """End the worker; nothing of it is under way when this returns."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.port.close()

    async def _kept(self) -> None:
        await self.keep(self._run)

    async def _run(self) -> None:
        if await self._is_first():
            await self._quiet()
        self.worker.wake()  # begun anew, it has to look at what it was told already
        await self.worker.run()

    async def _is_first(self) -> bool:
        """Whether nothing was programmed before."""
        while True:
            try:
                return (await self.ledger.load()).revision is None
            except OSError as error:
                log.warning("ledger_not_read", recorder=str(self.key), error=str(error))
                await asyncio.sleep(LOAD_RETRY_SECONDS)

    async def _quiet(self) -> None:
        """Wait until its objects are still."""
        begun = time.monotonic()
        while (left := min(self.told + QUIET_SECONDS, begun + PATIENCE_SECONDS) - time.monotonic()) > 0:  # noqa: ASYNC110 - it moves
            await asyncio.sleep(left)


def utc_now() -> datetime:
    """The instant, to the second: what the API server keeps of it."""
    return datetime.now(UTC).replace(microsecond=0)


NO_ENDPOINT = (
    Reason.ENDPOINT_MISSING,
    "the Recorder names no endpoint, and a cluster has no embedded recorder; give spec.endpoint",
)
INVALID = (
    Reason.RECORDER_INVALID,
    "the Recorder object is not valid; see its Accepted condition or `callkeeper validate`",
)
