"""What the webhook counts. Labels name kinds, operations, verdicts and rules; never an object, a user or a number."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from callkeeper.operator.admission.review import Review, Verdict

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.6, 1.0, 2.0, 5.0)
"""Seconds: an ordinary object takes milliseconds, the largest blacklist a tenth, a recorder that is asked up to one."""


class WebhookMetrics:
    """The webhook's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.reviews = Counter(
            "callkeeper_webhook_reviews",
            "Admission reviews answered: allowed, denied, unreadable.",
            ["kind", "operation", "verdict"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "callkeeper_webhook_review_seconds",
            "How long an admission review took.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self.denials = Counter(
            "callkeeper_webhook_denials", "Refusals by rule.", ["kind", "rule"], registry=self._registry
        )
        self.warnings = Counter("callkeeper_webhook_warnings", "Warnings given.", registry=self._registry)
        self.batches = Counter(
            "callkeeper_webhook_audit_batches",
            "Batches of the API server's audit webhook: taken, unreadable, refused, not_delivered.",
            ["result"],
            registry=self._registry,
        )
        self.notes = Counter("callkeeper_webhook_notes", "Notes made, by source.", ["source"], registry=self._registry)

    def reviewed(self, review: Review, verdict: Verdict, seconds: float) -> None:
        """A review was answered."""
        kind = str((review.document or review.before).get("kind", ""))
        self.reviews.labels(kind, review.operation.value, "allowed" if verdict.allowed else "denied").inc()
        self.seconds.observe(seconds)
        self.warnings.inc(len(verdict.warnings))
        for rule in verdict.rules:
            self.denials.labels(kind, rule).inc()

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Have a value shown that somebody else keeps."""
        Gauge(name, text, registry=self._registry).set_function(value)

    def exposition(self) -> bytes:
        """The text format (version 0.0.4)."""
        return generate_latest(self._registry)


def seconds_since_epoch(instant: datetime | None) -> float:
    """As Prometheus compares instants; 0 where there is none."""
    return instant.timestamp() if instant is not None else 0.0
