"""The parts run with what is shipped and nothing else, and what they may do is what they do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubectl import Kubectl, as_list
from tests.deploy.rendering import DEPLOY, ROOT, documents, kustomized
from tests.deploy.running import NAMESPACE, Installed, grants
from tests.operator.cluster_objects import an_object
from tests.operator.processes import until

from callkeeper.kinds.crd_names import NAMES

BASE = DEPLOY / "kustomize" / "base"
GITOPS = ROOT / "examples" / "gitops" / "settings"
STRICT = ("--server-side", "--force-conflicts", "--validate=strict")
KINDS = sorted(names.plural for names in NAMES.values())

NOT_USED_HERE: dict[str, dict[tuple[str, str, str, str], str]] = {
    "callkeeper-operator": {
        **{("", "callkeeper.dev", kind, "get"): "reads an object again after a conflict" for kind in KINDS},
        (NAMESPACE, "", "configmaps", "delete"): "takes the ledger of a Recorder away ten minutes after it",
    },
    "callkeeper-webhook": {
        (NAMESPACE, "", "secrets", "update"): "renews its certificates, after five days",
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
    kubectl = Kubectl(installed.access.kubeconfig, namespace="voice")
    assert installed.access.audit_log is not None
    asked = AuditLogReader(installed.access.audit_log)
    installed.call_the_webhook_here()
    for name in installed.templates:
        installed.start(name)
    for name in installed.processes:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            installed.wait(name, probe)
    configured = ("get", "validatingwebhookconfiguration", "callkeeper")
    until(lambda: kubectl.json(*configured)["webhooks"][0]["clientConfig"].get("caBundle"))

    applied = settings(f"http://{installed.address('callkeeper-recorder')}")
    kubectl.apply(*applied)
    kubectl.wait_for("Ready", *(f"{one['kind'].lower()}/{one['metadata']['name']}" for one in applied))

    # What else is allowed is for an export, a recorder behind an authority, a change that needs a word, a guard.
    export = {"recorderRef": {"name": "teams"}, "from": "2026-10-01", "to": "2026-10-02"}
    kubectl.apply(
        an_object("AuditExport", "october", export),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"},
         "data": {"ca.crt": installed.access.ca.decode()}},
        an_object("Recorder", "down", {
            "endpoint": "https://127.0.0.1:1",
            "caRef": {"kind": "ConfigMap", "name": "ca"},
            "credentialsSecretRef": {"name": "callkeeper-recorder-token"},
        }),
        an_object("RetentionRule", "down", {"recorderRef": {"name": "down"}, "retention": "365d"}),
    )  # fmt: skip
    kubectl.wait_for("Reachable=False", "recorder/down")
    kubectl.wait_for("Ready", "auditexport/october")
    kubectl.apply(an_object("RetentionRule", "down", {"recorderRef": {"name": "down"}, "retention": "1d"}))
    kubectl("annotate", "recordingfilter", "customers-only", "callkeeper.dev/protect=true")
    refused = kubectl.run("delete", "recordingfilter", "customers-only")
    assert refused.returncode != 0
    assert "callkeeper.dev/protect" in refused.stderr
    wrong = kubectl.run("apply", "--filename", "-", stdin=as_list([
        an_object("UserPolicy", "wrong", {"overrides": [
            {"user": "a@example.com", "mode": "AlwaysOn"}, {"user": "a@example.com", "mode": "OnDemand"},
        ]}),
    ]))  # fmt: skip
    assert wrong.returncode != 0, "the webhook is asked"

    requests = [one for one in asked.requests() if one.user.startswith(f"system:serviceaccount:{NAMESPACE}:")]
    denied = {(one.user, one.verb, one.group, one.resource, one.name) for one in requests if one.code in {401, 403}}
    assert denied == set(), "a permission is missing"
    assert {one.user.rpartition(":")[2] for one in requests} == set(NOT_USED_HERE)
    for account, not_used in NOT_USED_HERE.items():
        own = [one for one in requests if one.user.endswith(f":{account}")]
        unused = {grant for grant in grants(installed.objects, account) if not any(map(grant.covers, own))}
        assert {(grant.namespace, *grant.permission) for grant in unused} == set(not_used), account
