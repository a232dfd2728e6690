"""The options that say which cluster and which part of it, as kubectl spells them; shared by what reads a cluster."""

from collections.abc import Callable
from typing import Any

import click

from callkeeper.cli.main import CouldNotRun


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of kubectl that matter here; `scope_of` makes a scope of them."""
    for option in reversed(
        (
            click.option("-n", "--namespace", metavar="NAME", help="The namespace; else that of the context."),
            click.option("-A", "--all-namespaces", is_flag=True, help="The whole cluster."),
            click.option("--context", "kube_context", metavar="NAME", help="A context of the kubeconfig."),
            click.option("--kubeconfig", metavar="FILE", help="The kubeconfig, when not kubectl's usual."),
        )
    ):
        command = option(command)
    return command


def takes_cluster_options(values: dict[str, Any]) -> bool:
    """Whether any of the options was given."""
    return bool(values["namespace"] or values["all_namespaces"] or values["kube_context"] or values["kubeconfig"])


def scope_of(values: dict[str, Any]) -> Any:
    """The scope that the options say.

    Raises:
        UsageError: one namespace and all of them.
    """
    from callkeeper.operator.reading.kubectl import Scope  # noqa: PLC0415 - imported when it is run

    if values["namespace"] and values["all_namespaces"]:
        raise click.UsageError("--namespace and --all-namespaces exclude each other")
    return Scope(
        namespace=values["namespace"],
        all_namespaces=values["all_namespaces"],
        context=values["kube_context"],
        kubeconfig=values["kubeconfig"],
    )


def read_documents(values: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Every object of our kinds that the options mean.

    Raises:
        CouldNotRun: the cluster cannot be read.
    """
    documents, _ = read_cluster(values)
    return documents


def read_cluster(values: dict[str, Any]) -> tuple[tuple[dict[str, Any], ...], str]:
    """Every object of our kinds that the options mean, and the namespace that a file without one is applied to.

    Raises:
        CouldNotRun: the cluster cannot be read.
    """
    import asyncio  # noqa: PLC0415 - imported when it is run

    from callkeeper.operator.reading.kubectl import Kubectl, ReadingError  # noqa: PLC0415 - likewise

    kubectl = Kubectl(scope_of(values))

    async def read() -> tuple[tuple[dict[str, Any], ...], str]:
        documents, namespace = await asyncio.gather(kubectl.objects(), kubectl.namespace())
        return documents, namespace

    try:
        return asyncio.run(read())
    except ReadingError as error:
        raise CouldNotRun(error.message) from error
