"""What the operator counts. Labels name objects, results and reasons; never a number, a user or a token."""

import asyncio
import threading
import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from callkeeper.kinds.finding import ObjectKey
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.plan import short

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: a reconcile that changes nothing takes milliseconds, one of a huge blacklist seconds."""


class Metrics:
    """The operator's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._unprogrammed: dict[ObjectKey, float] = {}
        self.reconciles = Counter(
            "callkeeper_operator_reconciles",
            "Reconciles that ended: changed, unchanged, failed (tried again), stalled (somebody has to act).",
            ["namespace", "recorder", "result"],
            registry=self._registry,
        )
        self.durations = Histogram(
            "callkeeper_operator_reconcile_seconds",
            "How long a reconcile took, by result.",
            ["result"],
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )
        self.synced = Gauge(
            "callkeeper_operator_recorder_synced",
            "1 while the recorder runs what its settings objects say.",
            ["namespace", "recorder"],
            registry=self._registry,
        )
        self.revision = Gauge(
            "callkeeper_operator_recorder_revision",
            "Always 1; the labels say which revision is wanted and which the recorder was last seen to run.",
            ["namespace", "recorder", "desired", "programmed"],
            registry=self._registry,
        )
        self.oldest = Gauge(
            "callkeeper_operator_oldest_unprogrammed_seconds",
            "Age of the oldest change that is not in force, in seconds; 0 where there is none.",
            registry=self._registry,
        )
        self.oldest.set_function(self._oldest)
        self.queue = Gauge(
            "callkeeper_operator_queue_depth",
            "Recorders with changes that no reconcile has taken yet.",
            registry=self._registry,
        )
        self.leader = Gauge("callkeeper_operator_leader", "1 while this replica leads.", registry=self._registry)
        self.epoch = Gauge(
            "callkeeper_operator_epoch", "Fencing epoch of this replica's last term.", registry=self._registry
        )
        self.objects = Gauge("callkeeper_operator_objects", "Objects of our kinds known.", registry=self._registry)
        self.patches = Counter(
            "callkeeper_operator_status_patches", "Status patches sent, by result.", ["result"], registry=self._registry
        )
        self.events = Counter(
            "callkeeper_operator_watch_events", "Events of watches taken in.", registry=self._registry
        )
        self.relists = Counter(
            "callkeeper_operator_listings", "Complete listings, by result.", ["result"], registry=self._registry
        )
        self._task_failures = Counter(
            "callkeeper_operator_task_failures",
            "Errors nobody foresaw that ended a task, which was begun anew.",
            ["task"],
            registry=self._registry,
        )
        tasks = Gauge(
            "callkeeper_operator_tasks", "Tasks of the event loop: a leak shows here first.", registry=self._registry
        )
        tasks.set_function(_tasks)
        threads = Gauge("callkeeper_operator_threads", "Threads of the process.", registry=self._registry)
        threads.set_function(threading.active_count)
        ProcessCollector(registry=self._registry)
        self._revisions: dict[ObjectKey, tuple[str, str]] = {}

    def waiting(self, recorder: ObjectKey) -> None:
        """Something changed for this recorder and is not in force yet."""
        self._unprogrammed.setdefault(recorder, time.monotonic())

    def reconciled(self, recorder: ObjectKey, outcome: Outcome, seconds: float) -> None:
        """A reconcile ended."""
        result = "failed" if outcome.retry else "stalled" if outcome.failure else "changed"
        if result == "changed" and not outcome.changes and outcome.reverted is None:
            result = "unchanged"
        labels = recorder.namespace, recorder.name
        self.reconciles.labels(*labels, result).inc()
        self.durations.labels(result).observe(seconds)
        self.synced.labels(*labels).set(0 if outcome.failure else 1)
        if outcome.failure is None:
            self._unprogrammed.pop(recorder, None)
        running = outcome.state.revision if outcome.state else None
        self._set_revision(recorder, (short(outcome.wanted), short(running)))

    def forget(self, recorder: ObjectKey) -> None:
        """The recorder is not governed any more."""
        labels = {"namespace": recorder.namespace, "recorder": recorder.name}
        self._unprogrammed.pop(recorder, None)
        self._set_revision(recorder, None)
        _drop(self.synced, labels)
        for result in ("changed", "unchanged", "failed", "stalled"):
            _drop(self.reconciles, {**labels, "result": result})

    def task_failed(self, task: str) -> None:
        """An error that nobody foresaw ended a task."""
        self._task_failures.labels(task).inc()

    def exposition(self) -> bytes:
        """The text format (version 0.0.4)."""
        return generate_latest(self._registry)

    @property
    def registry(self) -> CollectorRegistry:
        """Where other parts of the operator put theirs."""
        return self._registry

    def _set_revision(self, recorder: ObjectKey, pair: tuple[str, str] | None) -> None:
        before = self._revisions.get(recorder)
        if before == pair:
            return
        if before is not None:
            self.revision.remove(recorder.namespace, recorder.name, *before)
            del self._revisions[recorder]
        if pair is not None:
            self._revisions[recorder] = pair
            self.revision.labels(recorder.namespace, recorder.name, *pair).set(1)

    def _oldest(self) -> float:
        return time.monotonic() - min(self._unprogrammed.values()) if self._unprogrammed else 0.0


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0  # asked from outside a loop


def _drop(metric: Counter | Gauge, labels: Mapping[str, str]) -> None:
    try:
        metric.remove(*labels.values())
    except KeyError:
        return
