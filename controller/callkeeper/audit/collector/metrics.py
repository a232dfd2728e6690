"""What the collector counts, in a registry of its own. Labels hold logs and results, never a sender or a person."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.space import DiskState

DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
"""Seconds: around a batch's sync (milliseconds), and up to a large export's count."""


class Metrics:
    """The collector's metrics."""

    def __init__(self, logs: Logs, shown: Iterable[Collector] = ()) -> None:
        self._logs = logs
        self._registry = CollectorRegistry()
        for one in shown:
            self._registry.register(one)
        self.rows = Counter(
            "callkeeper_audit_rows", "Rows taken from senders and put on disk.", ["log"], registry=self._registry
        )
        self.repeats = Counter(
            "callkeeper_audit_repeats",
            "Events that came again: same as stored, or differing from it (the first counts).",
            ["log", "result"],
            registry=self._registry,
        )
        self.refused = Counter(
            "callkeeper_audit_refused",
            "Requests answered with a problem, by its type.",
            ["problem"],
            registry=self._registry,
        )
        self.exported = Counter(
            "callkeeper_audit_exported_bytes", "Bytes of exports that were sent.", ["log"], registry=self._registry
        )
        self.in_flight = Gauge(
            "callkeeper_audit_bytes_in_flight", "Bytes of batches that are being taken.", registry=self._registry
        )
        self.requests = Histogram(
            "callkeeper_audit_request_duration_seconds",
            "Time from the request's head to its answer's head, by route.",
            ["method", "route", "status"],
            buckets=DURATION_BUCKETS,
            registry=self._registry,
        )
        self._disk = Gauge(
            "callkeeper_audit_disk_state",
            "1 for the state a log's disk is in: ok, low, or full, when rows are refused.",
            ["log", "state"],
            registry=self._registry,
        )
        self._failed = Gauge(
            "callkeeper_audit_log_failed", "1 while a log takes no rows.", ["log"], registry=self._registry
        )

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        for log in self._logs.open_logs():
            self._failed.labels(str(log.name)).set(0 if log.failure is None else 1)
            for state in DiskState:
                self._disk.labels(str(log.name), state.value).set(log.disk_state is state)
        return generate_latest(self._registry)
