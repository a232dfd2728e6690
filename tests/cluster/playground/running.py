"""The parts of Callkeeper as processes on this machine, against a control plane of ours, as the shipped accounts.

They run as processes because there is no node; everything else is as it is installed: the CRDs and the base of
`deploy/kustomize`, its service accounts and roles, its webhook configuration with a URL in the place of a Service.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.build import Binaries
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import AuditWebhook, ControlPlane, Settings
from tests.cluster.kubeconfig import with_certificate, write_kubeconfig
from tests.cluster.kubectl import Kubectl
from tests.cluster.playground.tokens import write_secret, write_tokens
from tests.cluster.processes import Program, answers, free_port

ROOT = Path(__file__).parents[3]
KUSTOMIZE = ROOT / "deploy" / "kustomize"
EXAMPLE = ROOT / "examples" / "quickstart"

INSTALLED = "callkeeper"
"""The namespace that the base installs into."""

NAMESPACE, RECORDER = "voice", "quickstart"
PERSON = "you@example.com"
"""Whose kubeconfig it is: the name that the audit log will show."""

Say = Callable[[str], None]
"""Takes a line for the person who waits."""

STRICT = ("--server-side", "--force-conflicts", "--validate=strict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """What runs, and how to reach it.

    Attributes:
        folder: everything of it; removed at the end.
        kubeconfig: of the person.
        recorder: URL of the recorder.
        authorization: a file with the header of whoever offers calls to it.
        collector: URL of the audit collector.
        auditor_token: a file with the token of an auditor.
        logs: of each program.
    """

    folder: Path
    kubeconfig: Path
    recorder: str
    authorization: Path
    collector: str
    auditor_token: Path
    logs: Path

    @property
    def log(self) -> str:
        """The name of the recorder's audit log."""
        return f"{NAMESPACE}/{RECORDER}"


@contextmanager
def playground(folder: Path, programs: Binaries, say: Say) -> Iterator[Playground]:
    """Start everything, and end it when the context is left.

    Args:
        folder: an empty folder for all of it.
        programs: the control plane's.
        say: is told what begins.

    Raises:
        StartError: a program did not become ready.
        KubectlError: the API server refused something that ships.
    """
    parts = _Parts(folder, programs, say)
    try:
        parts.start()
        yield parts.playground
    finally:
        say("Removing everything …")
        parts.end()


class _Parts:
    """Everything that runs, from the control plane to the webhook."""

    def __init__(self, folder: Path, programs: Binaries, say: Say) -> None:
        self._folder, self._say = folder, say
        self._running: list[Program] = []
        self._authority = Authority(folder / "authority")
        self._serving = self._authority.server("webhook")
        self._ports = {name: free_port() for name in ("collector", "recorder", "operator", "webhook", "health")}
        self._audit_token = write_secret(folder / "audit-webhook-token", secrets.token_urlsafe(24))
        self._changes_token = write_secret(folder / "changes-token", secrets.token_urlsafe(24))
        receiver = AuditWebhook(
            url=f"{self._url('webhook', tls=True)}/v1/audit-webhook",
            token=self._audit_token.read_text(),
            ca=self._authority.file.read_bytes(),
        )
        self._control_plane = ControlPlane(folder / "control-plane", programs, Settings(audit_webhook=receiver))

    @property
    def playground(self) -> Playground:
        """What a person is told."""
        return Playground(
            folder=self._folder,
            kubeconfig=self._folder / "kubeconfig",
            recorder=self._url("recorder"),
            authorization=self._folder / "authorization",
            collector=self._url("collector"),
            auditor_token=self._folder / "auditor-token",
            logs=self._folder / "logs",
        )

    def start(self) -> None:
        (self._folder / "logs").mkdir()
        self._say("Starting etcd, kube-apiserver and kube-controller-manager …")
        self._control_plane.start()
        kubectl = Kubectl(self._control_plane.access.kubeconfig)
        self._say("Installing the definitions and deploy/kustomize/base …")
        kubectl("apply", *STRICT, "--kustomize", KUSTOMIZE / "crds")
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        kubectl("apply", *STRICT, "--kustomize", KUSTOMIZE / "base")
        self._say("Starting the audit collector, a recorder, the operator and its webhook …")
        self._start_collector()
        self._start_recorder()
        self._start_operator(kubectl)
        self._start_webhook(kubectl)
        self._say("Applying examples/quickstart …")
        self._apply_example(kubectl)
        self._write_kubeconfig()

    def end(self) -> None:
        for program in reversed(self._running):
            program.stop()
        self._control_plane.remove()

    def _start_collector(self) -> None:
        tokens = write_tokens(
            self._folder / "collector-tokens.json",
            {
                "recorder": {"roles": ["sender"], "logs": [f"{NAMESPACE}/*"]},
                "operator": {"roles": ["operator"]},
                "auditor": {"roles": ["auditor"], "email": PERSON},
            },
        )
        for name, token in tokens.items():
            write_secret(self._folder / f"{name}-token", token)
        options = ["--dir", self._folder / "audit", "--tokens", self._folder / "collector-tokens.json"]
        self._run("collector", "audit", "serve", *options)

    def _start_recorder(self) -> None:
        tokens = write_tokens(
            self._folder / "recorder-tokens.json",
            {"operator": {"roles": ["settings"]}, "telephony": {"roles": ["ingest"]}},
        )
        write_secret(self._folder / "authorization", f"Authorization: Bearer {tokens['telephony']}\n")
        write_secret(self._folder / "settings-token", tokens["operator"])
        options: list[str | Path] = ["--state", self._folder / "recorder", "--users", EXAMPLE / "users.csv"]
        options += ["--tokens", self._folder / "recorder-tokens.json", "--log", f"{NAMESPACE}/{RECORDER}"]
        options += ["--collector", self._url("collector"), "--collector-token-file", self._folder / "recorder-token"]
        self._run("recorder", "recorder", "serve", *options)

    def _start_operator(self, kubectl: Kubectl) -> None:
        options: list[str | Path] = ["--lease-namespace", INSTALLED, "--changes-token-file", self._changes_token]
        options += ["--collector", self._url("collector"), "--collector-token-file", self._folder / "operator-token"]
        self._run("operator", "operator", *options, kubeconfig=self._account(kubectl, "callkeeper-operator"))

    def _start_webhook(self, kubectl: Kubectl) -> None:
        options: list[str | Path] = ["--tls-cert", self._serving.certificate, "--tls-key", self._serving.key]
        options += ["--operator", self._url("operator"), "--changes-token-file", self._changes_token]
        options += ["--audit-webhook-token-file", self._audit_token]
        options += ["--health-listen", f"127.0.0.1:{self._ports['health']}"]
        account = self._account(kubectl, "callkeeper-webhook")
        self._run("webhook", "webhook", *options, kubeconfig=account, health="health")
        found = kubectl.json("get", "validatingwebhookconfiguration", "callkeeper")
        for webhook in found["webhooks"]:
            url = f"{self._url('webhook', tls=True)}/v1/admit"
            webhook["clientConfig"] = {"url": url, "caBundle": _base64(self._authority.file)}
        kubectl("replace", "--filename", "-", stdin=json.dumps(found))

    def _apply_example(self, kubectl: Kubectl) -> None:
        kubectl("create", "namespace", NAMESPACE)
        inside = Kubectl(kubectl.kubeconfig, namespace=NAMESPACE)
        token = (self._folder / "settings-token").read_text()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "recorder-token"}}
        inside.apply(
            secret | {"stringData": {"token": token}},
            {
                "apiVersion": "callkeeper.dev/v1alpha1",
                "kind": "Recorder",
                "metadata": {"name": RECORDER},
                "spec": {"endpoint": self._url("recorder"), "credentialsSecretRef": {"name": "recorder-token"}},
            },
        )
        files = [file for file in sorted(EXAMPLE.glob("*.yaml")) if file.name != "recorder.yaml"]
        inside("apply", *STRICT, *(part for file in files for part in ("--filename", file)))
        inside("wait", "--for=condition=Ready", "callkeeper", "--all", "--timeout=60s")

    def _write_kubeconfig(self) -> None:
        access = self._control_plane.access
        person = self._control_plane.authority.client(PERSON, "system:masters")
        path = self._folder / "kubeconfig"
        write_kubeconfig(path, url=access.url, ca=access.ca, user=with_certificate(person), namespace=NAMESPACE)

    def _account(self, kubectl: Kubectl, name: str) -> Path:
        token = kubectl("create", "token", name, "--namespace", INSTALLED, "--duration=24h").strip()
        return self._control_plane.access.kubeconfig_with_token(token, name=name, namespace=INSTALLED)

    def _url(self, name: str, *, tls: bool = False) -> str:
        return f"{'https' if tls else 'http'}://127.0.0.1:{self._ports[name]}"

    def _run(
        self, name: str, *arguments: str | Path, kubeconfig: Path | None = None, health: str | None = None
    ) -> None:
        command = [Path(sys.executable).with_name("callkeeper"), *arguments]
        program = Program(
            name,
            [*command, "--listen", f"127.0.0.1:{self._ports[name]}"],
            log=self._folder / "logs" / f"{name}.log",
            ready=lambda: answers(f"{self._url(health or name)}/readyz"),
            environment=_environment(self._folder, kubeconfig),
        )
        self._running.append(program)
        program.start()
        program.wait()


def _environment(folder: Path, kubeconfig: Path | None) -> Mapping[str, str]:
    """What a part sees of the surroundings: nothing of the person's own cluster."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(folder)} | ({} if kubeconfig is None else {"KUBECONFIG": str(kubeconfig)})


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
