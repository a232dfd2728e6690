"""What the recorder counts, in a registry of its own. No label ever holds a user, a number or an id of a call."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.retention.clock_guard import ClockGuard
from callkeeper.recorder.retention.sweeper import Sweep, Sweeper
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.outbox import OutboxSize

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Seconds: around the bar of a call start (10 ms), and up to a large config's put."""


class Metrics:
    """The recorder's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.decisions = Counter(
            "callkeeper_decisions",
            "Decisions taken, one per recorded user of a segment at its start and at each change.",
            ["outcome", "reason"],
            registry=self._registry,
        )
        self.config_puts = Counter(
            "callkeeper_config_puts",
            "Configs offered: changed, unchanged, or the problem they were refused with.",
            ["result"],
            registry=self._registry,
        )
        self.uploads = Counter(
            "callkeeper_uploads",
            "Uploads of media that ended: complete, interrupted, failed (nothing came), gone (removed meanwhile).",
            ["result"],
            registry=self._registry,
        )
        self.media_lost = Counter(
            "callkeeper_media_lost",
            "Media that was asked for and is not on its disk as it was stored.",
            registry=self._registry,
        )
        self.open_uploads = Gauge("callkeeper_open_uploads", "Uploads of media that are open.", registry=self._registry)
        self.buffered_calls = Gauge(
            "callkeeper_buffered_calls", "Calls kept from their start until somebody starts.", registry=self._registry
        )
        self.users_unusable = Gauge(
            "callkeeper_users_unusable",
            "1 while the file that gives the users cannot be used; those before are in force.",
            registry=self._registry,
        )
        self.media_bytes = Counter(
            "callkeeper_media_bytes", "Bytes of media stored, of uploads that ended.", registry=self._registry
        )
        self.removed = Counter(
            "callkeeper_recordings_removed",
            "Recordings that sweeps removed: expired, or finished (deletions and erasures taken to their end).",
            ["how"],
            registry=self._registry,
        )
        self._task_failures = Counter(
            "callkeeper_task_failures",
            "Errors that nobody foresaw, by the task they ended; it was begun anew.",
            ["task"],
            registry=self._registry,
        )
        self.sweeps = Counter(
            "callkeeper_sweeps",
            "Sweeps that ended: through, or halted by the clock, a full outbox or a failure.",
            ["result"],
            registry=self._registry,
        )
        self.requests = Histogram(
            "callkeeper_request_duration_seconds",
            "Time from the request's head to its answer, by route.",
            ["method", "route", "status"],
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )
        # Looking a series up by its labels costs more than counting in it.
        self._request_series: dict[tuple[str, str, int], Histogram] = {}
        self._series_of_decisions: dict[tuple[str, str], Counter] = {}

    def watch(
        self, *, programming: Programming, clock: Clock, keeper: SegmentKeeper, open_segments: Callable[[], int]
    ) -> None:
        """Show the state of these parts as well."""
        self._registry.register(_State(programming, clock, open_segments))
        self._registry.register(_Writing(keeper))

    def watch_sweeps(self, sweeper: Sweeper, guard: ClockGuard) -> None:
        """Show how retention stands as well."""
        self._registry.register(_Sweeping(sweeper, guard))

    def add(self, collector: Collector) -> None:
        """Show what somebody else counts as well."""
        self._registry.register(collector)

    def swept(self, sweep: Sweep) -> None:
        """Count a sweep that ended, and what it removed."""
        self.sweeps.labels("through" if sweep.halted is None else sweep.halted.value).inc()
        self.removed.labels("expired").inc(sweep.expired)
        self.removed.labels("finished").inc(sweep.finished)

    def task_failed(self, task: str) -> None:
        """Count an error that ended a task."""
        self._task_failures.labels(task).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note how long a request took."""
        key = method, route, status
        series = self._request_series.get(key)
        if series is None:
            series = self._request_series[key] = self.requests.labels(*key)
        series.observe(seconds)

    def upload_ended(self, result: str, size: int) -> None:
        """Count an upload that ended, and its bytes."""
        self.uploads.labels(result).inc()
        self.media_bytes.inc(size)

    def text_with(self, outbox: OutboxSize, ledger: Mapping[LedgerState, int], now: datetime) -> bytes:
        """Everything in the Prometheus text format, what the store was asked for included.

        Args:
            outbox: what waits in it.
            ledger: how the segments of the last 24 hours stand.
            now: the present instant.
        """
        asked = CollectorRegistry()
        asked.register(_Stored(outbox, ledger, now))
        return self.text() + generate_latest(asked)

    def decided(self, segment: Segment) -> None:
        """Count the decisions of a segment that was just decided; one without a recorded user counts as one."""
        found = segment.decision.decisions
        if not found:
            self._decision_series(segment.decision.outcome, segment.decision.reason).inc()
        for decision in found:
            self._decision_series(decision.outcome, decision.reason).inc()

    def _decision_series(self, outcome: str, reason: str) -> Counter:
        series = self._series_of_decisions.get((outcome, reason))
        if series is None:
            series = self._series_of_decisions[outcome, reason] = self.decisions.labels(outcome, reason)
        return series

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)


class _Sweeping:
    """How the sweeper and the clock's guard stand."""

    def __init__(self, sweeper: Sweeper, guard: ClockGuard) -> None:
        self._sweeper = sweeper
        self._guard = guard

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "callkeeper_retention_clock_stopped",
            "1 while the clock is not believed and nothing expires; it takes an administrator's word.",
            value=float(self._guard.stopped),
        )
        sweep = self._sweeper.sweep
        if sweep is None:
            return
        yield GaugeMetricFamily("callkeeper_sweep_running", "1 while a sweep runs.", value=float(sweep.ended is None))
        names = ("looked_at", "expired", "finished", "released", "failed")
        summary = GaugeMetricFamily(
            "callkeeper_sweep_recordings", "What the sweep that runs or ran last has come to.", labels=["what"]
        )
        for name in names:
            summary.add_metric([name], float(getattr(sweep, name)))
        yield summary
        if sweep.ended is not None:
            yield GaugeMetricFamily(
                "callkeeper_sweep_seconds",
                "How long the last sweep took.",
                value=max(0.0, (sweep.ended - sweep.begun).total_seconds()),
            )

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance, as for `_State`."""
        return iter(())


class _State:
    """What is read when asked instead of counted."""

    def __init__(self, programming: Programming, clock: Clock, open_segments: Callable[[], int]) -> None:
        self._programming = programming
        self._clock = clock
        self._open_segments = open_segments

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "callkeeper_open_segments", "Segments that are open.", value=float(self._open_segments())
        )
        info = GaugeMetricFamily("callkeeper_config_info", "The config in force.", labels=["revision", "owner"])
        age = GaugeMetricFamily("callkeeper_config_age_seconds", "Seconds since the config in force was programmed.")
        stored = self._programming.stored
        if stored is not None:
            info.add_metric([stored.pointer.revision, stored.pointer.owner], 1.0)
            age.add_metric([], (self._clock.now() - stored.pointer.programmed_at).total_seconds())
        yield info
        yield age

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: asking would read the state before it is there."""
        return iter(())


class _Writing:
    """How writing segments behind the calls is going."""

    def __init__(self, keeper: SegmentKeeper) -> None:
        self._keeper = keeper

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "callkeeper_unwritten_segments",
            "Segments that wait to be written to the store.",
            value=float(self._keeper.backlog),
        )
        yield CounterMetricFamily(
            "callkeeper_segment_write_failures", "Commits of segments that failed.", value=float(self._keeper.failures)
        )
        yield CounterMetricFamily(
            "callkeeper_segments_lost",
            "Segments whose last state was never written: the store was away for too long, or refuses them.",
            value=float(self._keeper.lost),
        )

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance, as above."""
        return iter(())


class _Stored:
    """What the store says."""

    def __init__(self, outbox: OutboxSize, ledger: Mapping[LedgerState, int], now: datetime) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._now = now

    def collect(self) -> Iterator[Metric]:
        age = 0.0 if self._outbox.oldest is None else max(0.0, (self._now - self._outbox.oldest).total_seconds())
        yield GaugeMetricFamily(
            "callkeeper_outbox_rows", "Audit events that wait to be delivered.", value=float(self._outbox.rows)
        )
        yield GaugeMetricFamily(
            "callkeeper_outbox_oldest_seconds", "How long the first of them has been waiting.", value=age
        )
        ledger = GaugeMetricFamily(
            "callkeeper_ledger_segments",
            "Segments started in the last 24 hours, by how they stand: expected, recorded, skipped, failed.",
            labels=["state"],
        )
        for state, count in self._ledger.items():
            ledger.add_metric([state.value], float(count))
        yield ledger

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance, as above."""
        return iter(())
