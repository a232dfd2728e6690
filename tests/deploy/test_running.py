"""The parts run with what is shipped and nothing else, and what they may do is what they do."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.generate.monitoring import ALERTS
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubectl import Kubectl, as_list, kubectl_command
from tests.deploy.health import GROUP, health, kstatus
from tests.deploy.rendering import DEPLOY, ROOT, documents, kustomized
from tests.deploy.running import NAMESPACE, Installed, grants
from tests.operator.cluster_objects import an_object
from tests.operator.processes import until

from callkeeper.kinds.crd_names import NAMES

PAGE = ROOT / "docs" / "how-to" / "install-in-a-cluster.md"
GITOPS = ROOT / "examples" / "gitops" / "settings"
INSTALLATION = ROOT / "examples" / "gitops" / "installation"
MONITORING = DEPLOY / "kustomize" / "components" / "monitoring" / "monitoring.yaml"
BIN = Path(sys.executable).parent
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
    """An empty cluster, and what will be installed in it."""
    access = private_control_plane(crds=False).access
    running = Installed(objects=kustomized(INSTALLATION), access=access, folder=tmp_path / "parts")
    running.folder.mkdir()
    yield running
    running.end()


def commands() -> list[str]:
    """The page's commands that are said to be run, in order."""
    text = re.sub(r"\\\n\s*", "", PAGE.read_text())
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


class Person:
    """Follows the page, at the root of the repository; what nodes and a cluster's names would do happens in between."""

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self.kubectl = Kubectl(installed.access.kubeconfig, namespace="voice")
        self.said: dict[str, str] = {}

    def follow(self) -> None:
        for command in commands():
            self.before(command)
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", command],
                cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{self.logs()}"
            self.said[command] = done.stdout
            self.after(command)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{BIN}:{Path(kubectl_command()).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.installed.folder), "KUBECONFIG": str(self.installed.access.kubeconfig)}

    def before(self, command: str) -> None:
        if "argocd-cm" in command:  # that Argo CD has brought with it
            self.kubectl("create", "namespace", "argocd")
            self.kubectl("create", "configmap", "argocd-cm", "--namespace=argocd", "--from-literal=url=https://argo")

    def after(self, command: str) -> None:
        if command.endswith("gitops/installation"):
            self.installed.call_the_webhook_here()
        elif command.startswith("callkeeper secrets"):
            self.start()
        elif command.endswith("apply --server-side -k examples/gitops/settings"):
            endpoint = {"spec": {"endpoint": f"http://{self.installed.address('callkeeper-recorder')}"}}
            self.kubectl("patch", "recorder", "teams", "--type=merge", f"--patch={json.dumps(endpoint)}")

    def start(self) -> None:
        """Start every part, as soon as its Secrets are there."""
        for name in self.installed.templates:
            self.installed.start(name)
        for name in self.installed.processes:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.installed.wait(name, probe)
        configured = ("get", "validatingwebhookconfiguration", "callkeeper")
        until(lambda: self.kubectl.json(*configured)["webhooks"][0]["clientConfig"].get("caBundle"))

    def logs(self) -> str:
        return "\n".join(f"{name}\n{process.text[-3000:]}" for name, process in self.installed.processes.items())


def test_the_way_from_an_empty_cluster_works_with_what_is_shipped_and_every_permission_is_used(
    installed: Installed,
) -> None:
    assert installed.access.audit_log is not None
    asked = AuditLogReader(installed.access.audit_log)
    person, kubectl = Person(installed), Kubectl(installed.access.kubeconfig, namespace="voice")
    person.follow()

    (status,) = [said for command, said in person.said.items() if command.startswith("kubectl callkeeper status")]
    rows = [line.split() for line in status.splitlines()[1:]]
    given = {f"{one['kind']}/{one['metadata']['name']}" for one in documents(kubectl("kustomize", GITOPS))}
    assert {row[1]: row[2] for row in rows} == dict.fromkeys(given, "yes")
    customized = kubectl.json("get", "configmap", "argocd-cm", "--namespace=argocd")["data"]
    assert len(customized) == 1 + len(KINDS), "added to what was there"
    assert "system:masters" not in person.logs()
    rows = [row for row in csv.DictReader(_audited(installed).splitlines()) if row["ActionType"] == "CreateSettings"]
    (blacklist,) = [row for row in rows if "Blacklist/voice/never" in row["Details"]]
    assert blacklist["Email"] == kubectl("auth", "whoami", "--output=jsonpath={.status.userInfo.username}")

    # What engines make of the same objects.
    for one in kubectl.json("get", "callkeeper")["items"]:
        script = (GROUP / one["kind"] / "health.lua").read_text()
        assert (health(script, one)["status"], kstatus(one)) == ("Healthy", "Current"), one

    # Metrics are read as Prometheus would, and hold what alerts are made of.
    for monitor in documents(MONITORING.read_text()):
        if monitor["kind"] == "ServiceMonitor":
            name, text = monitor["metadata"]["name"], installed.metrics(monitor)
            wanted = {
                word for one in ALERTS if one.part == name for word in re.findall(r"callkeeper_\w+", one.expression)
            }
            assert [word for word in wanted if f"# TYPE {word} " not in text] == [], name

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
    down = kubectl.json("get", "recorder", "down")
    script = (GROUP / "Recorder" / "health.lua").read_text()
    assert (health(script, down)["status"], kstatus(down)) == ("Progressing", "InProgress")
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
        assert {(grant.namespace, *grant.permission) for grant in unused} <= set(not_used), f"{account}: never used"


def _audited(installed: Installed) -> str:
    """The audit log of the recorder, as an administrator exports it."""
    file = installed.folder / "audit.token"
    file.write_text(installed.secret("callkeeper-administrator", "collector-token"))
    file.chmod(0o600)
    url = f"http://{installed.address('callkeeper-collector')}"
    done = subprocess.run(
        [sys.executable, "-m", "callkeeper", "audit", "export", "--from", "today", "--url", url, "--log", "voice/teams",
         "--token-file", str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
