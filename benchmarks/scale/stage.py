"""The stage: a control plane with the grown cluster in it, a real recorder, light ones, and the operator to measure."""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
from tests.cluster.api import api_client
from tests.cluster.build import binaries
from tests.cluster.control_plane import AUDIT_POLICY, ControlPlane, Settings
from tests.cluster.installing import install_crds
from tests.cluster.processes import free_port
from tests.operator.cluster_objects import RULES

from benchmarks.scale.applying import push
from benchmarks.scale.objects import Size, objects
from benchmarks.scale.operator import HOME, OperatorUnderTest
from benchmarks.scale.waiting import running, until
from callkeeper.kinds.terms import GROUP

REAL = 0
"""The recorder that is a real one."""

STATUSES = {"level": "Metadata", "resources": [{"group": GROUP, "resources": ["*/status"]}]}
AUDITED = {**AUDIT_POLICY, "rules": [STATUSES, *AUDIT_POLICY["rules"]]}
"""As docs/reference/webhook.md recommends, but that writes of statuses are counted instead of left out."""


@dataclass(kw_only=True)
class Stage:
    """What is measured on.

    Attributes:
        home: a folder for all of it.
        size: how many objects there are.
        control_plane: the API server.
        kubeconfig: the operator's, a service account with the rights it needs.
        api: speaks to it.
        recorder: speaks to the real recorder, as who offers calls and reads settings.
        light: speaks to the light ones.
        fakes: base URL of the light ones, without the number.
        operator: the one that is measured.
    """

    home: Path
    size: Size
    control_plane: ControlPlane
    kubeconfig: Path
    api: httpx.Client
    recorder: httpx.Client
    light: httpx.Client
    fakes: str
    operator: OperatorUnderTest


@contextmanager
def built_stage(home: Path, size: Size) -> Iterator[Stage]:
    """Set all of it up, with this many objects, and take it down in the end; the operator is not started yet."""
    with ExitStack() as stack:
        settings = Settings(audit_policy=AUDITED)
        control_plane = stack.enter_context(ControlPlane(home / "control-plane", binaries(), settings))
        install_crds(control_plane.access.kubeconfig)
        api = stack.enter_context(api_client(control_plane.access.kubeconfig))
        token = secrets.token_urlsafe(24)
        recorder = stack.enter_context(_real_recorder(home, token))
        fakes = stack.enter_context(_fake_recorders(size.recorders))
        endpoints = [f"{fakes}/{number}" for number in range(size.recorders)]
        endpoints[REAL] = str(recorder.base_url)
        for number in range(size.namespaces):
            _namespace(api, f"scale-{number}", token)
        _namespace(api, HOME, token)
        push(api, objects(size, endpoints))
        kubeconfig = control_plane.access.kubeconfig_with_token(_account(api), name="operator", namespace=HOME)
        yield Stage(
            home=home,
            size=size,
            control_plane=control_plane,
            kubeconfig=kubeconfig,
            api=api,
            recorder=recorder,
            light=stack.enter_context(httpx.Client()),
            fakes=fakes,
            operator=OperatorUnderTest(home, kubeconfig),
        )


def _namespace(api: httpx.Client, name: str, token: str) -> None:
    api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    secret = {"metadata": {"name": "recorder-token"}, "stringData": {"token": token}}
    api.post(f"/api/v1/namespaces/{name}/secrets", json=secret).raise_for_status()


def _account(api: httpx.Client) -> str:
    """The token of a service account that may do what an operator has to.

    As in a cluster; an administrator's certificate would be verified anew with each request.
    """
    name, group = "operator", "rbac.authorization.k8s.io"
    role = {"metadata": {"name": name}, "rules": RULES}
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": HOME}],
    }
    accounts = f"/api/v1/namespaces/{HOME}/serviceaccounts"
    for path, value in (
        (accounts, {"metadata": {"name": name}}),
        (f"/apis/{group}/v1/clusterroles", role),
        (f"/apis/{group}/v1/clusterrolebindings", binding),
    ):
        api.post(path, json=value).raise_for_status()
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    issued = api.post(f"{accounts}/{name}/token", json=request).raise_for_status().json()
    return str(issued["status"]["token"])


@contextmanager
def _real_recorder(home: Path, token: str) -> Iterator[httpx.Client]:
    tokens, users, port = home / "tokens.json", home / "users.csv", free_port()
    digest = sha256(token.encode()).hexdigest()
    principal = {"id": "benchmark", "roles": ["settings", "ingest", "administrator"], "tokenSha256": digest}
    tokens.touch(mode=0o600)
    tokens.write_text(json.dumps({"principals": [principal]}))
    header = "id,name,surname,email,lines,licences,roles,groups,status\n"
    users.write_text(header + "ada,Ada,Lovelace,ada@example.com,2001,CallRecording,user,sales,active\n")
    options = ["--state", str(home / "recorder"), "--tokens", str(tokens), "--users", str(users)]
    command = [sys.executable, "-m", "callkeeper", "recorder", "serve", *options, "--listen", f"127.0.0.1:{port}"]
    with running(command, home / "recorder.log"):
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            until(lambda: client.get("/readyz").is_success, "the recorder")
            yield client


@contextmanager
def _fake_recorders(count: int) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.scale.fake_recorders", str(count), str(port)]
    with running(command, Path(os.devnull)):
        url = f"http://127.0.0.1:{port}"
        until(lambda: httpx.get(f"{url}/0/v1/config").is_success, "the light recorders")
        yield url
