"""A running webhook for one test, answering for the test's own namespace."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.fixtures import MakeServiceAccount
from tests.cluster.kubectl import Kubectl
from tests.operator.admission.webhook_process import ACCOUNT, WebhookProcess, configuration_of, rights
from tests.operator.cluster_objects import a_blacklist
from tests.operator.processes import until

StartWebhook = Callable[..., WebhookProcess]


@pytest.fixture
def start_webhook(
    tmp_path: Path, namespace: str, kubectl: Kubectl, service_account: MakeServiceAccount
) -> Iterator[StartWebhook]:
    """Starts a webhook with self-managed certificates, as a service account with the rights it needs; named by the
    namespace. It is returned once the API server asks it."""
    started: list[WebhookProcess] = []
    name = f"callkeeper-{namespace}"
    service_account(ACCOUNT)
    kubectl.apply(*rights(namespace, name))

    def start(*arguments: str | Path, port: int = 0, wait: bool = True) -> WebhookProcess:
        home = tmp_path / f"webhook-{len(started)}"
        own = ("--self-managed-certificates", "--certificate-name", "127.0.0.1", "--webhook-configuration", name)
        webhook = WebhookProcess(home, service_account(ACCOUNT), *own, *arguments, port=port)
        started.append(webhook)
        kubectl.apply(configuration_of(name, namespace, webhook.url))
        if wait:
            until(lambda: webhook.get("/readyz")[0] == 200, lambda: webhook.text)
            until(lambda: asked(kubectl, webhook), lambda: webhook.text)
        return webhook

    yield start
    for one in started:
        one.end()
    kubectl.run("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")
    kubectl.run("delete", "clusterrole,clusterrolebinding", f"{name}-webhook", "--ignore-not-found")


def asked(kubectl: Kubectl, webhook: WebhookProcess) -> bool:
    """Whether the API server asks it by now: a dry run shows, and leaves nothing."""
    before = reviews(webhook)
    kubectl.run(
        "apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(a_blacklist("112", name="probe"))
    )
    return reviews(webhook) > before


def reviews(webhook: WebhookProcess) -> int:
    """Reviews answered so far."""
    lines = webhook.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("callkeeper_webhook_reviews_total"))
