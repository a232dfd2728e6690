"""What the recorder counts, in a registry of its own. No label ever holds a user, a number or an id of a call."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from callkeeper.recorder.clock import Clock
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.segment import Segment

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
        self.requests = Histogram(
            "callkeeper_request_duration_seconds",
            "Time from the request's head to its answer, by route.",
            ["method", "route", "status"],
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )

    def watch(self, *, programming: Programming, clock: Clock, open_segments: Callable[[], int]) -> None:
        """Show the state of these parts as well."""
        self._registry.register(_State(programming, clock, open_segments))

    def decided(self, segment: Segment) -> None:
        """Count the decisions of a segment that was just decided; one without a recorded user counts as one."""
        found = segment.decision.decisions
        if not found:
            self.decisions.labels(segment.decision.outcome.value, segment.decision.reason.value).inc()
        for decision in found:
            self.decisions.labels(decision.outcome.value, decision.reason.value).inc()

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)


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
