"""The webhook as a process of its own, with the rights and the configuration it needs in a test's namespace."""

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.operator.processes import Logged

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import GROUP

ACCOUNT = "webhook"
RBAC = "rbac.authorization.k8s.io/v1"


class WebhookProcess(Logged):
    """`callkeeper webhook`."""

    def __init__(self, home: Path, kubeconfig: Path, *arguments: str | Path, port: int = 0) -> None:
        home.mkdir(exist_ok=True)
        listen = ("--listen", f"127.0.0.1:{port}", "--health-listen", "127.0.0.1:0")
        super().__init__(home, "webhook", *listen, *arguments, environment={"KUBECONFIG": str(kubeconfig)})
        said = self.said("webhook.listening")
        self.port, self.health = int(said["port"]), int(said["health_port"])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str, labels: str = "") -> float:
        """A metric's value; 0 where it is not there."""
        pattern = rf"^{re.escape(name)}{re.escape(labels)} (\S+)$"
        found = re.search(pattern, self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


def rights(namespace: str, configuration: str) -> tuple[dict[str, Any], ...]:
    """What docs/reference/webhook.md says it needs, in one namespace."""
    rules = [
        {"apiGroups": [GROUP], "resources": [one.plural for one in NAMES.values()], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "update"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    own = {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["validatingwebhookconfigurations"],
        "resourceNames": [configuration],
        "verbs": ["get", "patch"],
    }
    named = {"name": "callkeeper-webhook", "namespace": namespace}
    wide = {"name": f"{configuration}-webhook"}
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]
    api = "rbac.authorization.k8s.io"
    return (
        {"apiVersion": RBAC, "kind": "Role", "metadata": named, "rules": rules},
        {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": named["name"]},
            "subjects": subjects,
        },
        {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": wide, "rules": [own]},
        {
            "apiVersion": RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": wide,
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": wide["name"]},
            "subjects": subjects,
        },
    )


def configuration_of(name: str, namespace: str, url: str, *, timeout_seconds: int = 5) -> dict[str, Any]:
    """The ValidatingWebhookConfiguration, for one namespace, without caBundle."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "settings.callkeeper.dev",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "NoneOnDryRun",
                "failurePolicy": "Ignore",
                "timeoutSeconds": timeout_seconds,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE", "UPDATE", "DELETE"],
                        "resources": [one.plural for one in NAMES.values()],
                    }
                ],
                "clientConfig": {"url": f"{url}/v1/admit"},
            }
        ],
    }
