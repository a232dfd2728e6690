"""The admission webhook over TLS: ordinary objects beside others, and a Blacklist of 20,000 numbers that changes.

`callkeeper webhook` runs as a process of its own; the API server it asks for other objects answers from memory, so that
what is measured is the webhook. The peer is the bare minimum of a webhook: read the JSON, allow it, nothing else.
"""

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Self

import aiohttp
from aiohttp import web

from benchmarks.rows import Row
from callkeeper.kinds.crd_names import NAMES
from callkeeper.operator.certificates.authority import Pair, make_authority, make_leaf

NUMBERS = 20_000
NAMESPACE = "voice"


def run(quick: bool) -> list[Row]:
    """Milliseconds an answer, the 99th percentile."""
    return asyncio.run(_run(200 if quick else 2_000, 10 if quick else 120))


async def _run(ordinary: int, large: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _Server(_api_server(), None) as api:
            leaf = make_leaf(
                make_authority(timedelta(days=1), now=datetime.now(UTC)), ("127.0.0.1",), timedelta(days=1),
                now=datetime.now(UTC),
            )  # fmt: skip
            with _webhook(folder, leaf, f"http://127.0.0.1:{api.port}") as port:
                small = await _measured(port, [_small(number) for number in range(ordinary)])
                big = await _measured(port, [_large(number) for number in range(large)])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        async with _Server(_bare(), context) as bare:
            bare_small = await _measured(bare.port, [_small(number) for number in range(ordinary)])
            bare_big = await _measured(bare.port, [_large(number) for number in range(large)])
    sizes = f"{len(_large(0)) / 1e6:.1f} MB a review"
    return [
        Row(what=f"{ordinary:,} updates of ordinary objects, one after the other, 99th percentile", figure=small[99],
            unit="ms", bar="≤ 20", peers={"allow all": bare_small[99]}, note=f"median {small[50]:.1f}"),
        Row(what=f"{large:,} updates of a Blacklist of {NUMBERS:,} numbers, 99th percentile", figure=big[99],
            unit="ms", bar="≤ 150", peers={"allow all": bare_big[99]}, note=f"median {big[50]:.0f}, {sizes}"),
    ]  # fmt: skip


async def _measured(port: int, bodies: list[bytes]) -> dict[int, float]:
    """Percentiles of the milliseconds an answer takes, over one connection as the API server keeps it."""
    taken = []
    connector = aiohttp.TCPConnector(ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        for number, body in enumerate([bodies[0], *bodies]):
            started = time.perf_counter()
            async with session.post(f"https://127.0.0.1:{port}/v1/admit", data=body) as response:
                answer = await response.json()
            assert answer["response"]["allowed"], answer
            if number:
                taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return {50: taken[len(taken) // 2], 99: taken[int(len(taken) * 0.99)]}


def _small(number: int) -> bytes:
    name = ("RecordingPolicy", "UserPolicy", "RecordingFilter", "Blacklist", "RetentionRule")[number % 5]
    specs: dict[str, dict[str, Any]] = {
        "RecordingPolicy": {"defaultMode": "OnDemand", "alwaysOnLimitPercent": number % 20 * 5},
        "UserPolicy": {"overrides": [{"user": f"user-{n}", "mode": "AlwaysOn"} for n in range(20)]},
        "RecordingFilter": {"internal": bool(number % 2)},
        "Blacklist": {"numbers": [{"pattern": f"+39{number % 1000:03}{n:04}"} for n in range(20)]},
        "RetentionRule": {"retention": f"{number % 300 + 1}d"},
    }
    before = {} if name != "RetentionRule" else {"retention": "forever"}
    return _review(name, before, specs[name])


def _large(number: int) -> bytes:
    before = {"numbers": [{"pattern": f"+39{n * 7919 % 10**10:010}"} for n in range(NUMBERS)]}
    after = deepcopy(before)
    after["numbers"][number % NUMBERS] = {"pattern": f"+44{number:010}"}
    return _review("Blacklist", before, after)


def _review(kind: str, before: dict[str, Any], after: dict[str, Any]) -> bytes:
    def document(spec: dict[str, Any], generation: int) -> dict[str, Any]:
        metadata = {"name": "one", "namespace": NAMESPACE, "uid": "uid-1", "generation": generation}
        spec = {**spec, "recorderRef": {"name": "teams"}}
        return {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    request = {
        "uid": "review",
        "operation": "UPDATE",
        "namespace": NAMESPACE,
        "name": "one",
        "resource": {"group": "callkeeper.dev", "resource": NAMES[kind].plural},
        "userInfo": {"username": "ada@example.com"},
        "object": document(after, 2),
        "oldObject": document(before, 1),
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


class _Server:
    """An application on a port of its own."""

    def __init__(self, app: web.Application, tls: ssl.SSLContext | None) -> None:
        self._runner = web.AppRunner(app, access_log=None)
        self._tls = tls
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def _api_server() -> web.Application:
    """Lists of ten objects of each kind, and a Recorder."""

    async def answer(request: web.Request) -> web.Response:
        plural = request.path.rpartition("/")[2]
        kind = next((kind for kind, names in NAMES.items() if names.plural == plural), None)
        if kind is None:
            return web.json_response({"kind": "Status"}, status=404)
        count = 1 if kind == "Recorder" else 10
        items = [json.loads(_small(3))["request"]["object"] for _ in range(count)]
        for number, item in enumerate(items):
            item["kind"] = kind
            item["metadata"] |= {"name": f"other-{number}", "uid": f"other-{number}", "resourceVersion": "1"}
            item["spec"] = {"recorderRef": {"name": "teams"}}
        if kind == "Recorder":
            items[0]["metadata"]["name"] = "teams"
            items[0]["spec"] = {}
        return web.json_response({"apiVersion": "callkeeper.dev/v1alpha1", "metadata": {}, "items": items})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


def _bare() -> web.Application:
    async def admit(request: web.Request) -> web.Response:
        review = json.loads(await request.read())
        response = {"uid": review["request"]["uid"], "allowed": True}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/admit", admit)
    return app


@contextmanager
def _webhook(folder: Path, leaf: Pair, api: str) -> Iterator[int]:
    certificate, key, kubeconfig = folder / "tls.crt", folder / "tls.key", folder / "kubeconfig"
    certificate.write_bytes(leaf.certificate)
    key.write_bytes(leaf.key)
    cluster = {"name": "one", "cluster": {"server": api}}
    context = {"name": "one", "context": {"cluster": "one", "user": ""}}
    config = {"clusters": [cluster], "contexts": [context], "current-context": "one", "users": []}
    kubeconfig.write_text(json.dumps(config))
    command = [sys.executable, "-m", "callkeeper", "webhook", "--listen", "127.0.0.1:0"]
    options = ["--health-listen", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(key)]
    with Popen([*command, *options], env={"KUBECONFIG": str(kubeconfig), "HOME": str(folder)}, stderr=PIPE) as process:
        try:
            assert process.stderr is not None
            said = next(json.loads(line) for line in process.stderr if b"webhook.listening" in line)
            yield int(said["port"])
        finally:
            process.kill()
