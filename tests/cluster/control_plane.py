"""A real Kubernetes control plane on this machine: etcd, kube-apiserver and kube-controller-manager, and no node.

`ControlPlane` starts and stops one. What tests and people need to talk to it is `Access`, which can also be an existing
cluster's. Sharing one among the workers of a test run is `keeper`'s; building the programs is `build`'s.

Facts
    Namespaces end, owner references are followed and service accounts appear because the controller manager runs these
    four controllers. Pods stay pending: there is no scheduler and no node.
    An API server whose etcd is gone does not end when asked to, so they are stopped in the order controller manager,
    API server, etcd.
    Every request of others than the control plane itself is in `audit.log`, one JSON object a line, written before it
    is answered; of our API group with the objects.
"""

import json
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from tests.cluster.build import Binaries
from tests.cluster.certificates import Authority, Pair, service_account_token, signing_pair
from tests.cluster.kubeconfig import with_certificate, with_token, write_kubeconfig
from tests.cluster.processes import Program, answers, free_port

CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)

CONTROLLER_MANAGER_USER = "tests:controller-manager"

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "omitManagedFields": True,
    "rules": [
        {"level": "None", "users": ["system:apiserver", CONTROLLER_MANAGER_USER]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/version*", "/openapi*", "/api*"]},
        {
            "level": "RequestResponse",
            "resources": [{"group": "callkeeper.dev"}],
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
        },
        {"level": "Metadata"},
    ],
}
"""What the audit log and the audit webhook get to know, where a test gives no policy of its own."""

TRIES = 3
"""A port that was free may be taken by the time it is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWebhook:
    """Where the API server sends its audit events.

    Attributes:
        url: takes `EventList`s by POST; plain HTTP is fine on this machine.
        token: sent as a bearer token, or None.
        ca: the authority of an HTTPS URL's certificate, PEM.
        max_wait_seconds: how long a batch may wait to be filled.
    """

    url: str
    token: str | None = None
    ca: bytes = b""
    max_wait_seconds: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a control plane is started with beyond the usual.

    Attributes:
        audit_webhook: gets the audit events, or None.
        audit_policy: what is audited.
        api_server_arguments: appended to the API server's.
    """

    audit_webhook: AuditWebhook | None = None
    audit_policy: dict[str, Any] = field(default_factory=lambda: AUDIT_POLICY)
    api_server_arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a cluster as its administrator.

    Attributes:
        url: of the API server.
        ca: the authority of its certificate, PEM.
        kubeconfig: the administrator's.
        folder: for files that belong to it, such as further kubeconfigs.
        audit_log: where the API server writes its audit events; None for an existing cluster.
        signing_key: of service accounts' tokens; None for an existing cluster.
    """

    url: str
    ca: bytes
    kubeconfig: Path
    folder: Path
    audit_log: Path | None = None
    signing_key: Path | None = None

    def short_token(self, namespace: str, name: str, *, uid: str, seconds: float) -> str:
        """A service account's token that ends sooner than the API server would issue it."""
        assert self.signing_key is not None, "an existing cluster's signing key is not ours"
        return service_account_token(
            self.signing_key, issuer=f"{self.url}/", namespace=namespace, name=name, uid=uid, seconds=seconds
        )

    def kubeconfig_with_token(self, token: str, *, name: str, namespace: str, url: str | None = None) -> Path:
        """A kubeconfig for whoever bears the token, by way of another URL (a proxy) where one is given."""
        path = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(path, url=url or self.url, ca=self.ca, user=with_token(token), namespace=namespace)

    def to_json(self) -> dict[str, str | None]:
        """For another process."""
        return {
            "url": self.url,
            "ca": self.ca.decode(),
            "kubeconfig": str(self.kubeconfig),
            "folder": str(self.folder),
            "auditLog": None if self.audit_log is None else str(self.audit_log),
            "signingKey": None if self.signing_key is None else str(self.signing_key),
        }

    @classmethod
    def from_json(cls, value: dict[str, str | None]) -> Self:
        """What `to_json` gave."""
        url, ca, kubeconfig, folder = value["url"], value["ca"], value["kubeconfig"], value["folder"]
        assert url is not None
        assert ca is not None
        assert kubeconfig is not None
        assert folder is not None
        audit_log, signing_key = value["auditLog"], value["signingKey"]
        return cls(
            url=url,
            ca=ca.encode(),
            kubeconfig=Path(kubeconfig),
            folder=Path(folder),
            audit_log=None if audit_log is None else Path(audit_log),
            signing_key=None if signing_key is None else Path(signing_key),
        )


class ControlPlane:
    """One control plane with its data in a folder; a context that starts and removes it.

    `etcd`, `api_server` and `controller_manager` can be stopped, killed, paused and started one by one; `authority`
    signs certificates of further users.
    """

    authority: Authority

    etcd: Program
    api_server: Program
    controller_manager: Program
    access: Access

    def __init__(self, folder: Path, programs: Binaries, settings: Settings | None = None) -> None:
        """Prepare; nothing runs yet.

        Args:
            folder: for data, certificates and logs; made where it is missing.
            programs: see `build`.
            settings: see there.
        """
        self._folder = folder
        self._programs = programs
        self._settings = settings or Settings()
        self._etcd_url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def start(self) -> None:
        """Start it; returns when it serves.

        Raises:
            StartError: it does not.
        """
        for attempt in range(1, TRIES + 1):
            self._prepare()
            try:
                for program in (self.etcd, self.api_server):
                    program.start()
                self.api_server.wait()
                self.controller_manager.start()
            except BaseException as error:
                self.remove()
                if attempt == TRIES or "address already in use" not in str(error):
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop it in order; what is stored stays, and `start_again` continues with it."""
        for program in (self.controller_manager, self.api_server, self.etcd):
            program.stop()

    def start_again(self) -> None:
        """Continue after `stop`."""
        self.etcd.start()
        self.api_server.start()
        self.api_server.wait()
        self.controller_manager.start()

    def remove(self) -> None:
        """End it at once and forget what was stored; the logs stay."""
        for program in (self.controller_manager, self.api_server, self.etcd):
            program.kill()
        shutil.rmtree(self._folder / "etcd", ignore_errors=True)

    def compact(self) -> None:
        """Let etcd forget all versions but the last: with the API server restarted, older watches get 410 Gone."""
        with httpx.Client(base_url=self._etcd_url, timeout=30) as client:
            key = {"key": "L3JlZ2lzdHJ5Lw=="}  # any; the answer's header names the revision
            header = client.post("/v3/kv/range", json=key).raise_for_status().json()["header"]
            client.post("/v3/kv/compaction", json={"revision": header["revision"], "physical": True}).raise_for_status()

    def _prepare(self) -> None:
        folder, settings = self._folder, self._settings
        authority = self.authority = Authority(folder / "certificates")
        signing = signing_pair(folder / "certificates")
        url = f"https://127.0.0.1:{free_port()}"
        ca = authority.file.read_bytes()
        admin = authority.client("kubernetes-admin", "system:masters")
        kubeconfig = write_kubeconfig(folder / "kubeconfig", url=url, ca=ca, user=with_certificate(admin))
        audit_log = folder / "audit.log"
        audit_log.touch()
        self.access = Access(
            url=url, ca=ca, kubeconfig=kubeconfig, folder=folder, audit_log=audit_log, signing_key=signing.key
        )
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        programs = self._programs
        self.etcd = Program(
            "etcd", [programs.etcd, *self._etcd_arguments()], log=folder / "etcd.log", ready=lambda: True
        )
        context = ssl.create_default_context(cadata=ca.decode())
        context.load_cert_chain(admin.certificate, admin.key)
        arguments = [*self._api_server_arguments(authority, signing), *settings.api_server_arguments]
        self.api_server = Program(
            "kube-apiserver",
            [programs.api_server, *arguments],
            log=folder / "kube-apiserver.log",
            ready=lambda: answers(f"{url}/readyz", context),
        )
        manager = authority.client(CONTROLLER_MANAGER_USER, "system:masters")
        write_kubeconfig(folder / "controller-manager", url=url, ca=ca, user=with_certificate(manager))
        self.controller_manager = Program(
            "kube-controller-manager",
            [
                programs.controller_manager,
                f"--kubeconfig={folder / 'controller-manager'}",
                f"--controllers={','.join(CONTROLLERS)}",
                "--leader-elect=false",
                "--use-service-account-credentials=false",
                "--secure-port=0",
                f"--service-account-private-key-file={signing.key}",
                f"--root-ca-file={authority.file}",
            ],
            log=folder / "kube-controller-manager.log",
            ready=lambda: True,
        )

    def _etcd_arguments(self) -> list[str]:
        return [
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server_arguments(self, authority: Authority, signing: Pair) -> list[str]:
        folder, url = self._folder, self.access.url
        serving = authority.server("kube-apiserver")
        policy = folder / "audit-policy.json"
        policy.write_text(json.dumps(self._settings.audit_policy))
        arguments = [
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={url.rpartition(':')[2]}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={authority.file}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
            f"--service-account-issuer={url}/",
            f"--service-account-key-file={signing.certificate}",
            f"--service-account-signing-key-file={signing.key}",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.access.audit_log}",
            "--audit-log-mode=blocking",
        ]
        webhook = self._settings.audit_webhook
        if webhook is not None:
            user = with_token(webhook.token) if webhook.token else {}
            config = write_kubeconfig(folder / "audit-webhook", url=webhook.url, ca=webhook.ca, user=user)
            arguments += [
                f"--audit-webhook-config-file={config}",
                f"--audit-webhook-batch-max-wait={webhook.max_wait_seconds}s",
                "--audit-webhook-initial-backoff=1s",
            ]
        return arguments
