"""How the operator does on a grown cluster: 5,000 objects over 50 recorders, on a real API server on this machine.

The control plane of tests/cluster, the operator, one real recorder and 49 light ones (`fake_recorders`) share the
machine; figures hold for all of it together. Beside the first pass stands what a bare Kopf operator takes for one
status patch an object (`bare_kopf`), in the same run on the same objects. Bars are meant for two idle cores.
"""

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from tests.cluster.api import APPLY, api_client, apply, path_of
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.build import binaries
from tests.cluster.control_plane import AUDIT_POLICY, ControlPlane, Settings
from tests.cluster.installing import install_crds
from tests.cluster.processes import free_port
from tests.operator.cluster_objects import RULES

from benchmarks import scale_objects
from benchmarks.rows import Row
from benchmarks.scale_objects import FULL, QUICK, Object, Size
from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import GROUP
from callkeeper.operator.access import from_kubeconfig

AT_ONCE = 8
"""Connections that push objects: what a GitOps engine or kubectl uses."""

SINGLE_CHANGES, SINGLE_CHANGES_QUICK = 100, 10
PUSHED, PUSHED_QUICK = 1000, 50
WAIT_SECONDS = 300.0
LONG = 20_000

REAL = 0
"""The recorder that is a real one."""

HOME = "callkeeper"
"""The namespace of the operator."""

STATUSES = {"level": "Metadata", "resources": [{"group": GROUP, "resources": ["*/status"]}]}
AUDITED = {**AUDIT_POLICY, "rules": [STATUSES, *AUDIT_POLICY["rules"]]}
"""As docs/reference/webhook.md recommends, but that writes of statuses are counted instead of left out."""


class NotInTimeError(Exception):
    """What was waited for did not come; the figures so far mean nothing."""


def run(quick: bool) -> list[Row]:
    """Measure; one row a question."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callkeeper-scale-")))
        stage = stack.enter_context(_stage(home, size))
        rows = [_bare_kopf(stage), *_first_pass_and_restart(stage, stack)]
        rows += [
            _single_changes(stage, SINGLE_CHANGES_QUICK if quick else SINGLE_CHANGES),
            _push(stage, PUSHED_QUICK if quick else PUSHED),
            _long(stage, 1),
            _long(stage, 5),
            stage.operator.memory("peak of the operator's memory after all of it", "VmHWM", bar=None),
        ]
        return rows


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
    operator: "OperatorUnderTest"


@contextmanager
def _stage(home: Path, size: Size) -> Iterator[Stage]:
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
        _push_objects(api, scale_objects.objects(size, endpoints))
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


def _push_objects(api: httpx.Client, objects: Iterable[Object]) -> None:
    def push(value: Object) -> None:
        metadata = value["metadata"]
        path = path_of(NAMES[value["kind"]].plural, metadata["namespace"], metadata["name"])
        apply(api, path, value).raise_for_status()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(push, objects):
            pass


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
    with _process(command, home / "recorder.log"):
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            _until(lambda: client.get("/readyz").is_success, "the recorder")
            yield client


@contextmanager
def _fake_recorders(count: int) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.fake_recorders", str(count), str(port)]
    with _process(command, Path(os.devnull)):
        url = f"http://127.0.0.1:{port}"
        _until(lambda: httpx.get(f"{url}/0/v1/config").is_success, "the light recorders")
        yield url


class OperatorUnderTest:
    """The operator as a process that is started and ended."""

    def __init__(self, home: Path, kubeconfig: Path) -> None:
        self._home, self._kubeconfig = home, kubeconfig
        self._process: subprocess.Popen[bytes] | None = None
        # One client: making one costs 30 ms of processor time, which whoever is measured needs.
        self._client = httpx.Client()
        self._url = ""
        # Modules compiled beforehand, as in the image; the environment of a test run often forbids it.
        self._compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home / "bytecode")}
        modules = "import callkeeper.cli.operator, callkeeper.operator.serving, callkeeper.operator.kopf_watch"
        subprocess.run([sys.executable, "-c", modules], check=True, env=os.environ | self._compiled)

    def start(self) -> float:
        """Start it; how many seconds it took until the first pass was over."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        options = ["--listen", f"127.0.0.1:{port}", "--lease-namespace", HOME, "--without-audit"]
        begun = time.perf_counter()
        with (self._home / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "callkeeper", "operator", *options],
                env=os.environ | {"KUBECONFIG": str(self._kubeconfig)} | self._compiled,
                stdout=log,
                stderr=log,
            )
        _until(lambda: self._settled, "the operator's first pass", pause=0.05)
        return time.perf_counter() - begun

    @property
    def _settled(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise NotInTimeError(f"the operator ended: {(self._home / 'operator.log').read_text()[-2000:]}")
        # A standby is ready too, so whether it leads is asked first: asked last, it may have begun to in between.
        if "callkeeper_operator_leader 1.0" not in self._client.get(f"{self._url}/metrics").text:
            return False
        return self._client.get(f"{self._url}/readyz").is_success

    def stop(self) -> None:
        """End it as a rollout does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    @property
    def processor_seconds(self) -> float:
        """Processor time it has used so far: what does not depend on who else uses the machine."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what: str, name: str, *, bar: str | None) -> Row:
        """What it takes of memory, in MiB."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
        return Row(what=what, figure=kib / 1024, unit="MiB", bar=bar)


def _bare_kopf(stage: Stage) -> Row:
    result = stage.home / "bare-kopf.json"
    command = [sys.executable, "-m", "benchmarks.bare_kopf", str(result), str(stage.size.objects)]
    subprocess.run(
        command,
        check=True,
        timeout=WAIT_SECONDS,
        env=os.environ | {"KUBECONFIG": str(stage.kubeconfig)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    figures = json.loads(result.read_text())
    used, peak = figures["processorSeconds"], figures["peakMiB"]
    note = f"{used:.1f} s of processor time, peak {peak:.0f} MiB; programs no recorder"
    what = f"a bare Kopf operator: one status patch for each of {stage.size.objects} objects"
    return Row(what=what, figure=figures["seconds"], unit="s", note=note)


def _first_pass_and_restart(stage: Stage, stack: ExitStack) -> Iterator[Row]:
    stack.callback(stage.operator.stop)
    begun = time.perf_counter()
    first = stage.operator.start()
    used = stage.operator.processor_seconds
    if (verdicts := _verdicts(stage)) is None:
        # It said that it was ready, and was not: the time that counts is the objects'.
        _until(lambda: _verdicts(stage) is not None, "a status on every object", pause=0.2)
        first, verdicts = time.perf_counter() - begun, _verdicts(stage)
    assert verdicts is not None
    said = f"{verdicts['True']} in force, {verdicts['False']} in conflict"
    note = f"{said}; {used:.1f} s of processor time"
    what = f"first pass over {stage.size.objects} objects and {stage.size.recorders} recorders, from its start"
    yield Row(what=what, figure=first, unit="s", bar="≤ 18", note=note)
    yield stage.operator.memory("memory after the first pass", "VmRSS", bar="≤ 160")
    stage.operator.stop()
    assert stage.control_plane.access.audit_log is not None
    log = AuditLogReader(stage.control_plane.access.audit_log)
    again = stage.operator.start()
    writes = [request for request in log.writes() if request.group == "callkeeper.dev"]
    note = f"{len(writes)} writes of objects; {stage.operator.processor_seconds:.1f} s of processor time"
    yield Row(what="restart to settled", figure=again, unit="s", bar="≤ 3", note=note)


def _verdicts(stage: Stage) -> dict[str, int] | None:
    """How many objects say what of their being in force; None where one does not say it of its present generation."""
    found = {"True": 0, "False": 0}
    for kind in NAMES:
        for one in _all(stage.api, NAMES[kind].plural):
            status = _ready(one)
            if status is None:
                return None
            found[status] += 1
    return found


def _ready(one: Object) -> str | None:
    status = one["status"]
    if status.get("observedGeneration") != one["metadata"]["generation"]:
        return None
    said = {condition["type"]: condition["status"] for condition in status["conditions"]}
    return said["Ready"] if said["Ready"] != "Unknown" else None


def _all(api: httpx.Client, plural: str) -> Iterator[Object]:
    token = ""
    while True:
        parameters = {"limit": "500"} | ({"continue": token} if token else {})
        page = api.get(f"/apis/callkeeper.dev/v1alpha1/{plural}", params=parameters).raise_for_status().json()
        yield from page["items"]
        token = page["metadata"].get("continue", "")
        if not token:
            return


def _single_changes(stage: Stage, count: int) -> Row:
    """A number goes on a Blacklist of the real recorder: until a call from it is not recorded any more."""
    seconds = []
    for change in range(1, count + 1):
        number = stage.size.recorders * (change % 40)  # one of the real recorder's own lists
        value = scale_objects.blacklist(number, stage.size, change=change)
        caller = value["spec"]["numbers"][-1]["pattern"]
        assert _decides(stage.recorder, caller) != "Blacklisted"
        begun = time.perf_counter()
        _push_objects(stage.api, [value])
        _until(lambda caller=caller: _decides(stage.recorder, caller) == "Blacklisted", "a change", pause=0.005)
        seconds.append(time.perf_counter() - begun)
    ordered = sorted(seconds)
    p99 = ordered[max(0, -(-len(ordered) * 99 // 100) - 1)]
    note = f"median {statistics.median(ordered):.2f}, longest {ordered[-1]:.2f}, of {count}"
    return Row(what="apply to the recorder deciding otherwise, p99", figure=p99, unit="s", bar="≤ 1", note=note)


def _decides(recorder: httpx.Client, caller: str) -> str:
    """The reason of the decision on a call from that number to Ada."""
    name = secrets.token_hex(8)
    calling, called = {"number": caller}, {"user": "ada", "identity": "user"}
    body = {"nativeId": name, "conversation": name, "kind": "peerToPeer", "calling": calling, "called": called}
    answer = recorder.post("/v1/calls", json=body).raise_for_status().json()
    return str(answer["decisions"][0]["reason"])


def _push(stage: Stage, count: int) -> Row:
    """As a GitOps engine applies a commit that touches many files."""
    change = 77_777
    values = [scale_objects.blacklist(number, stage.size, change=change) for number in range(count)]
    begun, used = time.perf_counter(), stage.operator.processor_seconds
    asyncio.run(_push_at_once(stage, values))
    pushed = time.perf_counter() - begun
    _until(lambda: _changed(stage, change) == count, f"{count} changes in one push", pause=0.2)
    seconds = time.perf_counter() - begun
    what = f"{count} changed Blacklists in one push: until all are in force, from its start"
    note = f"the push itself {pushed:.1f} s; {stage.operator.processor_seconds - used:.1f} s of processor time"
    return Row(what=what, figure=seconds, unit="s", bar="≤ 10", note=note)


async def _push_at_once(stage: Stage, values: Iterable[Object]) -> None:
    """Server-side apply with half the processor time of `_push_objects`: GitOps engines are compiled programs."""
    connection = from_kubeconfig(stage.control_plane.access.kubeconfig).info
    connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=connection.tls())
    options = {"fieldManager": "tests", "fieldValidation": "Strict", "force": "true"}

    async def push(session: aiohttp.ClientSession, value: Object) -> None:
        metadata = value["metadata"]
        path = path_of(NAMES[value["kind"]].plural, metadata["namespace"], metadata["name"])
        body, headers = json.dumps(value), {"Content-Type": APPLY}
        async with session.patch(path, params=options, data=body, headers=headers) as response:
            response.raise_for_status()

    async with aiohttp.ClientSession(connection.server, connector=connector) as session:
        await asyncio.gather(*(push(session, value) for value in values))


def _changed(stage: Stage, change: int) -> int:
    """How many numbers of that change are in force, over all recorders."""
    urls = [f"{stage.fakes}/{number}/changed/{change:05}" for number in range(stage.size.recorders) if number != REAL]
    light = sum(int(stage.light.get(url).raise_for_status().text) for url in urls)
    config = stage.recorder.get("/v1/config").raise_for_status().json()["config"]
    return light + sum(entry["pattern"].endswith(f"{change:05}") for entry in config["blacklist"]["entries"])


def _long(stage: Stage, count: int) -> Row:
    """Long lists at once, for one recorder."""
    recorder = 1 + count % 2
    values = [
        scale_objects.long_blacklist(recorder, f"long-{count}-{number}", LONG, head=f"+4{count}{number}")
        for number in range(count)
    ]
    begun, used = time.perf_counter(), stage.operator.processor_seconds
    _push_objects(stage.api, values)
    for value in values:
        metadata = value["metadata"]
        path = path_of("blacklists", metadata["namespace"], metadata["name"])
        _until(lambda path=path: _ready(stage.api.get(path).json()) == "True", metadata["name"], pause=0.1)
    seconds = time.perf_counter() - begun
    what = f"{count * LONG:,} numbers in {count} Blacklist{'s' if count > 1 else ''}: apply to Ready"
    note = f"{stage.operator.processor_seconds - used:.1f} s of processor time"
    return Row(what=what, figure=seconds, unit="s", bar="≤ 5" if count == 1 else None, note=note)


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


def _until(condition: Callable[[], Any], what: str, *, pause: float = 0.05) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(pause)
    raise NotInTimeError(f"{what} did not come within {WAIT_SECONDS:g} s")
