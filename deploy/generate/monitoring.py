"""What the Prometheus operator is told: where metrics are, and what somebody should be woken for."""

from collections.abc import Iterator
from typing import Any

from deploy.generate import choices, names
from deploy.generate.names import metadata, selector
from deploy.generate.values import Merged


def monitoring() -> Iterator[tuple[choices.Part, dict[str, Any]]]:
    """ServiceMonitors and rules, with the part each belongs to."""
    yield choices.OPERATOR, _monitor(names.OPERATOR, {"port": "http"})
    yield choices.WEBHOOK, _monitor(names.WEBHOOK, {"port": "health"})


def _labelled(name: str) -> dict[str, Any]:
    return metadata(name) | {"labels": Merged(fixed=selector(name), value=choices.MONITORING_LABELS)}


def _monitor(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": _labelled(name),
        "spec": {
            "selector": {"matchLabels": selector(name)},
            "endpoints": [{"path": "/metrics", "interval": "30s", **endpoint}],
        },
    }
