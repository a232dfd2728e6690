"""Who changed what, end to end: API server with audit webhook, admission webhook, operator, audit collector.

One control plane of the test's own, whose users have tokens. Every way of writing is tried in two namespaces: one that
both webhooks tell of, and one that only the audit webhook does. The rows are the same but for the rules of a refusal.
"""

import base64
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import Access, Settings
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubeconfig import with_token, write_kubeconfig
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_port
from tests.operator.admission.conftest import StartWebhook
from tests.operator.admission.webhook_process import WebhookProcess, configuration_of
from tests.operator.cluster_objects import a_blacklist, a_recorder, an_object
from tests.operator.processes import CollectorProcess, OperatorProcess, until

from callkeeper.kinds.terms import GROUP

ARGO = "system:serviceaccount:argocd:argocd-application-controller"
USERS = {"ada": "ada@example.com", "kim": "kim@example.com", "mallory": "mallory@example.com", "argo": ARGO}
EDITORS = [
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "editors"},
        "rules": [
            {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]},
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "editors"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "editors"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USERS[name]}
            for name in ("ada", "kim", "argo")
        ],
    },
]
STAMPS = {"callkeeper.dev/changed-by": "grace@example.com", "callkeeper.dev/commit": "c0ffee" * 6 + "abcd"}
WRONG = an_object("Blacklist", "wrong", {"ranges": [{"from": "+391", "to": "+3900"}]})
"""Only the webhook finds what is wrong with it."""


@dataclass
class Scene:
    """Everything that runs."""

    access: Access
    folder: Path
    collector: CollectorProcess
    operator: OperatorProcess
    webhook: WebhookProcess

    def user(self, name: str, namespace: str) -> Kubectl:
        path = self.folder / f"{name}.kubeconfig"
        write_kubeconfig(path, url=self.access.url, ca=self.access.ca, user=with_token(f"token-of-{name}"))
        return Kubectl(path, namespace=namespace)

    def rows(self, namespace: str) -> list[dict[str, Any]]:
        """Rows about settings objects, but the Recorder's."""
        found = [row for row in self.collector.rows(namespace) if row["ActionType"].endswith("Settings")]
        said = [{**row, "Details": json.loads(row["Details"])} for row in found]
        return [row for row in said if not row["Details"]["object"].startswith("Recorder/")]

    def told(self) -> str:
        return self.operator.text + self.webhook.text


@pytest.fixture
def scene(private_control_plane: StartControlPlane, tmp_path: Path):
    port = free_port()
    secret = tmp_path / "token"
    secret.write_text("secret")
    authority = Authority(tmp_path / "webhook-certificates")
    pair, ca = authority.server("webhook"), authority.file.read_bytes()
    url = f"https://127.0.0.1:{port}"
    audit = write_kubeconfig(tmp_path / "audit", url=f"{url}/v1/audit-webhook", ca=ca, user=with_token("secret"))
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("".join(f"token-of-{name},{user},{name}\n" for name, user in USERS.items()))
    control_plane = private_control_plane(
        Settings(
            api_server_arguments=(
                f"--token-auth-file={tokens}",
                f"--audit-webhook-config-file={audit}",
                "--audit-webhook-batch-max-wait=0.2s",
                "--audit-webhook-initial-backoff=0.5s",
            )
        )
    )
    access = control_plane.access
    kubectl = Kubectl(access.kubeconfig)
    for namespace in ("both", "audit-only"):
        kubectl("create", "namespace", namespace)
    kubectl.apply(*EDITORS)
    collector = CollectorProcess(tmp_path / "collector")
    operator = OperatorProcess(
        tmp_path / "operator", access.kubeconfig, "--cluster", "tests", "--lease-namespace", "both",
        "--changes-token-file", str(secret), "--trusted-gitops", ARGO, *collector.arguments,
    )  # fmt: skip
    address = operator.said("listening")["address"]
    webhook = WebhookProcess(
        tmp_path / "webhook", access.kubeconfig, "--tls-cert", pair.certificate, "--tls-key", pair.key,
        "--audit-webhook-token-file", secret, "--operator", f"http://{address}", "--changes-token-file", secret,
        port=port,
    )  # fmt: skip
    configuration = configuration_of("callkeeper", "both", url)
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(ca).decode()
    kubectl.apply(configuration)
    scene = Scene(access, tmp_path, collector, operator, webhook)
    for namespace in ("both", "audit-only"):
        Kubectl(access.kubeconfig, namespace=namespace).apply(a_recorder("http://127.0.0.1:9"))
    operator.leads()
    yield scene
    for one in (webhook, operator, collector):
        one.end()


def do_everything(scene: Scene, namespace: str) -> list[tuple[Any, ...]]:
    """Every way of writing; the rows that are expected of it: action, e-mail, object, and some details."""
    ada, kim, argo, mallory = (scene.user(name, namespace) for name in ("ada", "kim", "argo", "mallory"))

    def own(name: str) -> str:
        return f"Blacklist/{namespace}/{name}"

    ada("create", "-f", "-", stdin=json.dumps(a_blacklist("112", name="made")))
    ada.apply(a_blacklist("112", "+390551234567", name="applied"))
    until(lambda: len(scene.rows(namespace)) >= 2, scene.told)
    kim.apply(a_blacklist("113", name="made"), server_side=False)
    kim("replace", "-f", "-", stdin=json.dumps(a_blacklist("114", name="applied")))
    until(lambda: len(scene.rows(namespace)) >= 4, scene.told)
    ada("patch", "blacklist", "made", "--type=merge", "--patch", json.dumps({"spec": {"numbers": []}}))
    argo.apply(a_blacklist("115", name="applied", annotations=STAMPS), field_manager="argocd-controller")
    until(lambda: len(scene.rows(namespace)) >= 6, scene.told)
    ada(
        "--as",
        USERS["kim"],
        "patch",
        "blacklist",
        "made",
        "--type=merge",
        "-p",
        '{"spec":{"numbers":[{"pattern":"1"}]}}',
    )
    ada("create", "-f", "-", stdin=json.dumps({**a_blacklist("7"), "metadata": {"generateName": "named-"}}))
    ada("label", "blacklist", "made", "team=x")
    ada("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=json.dumps(a_blacklist("9", name="never")))
    assert mallory.run("delete", "blacklist", "made").returncode == 1
    refused = ada.run("create", "-f", "-", stdin=json.dumps(WRONG)).returncode
    assert refused == (1 if namespace == "both" else 0)
    assert ada.run("create", "-f", "-", stdin=json.dumps(a_blacklist("x y", name="bad"))).returncode == 1
    until(lambda: len(scene.rows(namespace)) >= 11, scene.told)
    ada("delete", "blacklist", "made")
    until(lambda: len(scene.rows(namespace)) >= 12, scene.told)
    kim("delete", "--raw", f"/apis/{GROUP}/v1alpha1/namespaces/{namespace}/blacklists")
    rows = [
        ("CreateSettings", USERS["ada"], own("made"), {"fieldManager": "kubectl-create"}),
        ("CreateSettings", USERS["ada"], own("applied"), {"fieldManager": "kubectl"}),
        ("UpdateSettings", USERS["kim"], own("made"), {"fieldManager": "kubectl-client-side-apply", "generation": 2}),
        ("UpdateSettings", USERS["kim"], own("applied"), {"fieldManager": "kubectl-replace"}),
        ("UpdateSettings", USERS["ada"], own("made"), {"fieldManager": "kubectl-patch", "generation": 3}),
        (
            "UpdateSettings",
            "grace@example.com",
            own("applied"),
            {
                "author": "grace@example.com",
                "commit": STAMPS["callkeeper.dev/commit"],
                "appliedBy": ARGO,
                "fieldManager": "argocd-controller",
            },
        ),
        ("UpdateSettings", USERS["kim"], own("made"), {"impersonatedBy": USERS["ada"], "generation": 4}),
        ("CreateSettings", USERS["ada"], own("named-*"), {}),
        ("RefuseSettings", USERS["mallory"], own("made"), {"verb": "delete", "code": 403, "reason": "Forbidden"}),
        ("RefuseSettings", USERS["ada"], own("bad"), {"verb": "create", "code": 422, "reason": "Invalid"}),
        ("DeleteSettings", USERS["ada"], own("made"), {"generation": 4}),
        ("DeleteSettings", USERS["kim"], own("applied"), {}),
        ("DeleteSettings", USERS["kim"], own("named-*"), {}),
    ]
    if namespace == "both":
        rows.append(("RefuseSettings", USERS["ada"], own("wrong"), {"code": 422, "rules": ["blacklist.range"]}))
    else:
        rows.append(("CreateSettings", USERS["ada"], own("wrong"), {}))
        rows.append(("DeleteSettings", USERS["kim"], own("wrong"), {}))
    return rows


def matches(row: dict[str, Any], expected: tuple[Any, ...]) -> bool:
    action, email, name, details = expected
    found = row["Details"]
    named = found["object"].startswith(name[:-1]) if name.endswith("*") else found["object"] == name
    return (row["ActionType"], row["Email"], named) == (action, email, True) and details.items() <= found.items()


def test_every_way_of_writing_is_one_row_with_who_did_it(scene: Scene):
    expected = {namespace: do_everything(scene, namespace) for namespace in ("both", "audit-only")}
    for namespace, wanted in expected.items():
        until(lambda n=namespace, w=wanted: len(scene.rows(n)) >= len(w), scene.told)
    until(lambda: scene.webhook.metric("callkeeper_webhook_notes_queued") == 0)
    for namespace, wanted in expected.items():
        rows = scene.rows(namespace)
        shown = "\n".join(f"{one['ActionType']} {one['Email']} {one['Details']}" for one in rows)
        for one in wanted:
            assert [matches(row, one) for row in rows].count(True) == 1, f"{one}\n{shown}"
        assert len(rows) == len(wanted), shown
        assert {row["IpAddress"] for row in rows} == {"127.0.0.1"}, shown
        assert {row["Details"]["attributedBy"] for row in rows} == {"audit"}, shown
        assert "0551234567" not in shown
    assert "0551234567" not in scene.told()
    assert "secret" not in scene.told()


def test_where_only_admission_tells_it_is_the_same_rows_without_an_address(
    kubectl: Kubectl, namespace: str, start_operator, start_webhook: StartWebhook, tmp_path: Path
):
    secret = tmp_path / "token"
    secret.write_text("secret")
    collector = CollectorProcess(tmp_path / "collector")
    try:
        kubectl.apply(a_recorder("http://127.0.0.1:9"))
        operator = start_operator(*collector.arguments, "--changes-token-file", str(secret))
        address = operator.said("listening")["address"]
        webhook = start_webhook("--operator", f"http://{address}", "--changes-token-file", secret)
        operator.leads()
        kubectl("create", "-f", "-", stdin=json.dumps(a_blacklist("112")))
        assert kubectl.run("create", "-f", "-", stdin=json.dumps(WRONG)).returncode == 1
        kubectl("patch", "blacklist", "never", "--type=merge", "--patch", json.dumps({"spec": {"numbers": []}}))
        kubectl("delete", "blacklist", "never")
        scene = Scene(None, tmp_path, collector, operator, webhook)
        until(lambda: len(scene.rows(namespace)) >= 4, scene.told)
    finally:
        collector.end()
    rows = scene.rows(namespace)
    actions = ["CreateSettings", "DeleteSettings", "RefuseSettings", "UpdateSettings"]
    assert sorted(row["ActionType"] for row in rows) == actions
    assert {(row["Email"], row["IpAddress"]) for row in rows} == {("kubernetes-admin", "")}
    assert {row["Details"]["attributedBy"] for row in rows} == {"admission"}


def test_when_the_leader_is_killed_every_change_has_its_row_once_and_its_author(
    kubectl: Kubectl, namespace: str, start_operator, start_webhook: StartWebhook, tmp_path: Path
):
    secret = tmp_path / "token"
    secret.write_text("secret")
    collector = CollectorProcess(tmp_path / "collector")
    try:
        kubectl.apply(a_recorder("http://127.0.0.1:9"))
        arguments = (*collector.arguments, "--changes-token-file", str(secret))
        leader = start_operator(*arguments)
        leader.leads()
        standby = start_operator(*arguments)
        standby.said("listed")
        addresses = [f"http://{one.said('listening')['address']}" for one in (leader, standby)]
        operators = [part for address in addresses for part in ("--operator", address)]
        webhook = start_webhook(*operators, "--changes-token-file", secret)
        for number in range(6):
            kubectl.apply(a_blacklist(f"90{number}"))
            if number == 3:
                leader.end(signal.SIGKILL)
        kubectl("delete", "blacklist", "never")
        standby.leads()
        scene = Scene(None, tmp_path, collector, standby, webhook)
        until(lambda: len(scene.rows(namespace)) >= 7, scene.told)
    finally:
        collector.end()
    rows = scene.rows(namespace)
    told = [(row["ActionType"], row["Details"]["generation"]) for row in rows]
    updates = [("UpdateSettings", generation) for generation in range(2, 7)]
    assert sorted(told) == sorted([("CreateSettings", 1), *updates, ("DeleteSettings", 6)])
    assert {row["Email"] for row in rows} == {"kubernetes-admin"}, scene.told()
    assert len({row["Details"]["id"] for row in rows}) == len(rows)
