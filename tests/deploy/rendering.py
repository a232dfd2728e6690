"""What is installed, as plain objects: from kustomize, as `kubectl` renders it, and from Helm."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.cluster.kubectl import kubectl_command

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "callkeeper"

Objects = dict[tuple[str, str, str], dict[str, Any]]
"""Objects by kind, namespace and name."""


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a YAML text that are not empty."""
    return [found for found in YAML(typ="safe", pure=False).load_all(text) if found]


def keyed(found: list[dict[str, Any]]) -> Objects:
    """Objects by their names; none of them twice."""
    objects: Objects = {}
    for one in found:
        metadata = one["metadata"]
        key = (one["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in objects, key
        objects[key] = one
    return objects


def kustomized(folder: Path) -> Objects:
    """What `kubectl apply -k` would apply."""
    done = subprocess.run(
        [kubectl_command(), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return keyed(documents(done.stdout))


def templated(helm: Path, *options: str, namespace: str = "callkeeper", values: str | None = None) -> Objects:
    """What `helm install` would apply."""
    done = run_helm(helm, "template", "callkeeper", str(CHART), "--namespace", namespace, *options, values=values)
    assert done.returncode == 0, done.stderr
    return keyed(documents(done.stdout))


def run_helm(helm: Path, *arguments: str, values: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Helm; `values` is a file's text."""
    more = [] if values is None else ["--values", "-"]
    return subprocess.run(
        [str(helm), *arguments, *more], input=values, capture_output=True, text=True, check=False, timeout=60
    )


def without(tree: Any, empty: tuple[Any, ...] = (None,)) -> Any:
    """The tree without keys whose value says nothing."""
    if isinstance(tree, Mapping):
        kept = {key: without(item, empty) for key, item in tree.items()}
        return {key: item for key, item in kept.items() if not any(item is one or item == one for one in empty)}
    if isinstance(tree, list):
        return [without(item, empty) for item in tree]
    return tree


def pod_templates(objects: Objects) -> dict[str, dict[str, Any]]:
    """The pod templates of all workloads, by the workload's name."""
    return {
        name: found["spec"]["template"]
        for (kind, _, name), found in objects.items()
        if kind in {"Deployment", "StatefulSet"}
    }
