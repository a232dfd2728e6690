"""The API server's paths of everything the operator reads or writes: the list to grant rights by."""

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import GROUP, VERSION

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


def collection(kind: str, namespace: str | None) -> str:
    """The objects of one of our kinds, in a namespace or (None) in all."""
    scope = "" if namespace is None else f"/namespaces/{namespace}"
    return f"/apis/{GROUP}/{VERSION}{scope}/{NAMES[kind].plural}"


def one(key: ObjectKey) -> str:
    """One of our objects."""
    return f"{collection(key.kind, key.namespace)}/{key.name}"


def status(key: ObjectKey) -> str:
    """Its status."""
    return f"{one(key)}/status"


def namespace(name: str) -> str:
    """A namespace."""
    return f"/api/v1/namespaces/{name}"


def config_map(namespace_name: str, name: str = "") -> str:
    """A ConfigMap, or where they are made."""
    return f"/api/v1/namespaces/{namespace_name}/configmaps" + (f"/{name}" if name else "")


def secret(namespace_name: str, name: str) -> str:
    """A Secret."""
    return f"/api/v1/namespaces/{namespace_name}/secrets/{name}"


def lease(namespace_name: str, name: str = "") -> str:
    """A Lease, or where they are made."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace_name}/leases" + (f"/{name}" if name else "")


def events(namespace_name: str) -> str:
    """Where events are made."""
    return f"/apis/events.k8s.io/v1/namespaces/{namespace_name}/events"
