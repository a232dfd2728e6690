"""The parts run with what is shipped and nothing else, and what they may do is what they do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubectl import Kubectl
from tests.deploy.rendering import DEPLOY, ROOT, documents, kustomized
from tests.deploy.running import NAMESPACE, Installed, grants

from callkeeper.kinds.crd_names import NAMES

BASE = DEPLOY / "kustomize" / "base"
GITOPS = ROOT / "examples" / "gitops" / "settings"
STRICT = ("--server-side", "--force-conflicts", "--validate=strict")
KINDS = sorted(names.plural for names in NAMES.values())

NOT_USED_HERE: dict[str, dict[tuple[str, str, str, str], str]] = {
    "callkeeper-operator": {
        **{("", "callkeeper.dev", kind, "get"): "reads an object again after a conflict" for kind in KINDS},
        ("", "callkeeper.dev", "auditexports/status", "patch"): "says what became of an export",
        (NAMESPACE, "", "configmaps", "list"): "reads the books of who was told what",
        (NAMESPACE, "", "configmaps", "delete"): "takes the ledger of a Recorder away ten minutes after it",
    },
}
"""What is granted and not used in this run, with the occasion: namespace ("" is the cluster), group, resource, verb."""


@pytest.fixture
def installed(private_control_plane: StartControlPlane, tmp_path: Path) -> Iterator[Installed]:
    access = private_control_plane(crds=False).access
    kubectl = Kubectl(access.kubeconfig)
    kubectl("apply", *STRICT, "--kustomize", DEPLOY / "kustomize" / "crds")
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    kubectl("apply", *STRICT, "--kustomize", BASE)
    kubectl("create", "namespace", "voice")
    made = subprocess.run(
        [sys.executable, "-m", "callkeeper", "secrets", "--administrator", "ada@example.com"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    kubectl("apply", *STRICT, "--filename", "-", stdin=made.stdout)
    running = Installed(objects=kustomized(BASE), access=access, folder=tmp_path / "parts")
    running.folder.mkdir()
    yield running
    running.end()


def settings(recorder_url: str) -> list[dict[str, Any]]:
    """The example repository's settings, for a recorder on this machine."""
    found = documents(Kubectl(Path("/dev/null"))("kustomize", GITOPS))
    for one in found:
        if one["kind"] == "Recorder":
            one["spec"]["endpoint"] = recorder_url
    return found


def test_the_parts_run_with_what_is_shipped_and_use_what_they_may(installed: Installed) -> None:
    kubectl = installed.kubectl
    assert installed.access.audit_log is not None
    asked = AuditLogReader(installed.access.audit_log)
    for name in ("callkeeper-collector", "callkeeper-recorder", "callkeeper-operator"):
        installed.start(name)
    for name in installed.processes:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            installed.wait(name, probe)

    applied = settings(installed.url("callkeeper-recorder"))
    kubectl.apply(*applied)
    names = [f"{one['kind'].lower()}/{one['metadata']['name']}" for one in applied]
    Kubectl(installed.access.kubeconfig, namespace="voice").wait_for("Ready", *names)

    # The recorder takes another token from its Secret, and the operator reads it again; then a Recorder that is down.
    export = {"recorderRef": {"name": "teams"}, "from": "2026-10-01", "to": "2026-10-02"}
    kubectl.apply(
        {"apiVersion": "callkeeper.dev/v1alpha1", "kind": "AuditExport", "spec": export,
         "metadata": {"name": "october", "namespace": "voice"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "voice"},
         "data": {"ca.crt": installed.access.ca.decode()}},
        {"apiVersion": "callkeeper.dev/v1alpha1", "kind": "Recorder",
         "metadata": {"name": "down", "namespace": "voice"},
         "spec": {"endpoint": "https://127.0.0.1:1", "caRef": {"kind": "ConfigMap", "name": "ca"}}},
    )  # fmt: skip
    Kubectl(installed.access.kubeconfig, namespace="voice").wait_for("Reachable=False", "recorder/down")

    requests = [one for one in asked.requests() if one.user.startswith(f"system:serviceaccount:{NAMESPACE}:")]
    refused = {(one.user, one.verb, one.group, one.resource, one.name) for one in requests if one.code in {401, 403}}
    assert refused == set(), "a permission is missing"
    assert {one.user.rpartition(":")[2] for one in requests} == set(NOT_USED_HERE)
    for account, not_used in NOT_USED_HERE.items():
        own = [one for one in requests if one.user.endswith(f":{account}")]
        unused = {grant for grant in grants(installed.objects, account) if not any(map(grant.covers, own))}
        assert {(grant.namespace, *grant.permission) for grant in unused} <= set(not_used), account
