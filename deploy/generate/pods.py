"""What the pods of all parts have in common: the security of PodSecurity's `restricted`, volumes, probes, services."""

from collections.abc import Sequence
from typing import Any

from deploy.generate import choices
from deploy.generate.names import component, metadata, selector

USER = 65532
"""Of the image (see the Containerfile); also the group that volumes are given to."""

SECRETS_FOLDER = "/etc/callkeeper"


class Pod:
    """One container's pod, put together."""

    def __init__(
        self,
        name: str,
        part: choices.Part,
        *,
        arguments: Sequence[Any],
        port: int,
        health_port: int | None = None,
        live: str = "/livez",
        ready: str = "/readyz",
        speaks_to_api: bool = False,
        secrets: Sequence[tuple[str, bool]] = (),
        volume: str | None = None,
        stop_seconds: int = 30,
    ) -> None:
        """Describe it.

        Args:
            name: of the workload, the ServiceAccount and the Service.
            part: what may be chosen for it.
            arguments: of `callkeeper`.
            port: it listens on.
            health_port: where it answers probes, when not there; what it listens on is HTTPS then.
            live: path that answers while the process does.
            ready: path that answers 200 when it can do its part.
            speaks_to_api: whether it gets its ServiceAccount's token.
            secrets: Secrets mounted below `SECRETS_FOLDER` under their own names, and whether they may be missing.
            volume: where its persistent volume is mounted.
            stop_seconds: how long it may take to end.
        """
        self.name = name
        self._part = part
        self._arguments = list(arguments)
        self._port = port
        self._health_port = health_port
        self._live = live
        self._ready = ready
        self._speaks_to_api = speaks_to_api
        self._secrets = secrets
        self._volume = volume
        self._stop_seconds = stop_seconds

    def template(self) -> dict[str, Any]:
        """The pod template."""
        spec: dict[str, Any] = {
            "serviceAccountName": self.name,
            "automountServiceAccountToken": self._speaks_to_api,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": self._stop_seconds,
            "imagePullSecrets": choices.IMAGE_PULL_SECRETS,
            "nodeSelector": self._part.node_selector,
            "tolerations": self._part.tolerations,
            "priorityClassName": self._part.priority_class,
            "securityContext": self._pod_security(),
            "containers": [self._container()],
            "volumes": self._volumes(),
        }
        if not self._volume:
            spec["topologySpreadConstraints"] = [
                {
                    "maxSkew": 1,
                    "topologyKey": key,
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": selector(self.name)},
                }
                for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
            ]
        return {
            "metadata": {
                "labels": selector(self.name),
                "annotations": {"kubectl.kubernetes.io/default-container": component(self.name)},
            },
            "spec": spec,
        }

    def _pod_security(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
            # Mounted Secrets belong to root: the group is how this user reads them.
            "fsGroup": USER,
        }
        if self._volume:
            found["fsGroupChangePolicy"] = "OnRootMismatch"
        return found

    def _container(self) -> dict[str, Any]:
        return {
            "name": component(self.name),
            "image": choices.IMAGE,
            "imagePullPolicy": choices.IMAGE_PULL_POLICY,
            "args": self._arguments,
            "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
            "ports": self._ports(),
            # A first start may migrate a store; only after that is silence a fault.
            "startupProbe": self._probe(self._live, period=2, failures=60),
            "livenessProbe": self._probe(self._live, period=10, failures=6),
            "readinessProbe": self._probe(self._ready, period=5, failures=2),
            "resources": self._part.resources,
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": self._mounts(),
        }

    def _ports(self) -> list[dict[str, Any]]:
        if self._health_port is None:
            return [{"name": "http", "containerPort": self._port}]
        return [{"name": "https", "containerPort": self._port}, {"name": "health", "containerPort": self._health_port}]

    def _probe(self, path: str, *, period: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": self._health_port or self._port},
            "periodSeconds": period,
            "timeoutSeconds": 3,
            "failureThreshold": failures,
        }

    def _mounts(self) -> list[dict[str, Any]]:
        mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the container's own
        mounts += [
            {"name": secret, "mountPath": f"{SECRETS_FOLDER}/{secret}", "readOnly": True} for secret, _ in self._secrets
        ]
        if self._volume:
            mounts.append({"name": "data", "mountPath": self._volume})
        return mounts

    def _volumes(self) -> list[dict[str, Any]]:
        volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]
        volumes += [
            {"name": secret, "secret": {"secretName": secret, "defaultMode": 0o440, "optional": optional}}
            for secret, optional in self._secrets
        ]
        return volumes


def secret_file(secret: str, key: str) -> str:
    """Where a key of a mounted Secret is found."""
    return f"{SECRETS_FOLDER}/{secret}/{key}"


def service(name: str, *ports: tuple[str, int, int], headless: bool = False) -> dict[str, Any]:
    """The Service of a part: ports as name, number and number of the container's.

    The name of a headless one stands for every pod, ready or not: notes are for standbys too.
    """
    spec: dict[str, Any] = {
        "selector": selector(name),
        "ports": [
            {"name": what, "port": port, "targetPort": target, "protocol": "TCP"} for what, port, target in ports
        ],
    }
    if headless:
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": spec}


def deployment(pod: Pod, *, replicas: Any) -> dict[str, Any]:
    """A Deployment of a pod. A new one is ready before an old one goes: there is always somebody who answers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(pod.name),
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector(pod.name)},
            "template": pod.template(),
        },
    }


def stateful_set(pod: Pod, *, storage: choices.Storage) -> dict[str, Any]:
    """One pod with a volume of its own: never two on it at a time."""
    spec: dict[str, Any] = {
        "serviceName": pod.name,
        "replicas": 1,
        "selector": {"matchLabels": selector(pod.name)},
        "template": pod.template(),
        "volumeClaimTemplates": [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": storage.storage_class,
                    "resources": {"requests": {"storage": storage.size}},
                },
            }
        ],
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata(pod.name), "spec": spec}


def disruption_budget(name: str) -> dict[str, Any]:
    """At most one pod of a part is taken away at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(name)}},
    }
