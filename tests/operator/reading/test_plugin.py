"""`kubectl callkeeper …`: kubectl finds the plug-in on the PATH, and the plug-in reads the cluster through kubectl."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.fixtures import MakeServiceAccount
from tests.cluster.kubectl import Kubectl, kubectl_command
from tests.operator.cluster_objects import a_blacklist, a_recorder, an_object
from tests.operator.conftest import StartOperator
from tests.operator.processes import RecorderProcess, until

from callkeeper.operator.reading.kubectl import Kubectl as KubectlReader
from callkeeper.operator.reading.kubectl import Scope

BIN = Path(sys.executable).parent
SECONDS = 60


class Plugin:
    """Runs `kubectl callkeeper` as whoever a kubeconfig says."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        path = f"{BIN}:{Path(kubectl_command()).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": os.environ["HOME"], "KUBECONFIG": str(kubeconfig)}
        self.namespace = namespace

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command(*arguments)],
            env=self.environment, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip

    def command(self, name: str, *arguments: str) -> list[str]:
        return ["kubectl", "callkeeper", name, "-n", self.namespace, *arguments]

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--format", "json")
        assert done.returncode in {0, 1}, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def plugin(kubectl: Kubectl, namespace: str) -> Plugin:
    return Plugin(kubectl.kubeconfig, namespace)


def test_without_an_operator_objects_wait_and_what_is_wrong_is_said(plugin: Plugin, kubectl: Kubectl) -> None:
    assert "No objects" in plugin("status").stdout
    kubectl.apply(an_object("UserPolicy", "sales", {"overrides": [{"user": "a@example.com", "mode": "AlwaysOn"}]}))
    done = plugin("status")
    assert done.returncode == 1, "not in force"
    header, row, *findings = done.stdout.splitlines()
    assert header.split() == ["NAMESPACE", "OBJECT", "IN", "FORCE", "SINCE", "WHY"]
    assert row.split()[:4] == [plugin.namespace, "UserPolicy/sales", "waiting", "-"]
    assert "userpolicy.recorder-not-found" in findings[0]
    assert plugin("status", "Blacklist/none").returncode == 2
    listed = subprocess.run(
        ["kubectl", "plugin", "list"], env=plugin.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "kubectl-callkeeper" in listed.stdout


def test_status_show_validate_and_explain_of_a_governed_recorder(
    plugin: Plugin,
    kubectl: Kubectl,
    governed: RecorderProcess,
    start_operator: StartOperator,
    service_account: MakeServiceAccount,
    tmp_path: Path,
) -> None:
    kubectl.apply(a_blacklist("+39!", "112"))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")

    # In force: said by the operator, and by the recorder itself, which is asked with the Secret's token.
    done = plugin("status")
    assert done.returncode == 0, done.stdout
    assert [line.split()[1:3] for line in done.stdout.splitlines()[1:3]] == [
        ["Recorder/teams", "yes"],
        ["Blacklist/never", "yes"],
    ]
    (shown,) = plugin.json("show")["recorders"]
    assert shown["revisionFrom"] == "recorder"
    assert shown["revision"] == governed.in_force["revision"]
    assert shown["differences"] == []
    text = plugin("show").stdout
    assert "2 patterns: +39!, 112" in text
    assert f"Blacklist/{plugin.namespace}/never  in force" in text
    assert governed.token not in text

    # Another object of the same singleton kind is not in force, and says why; the exit code tells a script.
    kubectl.apply(an_object("RecordingPolicy", "default", {"defaultMode": "AlwaysOn"}))
    kubectl.wait_for("Ready", "recordingpolicy/default")
    kubectl.apply(an_object("RecordingPolicy", "other", {"defaultMode": "OnDemand"}))
    other = until(lambda: _decided(plugin, "RecordingPolicy/other"), lambda: operator.text)
    assert (other["inForce"], other["reason"]) == ("no", "Conflicted")
    assert plugin("status").returncode == 1
    for never in ("Blacklist/never", "blacklists/never", "bl/never", "blacklist.callkeeper.dev/never"):
        assert plugin("status", never).returncode == 0, never
    assert "write KIND/NAME" in plugin("status", "Blacklist").stderr
    assert plugin("validate", "--cluster").returncode == 1
    assert "RecordingPolicy/" in plugin("validate", "--cluster").stdout

    # Files about to be applied are judged together with what is there.
    file = tmp_path / "new.yaml"
    conflict = {
        "overrides": [{"user": "a@example.com", "mode": "AlwaysOn"}, {"user": "a@example.com", "mode": "OnDemand"}]
    }
    for where in ({}, {"namespace": plugin.namespace}):  # without one, where `kubectl apply -n` would put it
        file.write_text(json.dumps(an_object("UserPolicy", "new", conflict, **where)))
        found = plugin("validate", "--cluster", str(file)).stdout
        assert f"{file}:1" in found
        assert "recorder-not-found" not in found, "the Recorder is in the cluster"

    # Why a call would be recorded or not.
    said = plugin("explain", "--cluster", "--user", "ada@example.com", "--caller", "112", "--callee", "2001")
    assert said.returncode == 0, said.stderr
    assert f"Blacklist/{plugin.namespace}/never 112" in said.stdout

    # Somebody else programs the recorder while nobody corrects that: what runs and what is wanted differ.
    operator.end()
    kubectl.apply(a_blacklist("+39!", "113"))
    (shown,) = plugin.json("show")["recorders"]
    assert len(shown["differences"]) == 1
    assert "113" in shown["differences"][0]["words"]
    assert "In the objects, and not in force" in plugin("show").stdout
    waiting = {one["object"]: one["inForce"] for one in plugin.json("status")}
    assert waiting[f"Blacklist/{plugin.namespace}/never"] == "waiting", "the operator has not seen this generation"

    # Who may read objects and no Secrets still sees what the operator noted.
    reader = Plugin(service_account("reader"), plugin.namespace)
    assert reader("status").returncode == 2
    kubectl.apply(*_reader(plugin.namespace))
    (shown,) = until(lambda: _readable(reader))["recorders"]
    assert shown["revisionFrom"] == "status"
    assert shown["revision"] == governed.in_force["revision"]
    assert "secrets" in shown["unreached"]


@pytest.mark.parametrize(
    ("context", "scope", "namespace"),
    [
        ({"namespace": "voice"}, Scope(), "voice"),
        ({"namespace": "voice"}, Scope(namespace="labs"), "labs"),
        ({"namespace": "voice"}, Scope(all_namespaces=True), "voice"),
        ({}, Scope(), "default"),
        (None, Scope(), "default"),
    ],
)
def test_files_go_to_the_namespace_of_the_scope_or_of_the_context(
    tmp_path: Path, context: dict[str, str] | None, scope: Scope, namespace: str
) -> None:
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    if context is not None:
        config["clusters"] = [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]
        config |= {"current-context": "here", "contexts": [{"name": "here", "context": {"cluster": "c", **context}}]}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    reader = KubectlReader(replace(scope, kubeconfig=str(tmp_path / "kubeconfig")), command=kubectl_command())
    assert asyncio.run(reader.namespace()) == namespace


def test_watching_prints_what_changes_until_it_is_ended(plugin: Plugin, kubectl: Kubectl) -> None:
    kubectl.apply(a_recorder("http://127.0.0.1:1"))
    watching = subprocess.Popen(
        plugin.command("status", "--watch", "--format", "json"),
        env=plugin.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        first = json.loads(watching.stdout.readline())
        assert first["name"] == "teams"
        kubectl.apply(a_blacklist("112"))
        assert json.loads(watching.stdout.readline())["name"] == "never"
        kubectl("delete", "blacklist", "never")
        assert json.loads(watching.stdout.readline()) == {
            "object": f"Blacklist/{plugin.namespace}/never",
            "inForce": "gone",
        }
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)


def test_a_cluster_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path / "missing", "voice")
    plugin.environment["HOME"] = str(tmp_path)
    for command, more in (("status", "set KUBECONFIG"), ("show", "for a folder: callkeeper show DIR")):
        done = plugin(command)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "the cluster cannot be read" in done.stderr
        assert more in done.stderr


def _decided(plugin: Plugin, name: str) -> Any:
    (found,) = plugin.json("status", name)
    return found if found["inForce"] != "waiting" else None


def _readable(plugin: Plugin) -> Any:
    done = plugin("show", "--format", "json")
    return json.loads(done.stdout) if done.returncode == 0 else None


def _reader(namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    named = {"name": "reader", "namespace": namespace}
    rules = [{"apiGroups": ["callkeeper.dev"], "resources": ["*"], "verbs": ["get", "list"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": named, "rules": rules}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": named,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    return role, binding
