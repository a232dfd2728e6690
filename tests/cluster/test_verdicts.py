"""Three verdicts on one corpus: ours, the published schema's (tests/kinds), and here the API server's.

tests/corpus/differences.yaml is the table of every document on which they differ, with the reason. It is compared
whole: a difference that is not in it fails, and so does one in it that is none any more.
"""

import base64
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.cluster.api import api_client, apply, path_of
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubectl import Kubectl, as_list
from tests.cluster.processes import Program, answers, free_port
from tests.cluster.verdicts import judge, served_kinds
from tests.kinds.corpus import corpus, differing

from callkeeper.kinds.finding import Severity
from callkeeper.kinds.reading import read_object
from callkeeper.manifests.documents import read_text


def make_namespaces(kubectl: Kubectl) -> None:
    """Those that documents name: a document is not to be refused for a namespace that is not there."""
    named = {document.value["metadata"].get("namespace") for document in corpus() if document.good}
    for name in sorted(named - {None, "default"}):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def differences(api: httpx.Client, namespace: str) -> dict[str, str]:
    """What the API server says of each document on which it differs from us."""
    kinds = served_kinds(api)
    verdicts = {document.id: judge(api, kinds, document, namespace=namespace) for document in corpus()}
    return {
        document.id: "accepts" if verdicts[document.id].accepts else "refuses"
        for document in corpus()
        if verdicts[document.id].accepts is not document.good
    }


def test_the_api_server_agrees_with_us_or_the_table_says_why_not(api: httpx.Client, namespace: str, kubectl: Kubectl):
    make_namespaces(kubectl)
    assert differences(api, namespace) == differing("apiServer")


def test_the_webhook_leaves_fewer_differences(private_control_plane: StartControlPlane, tmp_path: Path):
    control_plane = private_control_plane()
    kubectl = Kubectl(control_plane.access.kubeconfig)
    make_namespaces(kubectl)
    with api_client(control_plane.access.kubeconfig) as api, webhook(control_plane, kubectl, tmp_path):
        differ = differences(api, "default")
    assert differ == differing("webhook")
    assert len(differ) < len(differing("apiServer"))


@contextmanager
def webhook(control_plane: ControlPlane, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """`callkeeper webhook`, asked by the API server about every object of ours."""
    port, health = free_port(), free_port()
    serving = control_plane.authority.server("webhook")
    listen = ("--listen", f"127.0.0.1:{port}", "--health-listen", f"127.0.0.1:{health}", "--no-ask-recorders")
    program = Program(
        "webhook",
        [
            sys.executable,
            "-m",
            "callkeeper",
            "webhook",
            *listen,
            "--tls-cert",
            serving.certificate,
            "--tls-key",
            serving.key,
        ],
        log=folder / "webhook.log",
        ready=lambda: answers(f"http://127.0.0.1:{health}/readyz"),
        environment={**os.environ, "KUBECONFIG": str(control_plane.access.kubeconfig)},
    )
    program.start()
    try:
        program.wait()
        ca = base64.b64encode(control_plane.authority.file.read_bytes()).decode()
        asked = {
            "name": "settings.callkeeper.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://127.0.0.1:{port}/v1/admit", "caBundle": ca},
            "rules": [
                {
                    "apiGroups": ["callkeeper.dev"],
                    "apiVersions": ["v1alpha1"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["*"],
                }
            ],
            "failurePolicy": "Fail",
            "sideEffects": "NoneOnDryRun",
        }
        kubectl.apply(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "callkeeper"},
                "webhooks": [asked],
            }
        )
        wait_until_asked(kubectl)
        yield
    finally:
        program.stop()


def wait_until_asked(kubectl: Kubectl) -> None:
    """The API server asks a webhook some while after it was told to: until it refuses what only the webhook refuses."""
    spec = {"recorderRef": {"name": "teams"}, "ranges": [{"from": "200", "to": "100"}]}
    backwards = {"apiVersion": "callkeeper.dev/v1alpha1", "kind": "Blacklist", "metadata": {"name": "a"}, "spec": spec}
    deadline = time.monotonic() + 60
    while not kubectl.run("create", "--dry-run=server", "-f", "-", stdin=as_list([backwards])).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_side_apply_takes_every_good_document_but_for_nulls_that_are_warned_of(
    api: httpx.Client, namespace: str
):
    """Flux applies so, and kubectl where asked; nulls in what it sends are values, and refused."""
    kinds = served_kinds(api)
    refused, warned = {}, set()
    for position, document in enumerate(one for one in corpus() if one.good):
        value = {name: field for name, field in document.value.items() if name != "status"}
        value["metadata"] = {"name": f"good-{position}"}
        plural = kinds[value["apiVersion"], value["kind"]]
        answer = apply(api, path_of(plural, namespace, f"good-{position}"), value, dry_run=True)
        if not answer.is_success:
            refused[document.id] = answer.json()["message"]
        if any(finding.rule.endswith(".null") for finding in read_object(value).findings):
            warned.add(document.id)
    assert warned
    assert set(refused) == warned, refused


BLACKLIST = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: a}
spec:
  recorderRef: {name: t}
  """

SCALARS = {
    "a key given twice": "numbers: [{pattern: '1', pattern: '2'}]",
    "a field given twice": "numbers: []\n  numbers: []",
    "a number for a pattern": "numbers: [{pattern: 112}]",
    "an octal number for a pattern": "numbers: [{pattern: 0039}]",
    "a word that is a boolean": "numbers: [{pattern: '1', comment: on}]",
    "a letter that is a boolean": "numbers: [{pattern: '1', comment: y}]",
    "a quoted word": "numbers: [{pattern: '1', comment: 'on'}]",
    "a date for a comment": "numbers: [{pattern: '1', comment: 2026-11-23}]",
    "a sexagesimal number": "numbers: [{pattern: '1', comment: 12:30}]",
    "a null field": "numbers: null",
    "a tilde": "numbers: ~",
    "nothing after the colon": "numbers:",
    "an anchor": "numbers: [&a {pattern: '1'}, *a]",
    "a merge key": "numbers: [&a {pattern: '1'}, {<<: *a, comment: b}]",
    "a tag": "numbers: [{pattern: !!str 112}]",
    "a plus in front of a number": "numbers: [{pattern: +112}]",
    "an exponent": "numbers: [{pattern: 1e3}]",
    "a hexadecimal number": "numbers: [{pattern: 0x12}]",
    "an underscore in a number": "numbers: [{pattern: 1_000}]",
}


def test_scalars_of_yaml_are_read_as_the_api_server_reads_them(api: httpx.Client, namespace: str):
    ours, theirs = {}, {}
    for title, text in SCALARS.items():
        whole = BLACKLIST + text + "\n"
        content = read_text(whole, "a.yaml")
        (document,) = content.documents
        findings = [*content.findings, *(located.finding for located in document.findings)]
        wrong = any(finding.severity is Severity.ERROR for finding in findings)
        ours[title] = not wrong and read_object(document.value).resource is not None
        response = api.post(
            f"/apis/callkeeper.dev/v1alpha1/namespaces/{namespace}/blacklists",
            params={"dryRun": "All", "fieldValidation": "Strict"},
            content=whole.encode(),
            headers={"Content-Type": "application/yaml"},
        )
        theirs[title] = response.is_success
    assert ours == theirs
