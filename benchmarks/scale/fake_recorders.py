"""Many recorders in one process, for measuring what programs them: `python -m benchmarks.scale.fake_recorders COUNT`.

They keep the contract of configuration (owner, epoch, precondition, read-back, the last configs by revision) in memory,
and nothing else of a recorder. The base URL of the first is printed; the others differ in the last number.
"""

import json
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aiohttp import web

from callkeeper.policy.config_json import SECTIONS

MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Fake:
    """One recorder's configuration."""

    owner: str | None = None
    epoch: int = 0
    revision: str | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)

    def state(self) -> bytes:
        """The answer to GET /v1/config."""
        envelope = {
            "revision": self.revision,
            "owner": self.owner,
            "epoch": self.epoch,
            "sections": dict(SECTIONS),
            "spentConfirmations": [],
        }
        config = b"null" if self.revision is None else self.bodies[self.revision]
        return json.dumps(envelope).encode()[:-1] + b', "config": ' + config + b"}"

    def refusal(self, body: dict[str, Any], request: web.Request) -> web.Response | None:
        """Why a config is not taken, or None."""
        if self.owner not in {None, body["owner"]} and not body.get("takeOver"):
            return _problem(409, "owner-conflict")
        if self.owner == body["owner"] and body["epoch"] < self.epoch:
            return _problem(409, "stale-epoch")
        wanted = request.headers.get("If-Match", "").strip('"')
        first = request.headers.get("If-None-Match") == "*"
        if (self.revision is None) is not first or (not first and wanted != self.revision):
            return _problem(412, "revision-mismatch")
        return None


class Fakes:
    """All of them, behind one server."""

    def __init__(self, count: int) -> None:
        self._fakes = [Fake() for _ in range(count)]

    def application(self) -> web.Application:
        """The server's routes."""
        application = web.Application(client_max_size=MAX_BYTES)
        application.router.add_get("/{number}/v1/config", self._read)
        application.router.add_get("/{number}/v1/config/{revision}", self._body)
        application.router.add_get("/{number}/changed/{ending}", self._changed)
        application.router.add_put("/{number}/v1/config", self._put)
        application.router.add_post("/{number}/v1/config:check", self._check)
        return application

    def _fake(self, request: web.Request) -> Fake:
        return self._fakes[int(request.match_info["number"])]

    async def _read(self, request: web.Request) -> web.Response:
        fake = self._fake(request)
        tag = {} if fake.revision is None else {"ETag": f'"{fake.revision}"'}
        if fake.revision is not None and request.headers.get("If-None-Match") == tag["ETag"]:
            return web.Response(status=304, headers=tag)
        return web.Response(body=fake.state(), content_type="application/json", headers=tag)

    async def _body(self, request: web.Request) -> web.Response:
        body = self._fake(request).bodies.get(request.match_info["revision"])
        return _problem(404, "unknown-revision") if body is None else web.Response(body=body)

    async def _put(self, request: web.Request) -> web.Response:
        fake, body = self._fake(request), await request.json()
        refusal = fake.refusal(body, request)
        if refusal is not None:
            return refusal
        canonical = _canonical(body["config"])
        revision = sha256(canonical).hexdigest()
        fake.owner, fake.epoch, fake.revision = body["owner"], body["epoch"], revision
        fake.bodies[revision] = canonical
        while len(fake.bodies) > 20:
            fake.bodies.pop(next(iter(fake.bodies)))
        return web.json_response({"revision": revision, "changed": True})

    async def _changed(self, request: web.Request) -> web.Response:
        """For who measures, no part of the contract: how many patterns in force end so."""
        fake, ending = self._fake(request), request.match_info["ending"]
        body = b"" if fake.revision is None else fake.bodies[fake.revision]
        # A pattern is the last member of its entry; reading all of it would slow down who is measured.
        return web.Response(text=str(body.count(f'{ending}"}}'.encode())))

    async def _check(self, request: web.Request) -> web.Response:
        body = await request.json()
        names = ("recordings", "shortens", "deletes", "holds", "consideredCalls", "changedDecisions")
        effects = {**dict.fromkeys(names, 0), "removesBlacklistEntries": 0, "sample": []}
        revision = sha256(_canonical(body["config"])).hexdigest()
        return web.json_response({"revision": revision, "changes": [], "effects": effects, "spent": []})


def _canonical(config: dict[str, Any]) -> bytes:
    return json.dumps(config, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _problem(status: int, name: str) -> web.Response:
    body = {"type": f"/problems/{name}", "title": name, "status": status}
    return web.json_response(body, status=status, content_type="application/problem+json")


async def _announce(application: web.Application, port: int) -> None:
    del application
    print(f"http://127.0.0.1:{port}/0", flush=True)


if __name__ == "__main__":
    PORT = int(sys.argv[2])
    SERVED = Fakes(int(sys.argv[1])).application()
    SERVED.on_startup.append(lambda application: _announce(application, PORT))
    web.run_app(SERVED, host="127.0.0.1", port=PORT, print=None, access_log=None)
