"""Everything an installer may choose, in the order of `values.yaml`."""

from typing import Any

from deploy.generate.values import Expression, Value

from callkeeper import __version__

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_OBJECT = {"type": "object"}
_TEXTS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
_NAMESPACE = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

CHOICES: dict[str, Value] = {}
"""Every value by its path."""


def _value(path: str, default: Any, description: str, **schema: Any) -> Value:
    value = Value(path=path, default=default, description=description, schema=schema)
    CHOICES[path] = value
    return value


NAMESPACE = Expression(plain="callkeeper", template="{{ $.Release.Namespace }}")
"""Where everything is installed."""

OWN_NAMESPACE = "$(POD_NAMESPACE)"
"""The same in a container's arguments, expanded by the kubelet; kustomize's `namespace:` does not reach those."""

IMAGE_REPOSITORY = _value("image.repository", "callkeeper", "The image, without tag.", **_TEXT, minLength=1)
IMAGE_TAG = _value("image.tag", "", "Its tag. Empty: the chart's appVersion.", **_TEXT)
IMAGE_DIGEST = _value(
    "image.digest", "", "Its digest, which then counts instead of the tag.", **_TEXT, pattern="^(sha256:[0-9a-f]{64})?$"
)
IMAGE_PULL_POLICY = _value(
    "image.pullPolicy", "IfNotPresent", "When it is pulled.", enum=["Always", "IfNotPresent", "Never"]
)
IMAGE_PULL_SECRETS = _value(
    "image.pullSecrets",
    [],
    "Names of Secrets to pull it with: `[{name: registry}]`.",
    type="array",
    items={"type": "object", "required": ["name"]},
)
IMAGE = Expression(
    plain=f"callkeeper:{__version__}",
    template=(
        '"{{ $.Values.image.repository }}'
        "{{ if $.Values.image.digest }}@{{ $.Values.image.digest }}"
        '{{ else }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}{{ end }}"'
    ),
)

CRDS_INSTALL = _value(
    "crds.install", True, "Install and upgrade the CRDs. They, and all settings with them, stay on uninstall.", **_FLAG
)
WATCH_NAMESPACES = _value(
    "watchNamespaces",
    [],
    "Namespaces to watch, with Roles in those alone. Empty: the whole cluster, with ClusterRoles.",
    type="array",
    uniqueItems=True,
    items={"type": "string", "pattern": _NAMESPACE, "maxLength": 63},
)
CLUSTER_NAME = _value(
    "clusterName",
    "cluster",
    "How recorders know this cluster as their owner. To be different for clusters that share a recorder.",
    **_TEXT,
    pattern="^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    maxLength=63,
)
TRUSTED_GITOPS = _value(
    "trustedGitops",
    [],
    "Accounts whose `callkeeper.dev/changed-by` is believed: `system:serviceaccount:flux-system:kustomize-controller`.",
    **_TEXTS,
)


class Part:
    """What may be chosen for one part of the installation.

    Attributes:
        enabled: whether it is installed.
        resources: of its container.
    """

    def __init__(self, name: str, description: str, *, cpu: str, memory: str, most_memory: str) -> None:
        self.enabled = _value(f"{name}.enabled", True, description, **_FLAG)
        self.resources = _value(
            f"{name}.resources",
            {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most_memory}},
            "What its container asks for, and is held to.",
            **_OBJECT,
        )
        self.node_selector = _value(f"{name}.nodeSelector", {}, "Labels of the nodes it may run on.", **_OBJECT)
        self.tolerations = _value(f"{name}.tolerations", [], "Taints it tolerates.", type="array")
        self.priority_class = _value(f"{name}.priorityClassName", "", "Its priority class.", **_TEXT)


OPERATOR = Part(
    "operator", "The operator: brings settings into the recorders.", cpu="100m", memory="128Mi", most_memory="384Mi"
)
OPERATOR_REPLICAS = _value("operator.replicas", 2, "One leads, the others stand by.", type="integer", minimum=1)

WEBHOOK = Part(
    "webhook",
    "The admission webhook: refuses what is wrong, warns of what surprises, notes who changed what.",
    cpu="50m",
    memory="128Mi",
    most_memory="384Mi",
)
WEBHOOK_REPLICAS = _value("webhook.replicas", 2, "All of them answer.", type="integer", minimum=1)
WEBHOOK_FAILURE_POLICY = _value(
    "webhook.failurePolicy",
    "Ignore",
    "What the API server does when no webhook answers. `Fail` blocks writes of settings then.",
    enum=["Ignore", "Fail"],
)

CERT_MANAGER = _value(
    "webhook.certManager.enabled",
    False,
    "Let cert-manager issue the webhook's certificate; otherwise the webhook makes and renews its own.",
    **_FLAG,
)

COLLECTOR = Part("collector", "The collector of the audit log.", cpu="100m", memory="128Mi", most_memory="512Mi")
RECORDER = Part("recorder", "A recorder in this cluster.", cpu="200m", memory="256Mi", most_memory="1Gi")
RECORDER_LOG = _value(
    "recorder.log",
    "voice/teams",
    "The Recorder object that governs it, as namespace/name: its rows go to the audit log of that name.",
    **_TEXT,
    pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
)


class Storage:
    """What may be chosen for a part's volume.

    Attributes:
        size: how much is asked for.
        storage_class: which class; None is the cluster's default.
    """

    def __init__(self, name: str, *, size: str, what: str) -> None:
        self.size = _value(f"{name}.storage.size", size, f"Size of the volume for {what}.", **_TEXT, pattern=_QUANTITY)
        self.storage_class = _value(
            f"{name}.storage.className",
            None,
            "Its storage class. Absent: the cluster's default.",
            type=["string", "null"],
        )


COLLECTOR_STORAGE = Storage("collector", size="10Gi", what="the audit log")
RECORDER_STORAGE = Storage("recorder", size="100Gi", what="recordings")

DISRUPTION_BUDGETS = _value(
    "disruptionBudgets.enabled", True, "Let a drain take one operator and one webhook at a time.", **_FLAG
)
NETWORK_POLICIES = _value("networkPolicies.enabled", True, "Let in only who has business there.", **_FLAG)
MONITORING_NAMESPACE = _value(
    "networkPolicies.monitoringNamespace", "monitoring", "The namespace whose pods may read metrics.", **_TEXT
)
MONITORING = _value(
    "monitoring.enabled",
    False,
    "ServiceMonitors and alert rules; needs the CRDs of the Prometheus operator.",
    **_FLAG,
)
MONITORING_LABELS = _value(
    "monitoring.labels", {}, "Labels that your Prometheus selects ServiceMonitors and rules by.", **_OBJECT
)
