"""Objects as they are applied, and the rights an operator of one namespace needs."""

from typing import Any

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import API_VERSION, GROUP

RULES: list[dict[str, Any]] = [
    {"apiGroups": [GROUP], "resources": [one.plural for one in NAMES.values()], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [GROUP], "resources": [f"{one.plural}/status" for one in NAMES.values()], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create", "update", "delete"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
]


def role(namespace: str, account: str) -> tuple[dict[str, Any], dict[str, Any]]:
    named = {"name": "callkeeper-operator", "namespace": namespace}
    return (
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": named, "rules": RULES},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "callkeeper-operator"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    )


def an_object(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    recorder = {} if kind == "Recorder" else {"recorderRef": {"name": "teams"}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": recorder | spec}


def a_recorder(url: str, name: str = "teams", *, annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    spec = {"endpoint": url, "credentialsSecretRef": {"name": f"{name}-token"}, **spec}
    return an_object("Recorder", name, spec, **({"annotations": annotations} if annotations else {}))


def a_secret(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def a_blacklist(*patterns: str, name: str = "never", **metadata: Any) -> dict[str, Any]:
    return an_object("Blacklist", name, {"numbers": [{"pattern": one} for one in patterns]}, **metadata)
