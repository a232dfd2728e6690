"""The parts of an installation as processes: with the arguments, Secrets and ServiceAccounts that are shipped.

There are no nodes, so what a kubelet would do is done here: Secrets become files, the pod's namespace is filled in, and
names of Services become addresses of this machine.
"""

import base64
import json
import time
import urllib.request
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from tests.cluster.audit_log import Request
from tests.cluster.control_plane import Access
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_port
from tests.deploy.rendering import Objects, pod_templates
from tests.operator.processes import Logged

NAMESPACE = "callkeeper"
WEBHOOK = "callkeeper-webhook"
DEADLINE_SECONDS = 60.0


@dataclass(kw_only=True)
class Installed:
    """An installation whose parts run here.

    Attributes:
        objects: what was applied.
        access: the control plane.
        folder: for files of all parts.
        ports: on this machine, by part and port of its container.
        processes: those started.
    """

    objects: Objects
    access: Access
    folder: Path
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    processes: dict[str, Logged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kubectl = Kubectl(self.access.kubeconfig)
        self.templates = pod_templates(self.objects)
        for name, template in self.templates.items():
            for port in template["spec"]["containers"][0]["ports"]:
                self.ports[name, port["containerPort"]] = free_port()

    def address(self, name: str, port: int | None = None) -> str:
        """Where a part is, by a port of its container; by its first one where none is named."""
        (container,) = self.templates[name]["spec"]["containers"]
        return f"127.0.0.1:{self.ports[name, port or container['ports'][0]['containerPort']]}"

    def arguments(self, name: str) -> list[str]:
        """What a part is started with here."""
        (container,) = self.templates[name]["spec"]["containers"]
        return [self._here(name, argument) for argument in container["args"]]

    def start(self, name: str) -> Logged:
        """Start a part, and wait until its readiness probe is answered."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        self._mount(name)
        kubeconfig = self.access.kubeconfig_with_token(
            self.kubectl("create", "token", name, "--namespace", NAMESPACE, "--duration=1h").strip(),
            name=name,
            namespace=NAMESPACE,
        )
        speaks = self.templates[name]["spec"]["automountServiceAccountToken"]
        environment = {"KUBECONFIG": str(kubeconfig)} if speaks else {}
        self.processes[name] = Logged(home, *self.arguments(name), environment=environment)
        return self.processes[name]

    def probe(self, name: str, which: str) -> int:
        """The status that a probe of a part gets; 0 where nobody answers."""
        (container,) = self.templates[name]["spec"]["containers"]
        asked = container[which]["httpGet"]
        try:
            with urllib.request.urlopen(
                f"http://{self.address(name, asked['port'])}{asked['path']}", timeout=5
            ) as answer:
                return int(answer.status)
        except OSError as error:
            return getattr(error, "code", 0)

    def secret(self, name: str, key: str) -> str:
        """A key of a Secret of the installation."""
        found = self.kubectl.json("get", "secret", name, "--namespace", NAMESPACE)
        return base64.b64decode(found["data"][key]).decode()

    def metrics(self, monitor: dict[str, Any]) -> str:
        """What a ServiceMonitor would scrape of its part."""
        name = monitor["metadata"]["name"]
        (endpoint,) = monitor["spec"]["endpoints"]
        (container,) = self.templates[name]["spec"]["containers"]
        (port,) = [one["containerPort"] for one in container["ports"] if one["name"] == endpoint["port"]]
        request = urllib.request.Request(f"http://{self.address(name, port)}{endpoint['path']}")
        if "authorization" in endpoint:
            credentials = endpoint["authorization"]["credentials"]
            request.add_header("Authorization", f"Bearer {self.secret(credentials['name'], credentials['key'])}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def wait(self, name: str, which: str) -> None:
        """Wait until a probe of a part succeeds."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while self.probe(name, which) != 200:
            process = self.processes[name]
            assert process.process.poll() is None, process.text
            assert time.monotonic() < ends, f"{name}: {which} fails\n{process.text}"
            time.sleep(0.1)

    def end(self) -> None:
        """End every part."""
        for process in self.processes.values():
            process.end()

    def _here(self, name: str, argument: str) -> str:
        home = self.folder / name
        text = argument.replace("$(POD_NAMESPACE)", NAMESPACE)
        text = text.replace("=/etc/callkeeper/", f"={home}/etc/").replace("=/var/lib/callkeeper", f"={home}/data")
        for part, port in self.ports:
            text = text.replace(f"//{part}:{port}", f"//{self.address(part, port)}")
            if part == name:
                text = text.replace(f"listen=0.0.0.0:{port}", f"listen={self.address(part, port)}")
        return text.replace(f"{WEBHOOK}.{NAMESPACE}.svc", "127.0.0.1")

    def call_the_webhook_here(self) -> None:
        """Let the API server call the webhook by its address: the name of a Service leads nowhere without nodes."""
        (webhook,) = self.objects["ValidatingWebhookConfiguration", "", "callkeeper"]["webhooks"]
        path = webhook["clientConfig"]["service"]["path"]
        patch = [
            {"op": "remove", "path": "/webhooks/0/clientConfig/service"},
            {"op": "add", "path": "/webhooks/0/clientConfig/url", "value": f"https://{self.address(WEBHOOK)}{path}"},
        ]
        self.kubectl(
            "patch", "validatingwebhookconfiguration", "callkeeper", "--type=json", f"--patch={json.dumps(patch)}"
        )

    def _mount(self, name: str) -> None:
        for volume in self.templates[name]["spec"]["volumes"]:
            if "secret" not in volume:
                continue
            wanted = volume["secret"]["secretName"]
            got = self.kubectl.run("get", "secret", wanted, "--namespace", NAMESPACE, "--output", "json")
            if got.returncode and volume["secret"]["optional"]:
                continue
            assert got.returncode == 0, got.stderr
            secret = json.loads(got.stdout)
            folder = self.folder / name / "etc" / wanted
            folder.mkdir(parents=True, exist_ok=True)
            for key, text in secret["data"].items():
                path = folder / key
                path.write_bytes(base64.b64decode(text))
                path.chmod(volume["secret"]["defaultMode"])


Permission = tuple[str, str, str]
"""Group, resource with its subresource, verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A permission as it stands in a role.

    Attributes:
        permission: what is allowed.
        namespace: where; empty for the whole cluster.
        names: of the objects it is limited to; empty for all.
    """

    permission: Permission
    namespace: str
    names: tuple[str, ...]

    def covers(self, request: Request) -> bool:
        """Whether the request needs this."""
        return (
            self.permission == (request.group, request.resource, request.verb)
            and self.namespace in {"", request.namespace}
            and (not self.names or request.name in self.names)
        )


def grants(objects: Objects, account: str) -> list[Grant]:
    """Everything an account may do."""
    found = []
    for (kind, namespace, _), binding in objects.items():
        if kind not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        if not any(subject["name"] == account for subject in binding["subjects"]):
            continue
        reference = binding["roleRef"]
        role: dict[str, Any] = objects[reference["kind"], namespace, reference["name"]]
        for rule in role["rules"]:
            for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
                names = tuple(rule.get("resourceNames", ()))
                found.append(Grant(permission=(group, resource, verb), namespace=namespace, names=names))
    return found
