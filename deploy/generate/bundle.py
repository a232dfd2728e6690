"""Everything that is installed, each object with its file and what it stands under."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deploy.generate import choices, names, parts, permissions
from deploy.generate.monitoring import monitoring
from deploy.generate.network import policies
from deploy.generate.permissions import EACH_NAMESPACE
from deploy.generate.pods import disruption_budget
from deploy.generate.values import Value

from callkeeper.kinds.crd import crd
from callkeeper.kinds.reading import KINDS


class Scope(StrEnum):
    """Where permissions to settings are given.

    Attributes:
        ALWAYS: the object has nothing to do with that.
        CLUSTER: only where the whole cluster is watched.
        NAMESPACE: only where namespaces are watched, once for each.
    """

    ALWAYS = "always"
    CLUSTER = "cluster"
    NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An object of the installation.

    Attributes:
        object: as a tree with leaves.
        file: which file it goes into, without ending.
        flags: values that must all be true for it to be there.
        scope: likewise, by what is watched.
    """

    object: Mapping[str, Any]
    file: str
    flags: tuple[Value, ...] = ()
    scope: Scope = Scope.ALWAYS


def crds() -> list[dict[str, Any]]:
    """The CRDs of all kinds."""
    return [crd(kind) for kind in KINDS]


def namespace() -> dict[str, Any]:
    """The namespace of an installation without Helm, which refuses pods that are less careful than ours."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": choices.NAMESPACE,
            "labels": {
                "app.kubernetes.io/name": "callkeeper",
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/enforce-version": "latest",
                **names.WATCHED,
            },
        },
    }


def bundle(*, own_namespace_only: bool = False) -> tuple[Item, ...]:
    """All objects but the CRDs and the namespace; `own_namespace_only` counts for kustomize alone."""
    return tuple(_items(own_namespace_only=own_namespace_only))


def _items(*, own_namespace_only: bool) -> Iterator[Item]:
    network = policies()
    for name, part, objects in (
        (names.OPERATOR, choices.OPERATOR, parts.operator(own_namespace_only=own_namespace_only)),
        (names.WEBHOOK, choices.WEBHOOK, parts.webhook(own_namespace_only=own_namespace_only)),
        (names.COLLECTOR, choices.COLLECTOR, parts.collector()),
        (names.RECORDER, choices.RECORDER, parts.recorder()),
    ):
        file, flags = names.component(name), (part.enabled,)
        speaks = name in {names.OPERATOR, names.WEBHOOK}
        yield Item(object=permissions.account(name, speaks_to_api=speaks), file=file, flags=flags)
        for found in objects:
            yield Item(object=found, file=file, flags=flags)
        if speaks:
            yield Item(object=disruption_budget(name), file=file, flags=(*flags, choices.DISRUPTION_BUDGETS))
        yield Item(object=network[name], file="network-policies", flags=(*flags, choices.NETWORK_POLICIES))
    yield from _permissions()
    for found in parts.given_certificate():
        yield Item(object=found, file="webhook", flags=(choices.WEBHOOK.enabled, choices.CERT_MANAGER))
    for part, found in monitoring():
        yield Item(object=found, file="monitoring", flags=(choices.MONITORING, part.enabled))


def _permissions() -> Iterator[Item]:
    for name, part, rules, namespace_rules, own_rules in (
        (
            names.OPERATOR,
            choices.OPERATOR,
            permissions.OPERATOR_RULES,
            permissions.OPERATOR_NAMESPACE_RULES,
            permissions.OPERATOR_OWN_RULES,
        ),
        (
            names.WEBHOOK,
            choices.WEBHOOK,
            permissions.WEBHOOK_RULES,
            permissions.WEBHOOK_NAMESPACE_RULES,
            permissions.WEBHOOK_OWN_RULES,
        ),
    ):
        flags = (part.enabled,)
        settings = [*rules, *namespace_rules]
        for found in permissions.cluster_role(name, name, settings):
            yield Item(object=found, file="roles", flags=flags, scope=Scope.CLUSTER)
        for found in permissions.role(name, name, settings, EACH_NAMESPACE):
            yield Item(object=found, file="roles", flags=flags, scope=Scope.NAMESPACE)
        for found in permissions.role(f"{name}-own", name, own_rules):
            yield Item(object=found, file="roles", flags=flags)
    certificates = permissions.cluster_role(
        f"{names.WEBHOOK}-certificates", names.WEBHOOK, permissions.WEBHOOK_CLUSTER_RULES
    )
    for found in certificates:
        yield Item(object=found, file="roles", flags=(choices.WEBHOOK.enabled,))
