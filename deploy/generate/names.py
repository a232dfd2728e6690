"""Names, ports and labels: what the parts of an installation find each other by."""

from typing import Any

from deploy.generate.choices import NAMESPACE

OPERATOR = "callkeeper-operator"
WEBHOOK = "callkeeper-webhook"
COLLECTOR = "callkeeper-collector"
RECORDER = "callkeeper-recorder"

OPERATOR_PORT = 8472
WEBHOOK_PORT = 8443
WEBHOOK_HEALTH_PORT = 8481
COLLECTOR_PORT = 8471
RECORDER_PORT = 8470
"""The port of `callkeeper up`, too."""

WEBHOOK_CONFIGURATION = "callkeeper"
"""Of the cluster, not of a namespace: there is one installation in a cluster."""

WEBHOOK_CERTIFICATES = "callkeeper-webhook-certificates"
"""The Secret in which the webhook keeps its own certificates; made by the webhook."""

WEBHOOK_TLS = "callkeeper-webhook-tls"
"""The Secret that cert-manager keeps the webhook's certificate in, where it does."""

WATCHED = {"callkeeper.dev/settings": "watched"}
"""Label of a namespace whose settings the webhook is asked about, where that is not the whole cluster."""

LEASE = "callkeeper-operator"


def selector(name: str) -> dict[str, Any]:
    """The labels that the pods of a part are selected by; never changed, since selectors cannot be."""
    return {"app.kubernetes.io/name": "callkeeper", "app.kubernetes.io/component": component(name)}


def component(name: str) -> str:
    """`operator` of `callkeeper-operator`."""
    return name.removeprefix("callkeeper-")


def metadata(name: str, part: str | None = None, *, namespaced: bool = True, **more: Any) -> dict[str, Any]:
    """Metadata of an object; `part` where it belongs to another part than its name says."""
    found: dict[str, Any] = {"name": name}
    if namespaced:
        found["namespace"] = NAMESPACE
    found["labels"] = selector(part or name)
    return {**found, **more}
