"""Who may speak to whom, as NetworkPolicies.

The API server is no pod and calls from the node's network, so the webhook's port is open. The recorder serves telephony
platforms and people wherever they are, so its port is open too. Where a part may go to is limited only for the two that
go nowhere but to each other: recorders and the API server have addresses that nobody knows here.
"""

from typing import Any

from deploy.generate import choices, names
from deploy.generate.names import metadata, selector

_DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
_MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": choices.MONITORING_NAMESPACE}}}


def policies() -> dict[str, dict[str, Any]]:
    """The policy of each part, by the part's name."""
    return {
        names.OPERATOR: _policy(
            names.OPERATOR,
            ingress=[_from([_pods(names.WEBHOOK), _MONITORING], names.OPERATOR_PORT)],
        ),
        names.WEBHOOK: _policy(
            names.WEBHOOK,
            ingress=[{"ports": _ports(names.WEBHOOK_PORT)}, _from([_MONITORING], names.WEBHOOK_HEALTH_PORT)],
        ),
        names.COLLECTOR: _policy(
            names.COLLECTOR,
            ingress=[
                _from([_pods(names.OPERATOR), _pods(names.RECORDER), _recorders(), _MONITORING], names.COLLECTOR_PORT)
            ],
            egress=[],
        ),
        names.RECORDER: _policy(
            names.RECORDER,
            ingress=[{"ports": _ports(names.RECORDER_PORT)}],
            egress=[_DNS, {"to": [_pods(names.COLLECTOR)], "ports": _ports(names.COLLECTOR_PORT)}],
        ),
    }


def _policy(name: str, *, ingress: list[Any], egress: list[Any] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": selector(name)},
        "policyTypes": ["Ingress"] if egress is None else ["Ingress", "Egress"],
        "ingress": ingress,
    }
    if egress:
        spec["egress"] = egress
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(name),
        "spec": spec,
    }


def _from(peers: list[Any], port: int) -> dict[str, Any]:
    return {"from": peers, "ports": _ports(port)}


def _pods(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": selector(name)}}


def _recorders() -> dict[str, Any]:
    """Recorders that run in other namespaces, if they carry the labels of ours."""
    return {"namespaceSelector": {}, "podSelector": {"matchLabels": selector(names.RECORDER)}}


def _ports(port: int) -> list[dict[str, Any]]:
    return [{"port": port, "protocol": "TCP"}]
