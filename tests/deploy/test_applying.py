"""What is shipped, on a real API server: all of it is taken under strict validation, and its pods are `restricted`."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubectl import Kubectl, as_list
from tests.deploy.rendering import (
    CHART,
    DEPLOY,
    ROOT,
    Objects,
    documents,
    kustomized,
    pod_templates,
    run_helm,
    templated,
)

from callkeeper.cli.main import callkeeper

KUSTOMIZE = DEPLOY / "kustomize"
STRICT = ("--server-side", "--force-conflicts", "--validate=strict")


def as_pod(name: str, template: dict[str, Any]) -> dict[str, Any]:
    """A workload's pod template as the pod it makes; a claim's volume is named as the controller names it."""
    spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", [])]}
    mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
    claimed = mounted - {volume["name"] for volume in spec["volumes"]}
    spec["volumes"] += [
        {"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{name}-0"}} for volume in claimed
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": f"{name}-0", "namespace": "callkeeper"},
        "spec": spec,
    }


def versions(kubectl: Kubectl, objects: Objects) -> dict[str, str]:
    """The resourceVersion of everything that was applied."""
    kinds = ",".join(sorted({kind.lower() for kind, _, _ in objects if kind != "Namespace"}))
    found = kubectl.json("get", kinds, "--namespace", "callkeeper", "--selector", "app.kubernetes.io/name=callkeeper")
    return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found["items"]}


def test_everything_shipped_is_taken_by_the_api_server(
    private_control_plane: StartControlPlane, helm: Path, tmp_path: Path
) -> None:
    access = private_control_plane(crds=False).access
    kubectl = Kubectl(access.kubeconfig)

    # The base, as the how-to applies it; a second time changes nothing.
    kubectl("apply", *STRICT, "--kustomize", KUSTOMIZE / "crds")
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    kubectl("apply", *STRICT, "--kustomize", KUSTOMIZE / "base")
    base = kustomized(KUSTOMIZE / "base")
    applied = versions(kubectl, base)
    assert len(applied) >= 20
    kubectl("apply", *STRICT, "--kustomize", KUSTOMIZE / "base")
    again = versions(kubectl, base)
    # Services and budgets have no controller here; nothing writes but this test.
    assert again == applied

    # The namespace enforces `restricted`: the pods of every part are let in, others are not.
    for name, template in pod_templates(base).items():
        kubectl("apply", *STRICT, "--filename", "-", stdin=_text(as_pod(name, template)))
    careless = as_pod("careless", pod_templates(base)["callkeeper-operator"])
    del careless["spec"]["containers"][0]["securityContext"]["capabilities"]
    refused = kubectl.run("apply", *STRICT, "--filename", "-", stdin=_text(careless))
    assert refused.returncode != 0
    assert 'violates PodSecurity "restricted' in refused.stderr
    unknown = {**base["Service", "callkeeper", "callkeeper-operator"], "sepc": {}}
    assert kubectl.run("apply", *STRICT, "--filename", "-", stdin=_text(unknown)).returncode != 0

    # The other ways to install bring the same kinds of objects; those that are not chosen are tried, not kept.
    for objects in (
        kustomized(KUSTOMIZE / "namespaced"),
        templated(helm),
        templated(helm, "--set", "watchNamespaces={callkeeper}", "--set", "operator.replicas=3"),
    ):
        kubectl("apply", *STRICT, "--dry-run=server", "--filename", "-", stdin=_text(*objects.values()))

    # The example repository: its settings into their namespace; the engines' own kinds are not served here.
    kubectl("create", "namespace", "voice")
    kubectl("apply", *STRICT, "--kustomize", ROOT / "examples" / "gitops" / "settings")
    found = kubectl.json("get", "callkeeper", "--namespace", "voice")["items"]
    given = documents(kubectl("kustomize", ROOT / "examples" / "gitops" / "settings"))
    assert {(one["kind"], one["metadata"]["name"]) for one in found} == {
        (one["kind"], one["metadata"]["name"]) for one in given
    }
    specs = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in found}
    assert specs == {(one["kind"], one["metadata"]["name"]): one["spec"] for one in given}

    # Helm itself installs and uninstalls: the CRDs stay, and with them every setting.
    _install_and_uninstall(helm, access.kubeconfig, kubectl)
    assert len(kubectl.json("get", "callkeeper", "--namespace", "voice")["items"]) == len(found)


def _install_and_uninstall(helm: Path, kubeconfig: Path, kubectl: Kubectl) -> None:
    options = ["--kubeconfig", str(kubeconfig), "--namespace", "by-helm"]
    installed = run_helm(
        helm,
        "install",
        "callkeeper",
        str(CHART),
        "--create-namespace",
        "--take-ownership",
        "--force-conflicts",
        *options,
    )
    assert installed.returncode == 0, installed.stderr
    assert "callkeeper secrets" in installed.stdout
    assert len(kubectl.json("get", "deployment,statefulset", "--namespace", "by-helm")["items"]) == 4
    removed = run_helm(helm, "uninstall", "callkeeper", *options)
    assert removed.returncode == 0, removed.stderr
    assert not kubectl.json("get", "deployment,statefulset", "--namespace", "by-helm")["items"]


def _text(*objects: dict[str, Any]) -> str:
    return as_list(objects)


@pytest.mark.parametrize("folder", ["settings", "."])
def test_the_example_repository_is_valid(folder: str) -> None:
    done = CliRunner().invoke(callkeeper, ["validate", "--strict", str(ROOT / "examples" / "gitops" / folder)])
    assert done.exit_code == 0, done.output
