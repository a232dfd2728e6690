"""Leadership by a Lease: at most one replica writes, and the others can prove when one has stopped.

A term is begun by writing the Lease with its resource version as precondition, and kept by renewing it. Time is this
machine's own, of a clock that also counts while the machine sleeps: whether somebody else's term is over is told by the
Lease not changing for its duration, never by comparing clocks. Whoever cannot renew stops before anybody else may
begin.

`leaseTransitions` counts the terms and is the fencing epoch. A term that ends in an orderly way ends all writing first
and empties `holderIdentity`; the next one has nothing to fear from it. Only a term that had to wait for another's end
has: it sets the annotation `callkeeper.dev/fence` to its epoch, and every recorder is told an epoch of at least that
much before the next change (see `ledger_object`), so that an instance that wakes up later is refused there.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from callkeeper.kinds.terms import GROUP
from callkeeper.operator import paths
from callkeeper.operator.api import Json, KubeApi
from callkeeper.operator.errors import ApiConflict, ApiError, ApiNotFound

log = structlog.get_logger()

FENCE_ANNOTATION = f"{GROUP}/fence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long things take, in seconds.

    Attributes:
        duration: a term not renewed for this long is over for everybody else.
        deadline: not renewed for this long, its holder stops; the rest of `duration` is for stopping.
        retry: pause between renewals.
        poll: pause between looks of one who waits.
        request: the longest a request may take, so that two fit into the deadline.
    """

    duration: float = 10.0
    deadline: float = 6.0
    retry: float = 2.0
    poll: float = 1.0
    request: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One time of leadership.

    Attributes:
        epoch: its fencing epoch.
        fence: the epoch every recorder must know at least.
        lease: UID of the Lease that counts the epochs.
    """

    epoch: int
    fence: int
    lease: str


def boot_seconds() -> float:
    """Seconds since the machine started, asleep or not."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """One replica's view of the Lease."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        *,
        times: Times | None = None,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._times = times or Times()
        self._clock = clock
        self._document: Json | None = None
        self._unchanged_since = 0.0
        self._renewed = float("-inf")
        self.term: Term | None = None
        """The term of this replica, or None while another one leads."""

    @property
    def valid(self) -> bool:
        """Whether this replica may write at this instant."""
        return self.term is not None and self._clock() < self._renewed + self._times.deadline

    async def run(self, lead: Callable[[Term], Awaitable[None]]) -> None:
        """Wait for a term, lead, and wait for the next one, until cancelled.

        Args:
            lead: does what a leader does until it is cancelled; everything it began has ended when it returns.
        """
        while True:
            self._document = None
            term = await self._acquire()
            log.info("leading", lease=f"{self._namespace}/{self._name}", epoch=term.epoch, fence=term.fence)
            leading = asyncio.ensure_future(lead(term))
            try:
                await self._keep(leading)
            finally:
                lost = not self.valid
                await _end(leading)
                if not lost:
                    await self._release()
                self.term = None
                log.info("not_leading", lease=f"{self._namespace}/{self._name}", epoch=term.epoch)
            if not leading.cancelled() and (failure := leading.exception()) is not None:
                raise failure

    async def _acquire(self) -> Term:
        while True:
            begun = self._clock()
            try:
                term = await self._try()
            except (ApiError, ValueError, KeyError) as error:
                log.debug("lease_not_read", error=str(error))
                term = None
            if term is not None:
                self.term, self._renewed = term, begun
                return term
            # Scattered, so that two replicas do not come in step.
            await asyncio.sleep(self._times.poll * (0.75 + random.random() / 2))  # noqa: S311 - nobody guesses it

    async def _try(self) -> Term | None:
        """Take the Lease if it is free; None while it is somebody's."""
        try:
            found = await self._api.get(paths.lease(self._namespace, self._name), timeout_seconds=self._times.request)
        except ApiNotFound:
            return await self._create()
        if self._document is None or self._document["metadata"]["resourceVersion"] != _version(found):
            self._document, self._unchanged_since = found, self._clock()
        spec = found.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        duration = max(float(spec.get("leaseDurationSeconds") or 0), self._times.duration)
        if holder and self._clock() < self._unchanged_since + duration:
            return None
        epoch = int(spec.get("leaseTransitions") or 0) + 1
        known = int((found["metadata"].get("annotations") or {}).get(FENCE_ANNOTATION) or 0)
        fence = epoch if holder else known
        return await self._write({**found, "spec": self._spec(epoch, _now())}, epoch, fence)

    async def _create(self) -> Term | None:
        document = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace, "annotations": {FENCE_ANNOTATION: "1"}},
            "spec": self._spec(1, _now()),
        }
        with suppress(ApiConflict):
            self._document = await self._api.create(
                paths.lease(self._namespace), document, timeout_seconds=self._times.request
            )
            return Term(epoch=1, fence=1, lease=self._document["metadata"]["uid"])
        return None

    async def _write(self, document: Json, epoch: int, fence: int) -> Term | None:
        metadata = document["metadata"]
        annotations = {**(metadata.get("annotations") or {}), FENCE_ANNOTATION: str(fence)}
        document = {**document, "metadata": {**metadata, "annotations": annotations}}
        with suppress(ApiConflict):
            self._document = await self._api.replace(
                paths.lease(self._namespace, self._name), document, timeout_seconds=self._times.request
            )
            return Term(epoch=epoch, fence=fence, lease=metadata["uid"])
        return None

    async def _keep(self, leading: "asyncio.Future[None]") -> None:
        """Renew until that does not do any more, or leading ended by itself."""
        while self.valid:
            await asyncio.wait((leading,), timeout=self._pause())
            if leading.done():
                return
            begun = self._clock()
            try:
                if not await self._renew():
                    log.warning("lease_lost", lease=f"{self._namespace}/{self._name}")
                    self._renewed = float("-inf")
                    return
                self._renewed = begun
            except ApiError as error:
                log.warning("lease_not_renewed", error=str(error))

    def _pause(self) -> float:
        """Until the next renewal, and never beyond the deadline."""
        return max(0.0, min(self._times.retry, self._renewed + self._times.deadline - self._clock()))

    async def _renew(self) -> bool:
        """Whether the Lease is still this replica's; raises `ApiError` where that cannot be told."""
        assert self._document is not None
        assert self.term is not None
        left = max(0.1, self._renewed + self._times.deadline - self._clock())
        seconds = min(self._times.request, left)
        spec = {**self._document["spec"], "renewTime": _now()}
        try:
            self._document = await self._api.replace(
                paths.lease(self._namespace, self._name), {**self._document, "spec": spec}, timeout_seconds=seconds
            )
        except ApiConflict:
            # Somebody wrote it: another replica, a person, or this one, whose answer got lost.
            found = await self._api.get(paths.lease(self._namespace, self._name), timeout_seconds=seconds)
            self._document = found
            mine = (found.get("spec") or {}).get("holderIdentity") == self.identity
            return mine and int(found["spec"].get("leaseTransitions") or 0) == self.term.epoch
        except ApiNotFound:
            return False
        return True

    async def _release(self) -> None:
        """Say that this term is over and nothing of it is under way any more."""
        assert self._document is not None
        spec = {**self._document["spec"], "holderIdentity": "", "renewTime": _now()}
        try:
            await self._api.replace(
                paths.lease(self._namespace, self._name),
                {**self._document, "spec": spec},
                timeout_seconds=self._times.request,
            )
        except ApiError as error:
            log.warning("lease_not_released", error=str(error))

    def _spec(self, epoch: int, now: str) -> Json:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._times.duration) or 1,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": epoch,
        }


async def _end(task: "asyncio.Future[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


def _version(document: Json) -> str:
    return str(document["metadata"]["resourceVersion"])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
