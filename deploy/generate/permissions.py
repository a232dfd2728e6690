"""ServiceAccounts, Roles and bindings, each part's own. What is granted and what is used is compared by a test.

Each permission says who needs it. The collector and the recorder never speak to the API server: their accounts have no
permission and their pods no token.
"""

from typing import Any

from deploy.generate import names
from deploy.generate.choices import NAMESPACE
from deploy.generate.names import metadata
from deploy.generate.values import Expression

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import GROUP

RBAC = "rbac.authorization.k8s.io"
_RBAC_VERSION = f"{RBAC}/v1"

KINDS = sorted(name.plural for name in NAMES.values())

EACH_NAMESPACE = Expression(plain=NAMESPACE.plain, template="{{ . }}")
"""In a chart: a namespace of `watchNamespaces`, inside the loop over them."""


def rule(group: str, resources: list[str], *verbs: str, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """A rule; `only` names the objects it is limited to."""
    found: dict[str, Any] = {"apiGroups": [group], "resources": resources}
    if only:
        found["resourceNames"] = list(only)
    return {**found, "verbs": list(verbs)}


OPERATOR_RULES = [
    # Settings: listed in full, then watched.
    rule(GROUP, KINDS, "get", "list", "watch"),
    rule(GROUP, [f"{kind}/status" for kind in KINDS], "patch"),
    # The token and the certificates that a Recorder names; read by name, never listed.
    rule("", ["secrets", "configmaps"], "get"),
    # Transitions, said as Events.
    rule("events.k8s.io", ["events"], "create"),
]
"""Where settings are: in the cluster, or in each namespace watched."""

OPERATOR_NAMESPACE_RULES = [rule("", ["namespaces"], "get")]
"""Whether a namespace is being deleted; then nothing is programmed."""

OPERATOR_OWN_RULES = [
    # The election. An object's name cannot limit `create`.
    rule("coordination.k8s.io", ["leases"], "create"),
    rule("coordination.k8s.io", ["leases"], "get", "update", only=(names.LEASE,)),
    # Ledgers and books: what was programmed, and whose changes have a row. Named by UIDs and namespaces.
    rule("", ["configmaps"], "get", "list", "create", "update", "delete"),
]
"""In the namespace of the installation."""

WEBHOOK_RULES = [
    # What a new object would conflict with; an export conflicts with nothing.
    rule(GROUP, [kind for kind in KINDS if kind != "auditexports"], "list"),
    # The recorder's token, to ask how many recordings a change concerns.
    rule("", ["secrets", "configmaps"], "get"),
]
"""Where settings are."""

WEBHOOK_NAMESPACE_RULES = [rule("", ["namespaces"], "get")]
"""The deletion guard lets a namespace that is being deleted go."""

WEBHOOK_CLUSTER_RULES = [
    rule(
        "admissionregistration.k8s.io",
        ["validatingwebhookconfigurations"],
        "get",
        "patch",
        only=(names.WEBHOOK_CONFIGURATION,),
    ),
]
"""Its own configuration, to keep the certificates in it current. It is the cluster's, so this rule is too."""

WEBHOOK_OWN_RULES = [
    rule("", ["secrets"], "create"),
    rule("", ["secrets"], "get", "update", only=(names.WEBHOOK_CERTIFICATES,)),
]
"""Its certificates, in the namespace of the installation."""


def account(name: str, *, speaks_to_api: bool) -> dict[str, Any]:
    """The ServiceAccount of a part."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(name),
        "automountServiceAccountToken": speaks_to_api,
    }


def cluster_role(name: str, account_name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A ClusterRole and who has it."""
    return [
        {
            "apiVersion": _RBAC_VERSION,
            "kind": "ClusterRole",
            "metadata": metadata(name, account_name, namespaced=False),
            "rules": rules,
        },
        {
            "apiVersion": _RBAC_VERSION,
            "kind": "ClusterRoleBinding",
            "metadata": metadata(name, account_name, namespaced=False),
            **_binding("ClusterRole", name, account_name),
        },
    ]


def role(
    name: str, account_name: str, rules: list[dict[str, Any]], namespace: Expression = NAMESPACE
) -> list[dict[str, Any]]:
    """A Role in a namespace and who has it."""
    return [
        {
            "apiVersion": _RBAC_VERSION,
            "kind": "Role",
            "metadata": metadata(name, account_name) | {"namespace": namespace},
            "rules": rules,
        },
        {
            "apiVersion": _RBAC_VERSION,
            "kind": "RoleBinding",
            "metadata": metadata(name, account_name) | {"namespace": namespace},
            **_binding("Role", name, account_name),
        },
    ]


def _binding(kind: str, name: str, account_name: str) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account_name, "namespace": NAMESPACE}],
    }
