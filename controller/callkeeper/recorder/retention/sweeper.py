"""The sweeper: removes what has expired under the rule in force, and finishes what was begun by whomever.

A sweep looks at what may have expired, the earliest first, in batches. Whether a recording goes is decided in the
transaction that makes it unreachable, with the holds and the rule of that moment: `Programming.steady` keeps the rule
from changing meanwhile, and the store's one writer the holds.

Facts:
    - Without a config nothing expires; under `forever` nothing does.
    - While the clock is not believed (`ClockGuard`) nothing new is begun. What was begun before is finished.
    - A sweep waits while half of the outbox is taken, so that an audit store that does not answer never makes expiry
      push people's own actions out.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from time import perf_counter

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.retention import expiry, may_delete
from callkeeper.recorder import bounds
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import RecorderError
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.retention.clock_guard import ClockGuard
from callkeeper.recorder.retention.forgetting import Forgetting
from callkeeper.recorder.retention.holds import any_unreleased, release_unprotected, terms_of_holds
from callkeeper.recorder.retention.promising import Promising, place_of
from callkeeper.recorder.retention.removal import RETENTION, MediaFiles, Removal, Remover, Why, begin
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording, Status
from callkeeper.recorder.store.search import EVERYTHING, Place

log = structlog.get_logger()

SWEEP_SECONDS = 60.0
"""Between two sweeps: the shortest retention is an hour, so nothing stays noticeably longer than it should."""

BATCH = 100
"""Recordings in one transaction: it takes some 20 ms, for which a call's own writing may wait."""

REST_SHARE = 0.5
"""How long a sweep rests after a batch, as a part of what the batch took: the busier the recorder, the longer."""

MOST_FAILED = 1_000
"""Recordings of one sweep whose media could not be removed, before it ends: a disk that fails so often fails for all,
and what was made unreachable for nothing is looked at again by every sweep."""

OUTBOX_SHARE = bounds.OUTBOX_ROWS // 2
"""Audit events that may wait while a sweep goes on."""

FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Halt(StrEnum):
    """Why a sweep ended before it was through.

    Attributes:
        CLOCK: the wall clock is not believed.
        OUTBOX: too many audit events wait.
        FAILED: the store or a medium failed; it goes on at the next sweep.
    """

    CLOCK = "clock"
    OUTBOX = "outbox"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One sweep, running or over.

    Attributes:
        begun: when.
        ended: when; None while it runs.
        looked_at: recordings whose expiry was worked out.
        expired: recordings it removed because their time was over.
        finished: other removals it took to their end: deletions broken off, erasures.
        released: holds it released because the rule protects none.
        failed: recordings whose media could not be removed.
        halted: why it ended early, or None.
    """

    begun: datetime
    ended: datetime | None = None
    looked_at: int = 0
    expired: int = 0
    finished: int = 0
    released: int = 0
    failed: int = 0
    halted: Halt | None = None


class _Halted(Exception):  # noqa: N818 - no error: the sweep goes on another time
    def __init__(self, why: Halt) -> None:
        super().__init__(why)
        self.why = why


class Sweeper:
    """Sweeps, by itself every minute or when asked."""

    def __init__(
        self,
        *,
        store: Store,
        media: MediaFiles,
        programming: Programming,
        guard: ClockGuard,
        clock: Clock,
        on_sweep: Callable[[Sweep], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._remover = Remover(store, media)
        self._forgetting = Forgetting(store)
        self._promising = Promising(store, programming, clock)
        self._programming = programming
        self._guard = guard
        self._clock = clock
        self._on_sweep = on_sweep
        self._one_at_a_time = asyncio.Lock()
        self._again = asyncio.Event()
        self._sweep: Sweep | None = None

    @property
    def sweep(self) -> Sweep | None:
        """The sweep that runs or ran last; None before the first."""
        return self._sweep

    async def run(self) -> None:
        """Sweep until cancelled; a sweep that fails is told and tried again."""
        while True:
            await self.once()
            self._again.clear()
            try:
                await asyncio.wait_for(self._again.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    def soon(self) -> None:
        """Have the next sweep now: something changed that it may act upon."""
        self._again.set()

    async def once(self) -> Sweep:
        """Sweep once; faults end it early and are told."""
        async with self._one_at_a_time:
            self._sweep = Sweep(begun=self._clock.now())
            halted = None
            try:
                await self._through()
            except _Halted as found:
                halted = found.why
            except RecorderError as error:
                halted = Halt.FAILED
                log.error("sweep_failed", problem=error.problem, detail=error.detail)  # noqa: TRY400 - no trace: it may hold data
            ended = replace(self._sweep, ended=self._clock.now(), halted=halted)
            self._sweep = ended
            self._on_sweep(ended)
            if halted or ended.expired or ended.finished or ended.released or ended.failed:
                log.info(
                    "swept",
                    looked_at=ended.looked_at,
                    expired=ended.expired,
                    finished=ended.finished,
                    released=ended.released,
                    failed=ended.failed,
                    halted=halted,
                )
            return ended

    async def _through(self) -> None:
        failed: set[int] = set()
        await self._finish_begun(failed)
        if not await self._guard.look():
            raise _Halted(Halt.CLOCK)
        await self._forgetting.once(self._clock.now())
        rule = Rule.of(self._programming.stored)
        if rule.section is None:
            return
        await self._release_unprotected()
        await self._erase(failed)
        await self._promising.once(rule)
        await self._expire(failed)
        if failed:
            self._count(failed=len(failed))
            raise _Halted(Halt.FAILED)

    async def _finish_begun(self, failed: set[int]) -> None:
        while True:
            # Those that failed stay in front: look behind them.
            begun = await self._store.read(lambda rows: rows.unreachable(len(failed) + BATCH))
            begun = [recording for recording in begun if recording.key not in failed]
            if not begun:
                return
            await self._finish(begun, failed)

    async def _finish(self, begun: Sequence[KeptRecording], failed: set[int]) -> None:
        finished = await self._remover.finish(begun)
        expired = finished.removed.pop(Why.EXPIRED, 0)
        self._count(expired=expired, finished=sum(finished.removed.values()))
        # What has no note to be explained by stays, and is not looked at for ever.
        done = expired + sum(finished.removed.values())
        failed.update(finished.failed if done or finished.failed else [recording.key for recording in begun])
        if len(failed) > MOST_FAILED:
            self._count(failed=len(failed))
            raise _Halted(Halt.FAILED)

    async def _release_unprotected(self) -> None:
        """A confirmed change that was broken off after it came into force: its holds are released now."""
        async with self._programming.steady() as stored:
            rule, now = Rule.of(stored), self._clock.now()
            if rule.terms.holds_allowed or not await self._store.read(any_unreleased):
                return
            event = self._event_of_release(rule, now)
            released = await self._store.write(lambda rows: release_unprotected(rows, event, by=RETENTION, at=now))
        self._count(released=released)

    def _event_of_release(self, rule: Rule, now: datetime) -> Callable[[str, str], Event]:
        return lambda conversation, hold: self._event(
            Action.RELEASE_HOLD,
            now,
            {
                "conversation": conversation,
                "hold": hold,
                "reason": "ExtraRetentionDisabled",
                "revision": rule.revision,
            },
        )

    async def _erase(self, failed: set[int]) -> None:
        """Carry out requests to erase whose recordings nothing protects any more."""
        requests = await self._store.read(lambda rows: rows.open_erasures())
        for begun in range(0, len(requests), BATCH):
            some = requests[begun : begun + BATCH]
            async with self._programming.steady() as stored:
                rule, now = Rule.of(stored), self._clock.now()
                removal = Removal.by_itself(Why.ERASED, rule, at=now, app_name=self._programming.application_name)
                names = [request.recording for request in some]
                gone = await self._store.write(partial(_begin_erasing, names=names, rule=rule, removal=removal))
            await self._finish(gone, failed)

    async def _expire(self, failed: set[int]) -> None:
        after: Place | None = None
        while True:
            begun = perf_counter()
            await self._ensure_room()
            async with self._programming.steady() as stored:
                rule, now = Rule.of(stored), self._clock.now()
                if rule.section is None or rule.terms.retention is None:
                    return
                before = _shifted(now, rule.terms.retention)
                window = _Window(before=before, after=after, rule=rule, now=now)
                page, expired = await self._store.read(window.look)
                if expired:
                    app = self._programming.application_name
                    removal = Removal.by_itself(Why.EXPIRED, rule, at=now, app_name=app)
                    expired = await self._store.write(partial(window.begin, removal=removal, found=expired))
            self._count(looked_at=len(page))
            if expired:
                await self._finish(expired, failed)
            if len(page) < BATCH:
                return
            after = place_of(page[-1])
            await asyncio.sleep((perf_counter() - begun) * REST_SHARE)

    async def _ensure_room(self) -> None:
        size = await self._store.read(lambda rows: rows.outbox_size())
        if size.rows >= OUTBOX_SHARE:
            raise _Halted(Halt.OUTBOX)

    def _event(self, action: Action, at: datetime, details: Mapping[str, str]) -> Event:
        return Event(
            at=at,
            email=RETENTION,
            ip_address="",
            app_name=self._programming.application_name,
            action=action,
            details=dict(details),
        )

    def _count(self, **more: int) -> None:
        assert self._sweep is not None
        self._sweep = replace(self._sweep, **{name: getattr(self._sweep, name) + count for name, count in more.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """A batch of what may have expired: looked at on a snapshot first, decided in the transaction that begins."""

    before: datetime
    after: Place | None
    rule: Rule
    now: datetime

    def look(self, rows: Reading) -> tuple[list[KeptRecording], list[KeptRecording]]:
        page = rows.ended_before(self.before, self.after, BATCH)
        return page, list(self._expired(rows, page))

    def begin(self, rows: Writing, removal: Removal, found: Sequence[KeptRecording]) -> list[KeptRecording]:
        """Begin with those of the snapshot that still have to go: a hold, or media, may have come meanwhile."""
        fresh = [one if one.status is Status.COMPLETE else rows.recording(one.id, EVERYTHING) for one in found]
        expired = list(self._expired(rows, [one for one in fresh if one is not None]))
        begin(rows, expired, removal)
        return expired

    def _expired(self, rows: Reading, page: Sequence[KeptRecording]) -> Iterable[KeptRecording]:
        holds = rows.holds_of(recording.conversation for recording in page)
        for recording in page:
            found = expiry(
                ended_at=recording.clock,
                rule=self.rule.terms,
                now=self.now,
                holds=terms_of_holds(holds.get(recording.conversation, ())),
                minimum_until=recording.minimum_until,
            )
            if found.passed(self.now) and recording.status not in {Status.UNREACHABLE, Status.OPEN}:
                yield recording


def _begin_erasing(rows: Writing, names: Sequence[str], rule: Rule, removal: Removal) -> list[KeptRecording]:
    gone = []
    for name in names:
        recording = rows.recording(name, EVERYTHING)
        if recording is None:
            continue
        holds = rows.holds_of((recording.conversation,)).get(recording.conversation, ())
        verdict = may_delete(
            ended_at=recording.clock,
            rule=rule.terms,
            now=removal.at,
            holds=terms_of_holds(holds),
            minimum_until=recording.minimum_until,
        )
        if verdict.allowed:
            gone.append(recording)
    begin(rows, gone, removal)
    return gone


def _shifted(now: datetime, retention: timedelta) -> datetime:
    """Just after the latest end whose base retention is over; `ended_before` is exclusive."""
    try:
        return now - retention + timedelta(microseconds=1)
    except OverflowError:
        return FIRST
