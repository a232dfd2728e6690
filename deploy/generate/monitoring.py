"""What the Prometheus operator is told: where metrics are, and what somebody should be woken for."""

from collections.abc import Iterator
from typing import Any

from deploy.generate import choices


def monitoring() -> Iterator[tuple[str, choices.Part | None, dict[str, Any]]]:
    """ServiceMonitors and rules, with the part each belongs to."""
    yield from ()
