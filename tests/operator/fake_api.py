"""An API server in this process that keeps what the operator asks of one: objects, versions, pages, failures.

For what a real one does not do on demand. What it must do as the real one does is held against that one elsewhere.
"""

import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from callkeeper.operator.access import Access
from callkeeper.operator.api import KubeApi
from callkeeper.operator.connection import Connection


class FakeApi:
    """Keeps objects by path."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 100
        self.failing: int | None = None
        """Every request is answered with this status, where there is one."""
        self.gone_pages = 0
        """So many continuations are answered with 410."""
        self.tokens: set[str] | None = None
        """The tokens that are let in; None lets everybody in."""
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    @asynccontextmanager
    async def serving(self, **access: Any) -> AsyncIterator[KubeApi]:
        """Serve, and give a client."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        api = KubeApi(Access(info=Connection(server=self.url), **access))
        try:
            yield api
        finally:
            await api.close()
            await runner.cleanup()

    def put(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        """Keep an object under the next version."""
        self.version += 1
        value = copy.deepcopy(value)
        value.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        value["metadata"].setdefault("uid", f"uid-{self.version}")
        self.objects[path] = value
        return value

    def remove(self, path: str) -> None:
        """Forget an object, as a deletion does."""
        self.version += 1
        del self.objects[path]

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked.append((request.method, path))
        if self.failing is not None:
            return web.json_response({"message": "as the test wants it"}, status=self.failing)
        if self.tokens is not None and request.headers.get("Authorization", "")[7:] not in self.tokens:
            return web.json_response({"message": "who are you"}, status=401)
        body = json.loads(await request.read() or b"null")
        return self._carried_out(request, body)

    def _carried_out(self, request: web.Request, body: Any) -> web.Response:
        path = request.path
        match request.method:
            case "GET" if path in self.objects:
                return web.json_response(self.objects[path])
            case "GET" if "limit" in request.query:
                return self._page(request)
            case "POST":
                return self._create(f"{path}/{body['metadata']['name']}", body)
            case "PUT":
                return self._replace(path, body)
            case _:
                return web.json_response({"message": f"{path} is not there"}, status=404)

    def _page(self, request: web.Request) -> web.Response:
        prefix = request.path + "/"
        items = [value for path, value in sorted(self.objects.items()) if path.startswith(prefix)]
        start, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        if start and self.gone_pages:
            self.gone_pages -= 1
            return web.json_response({"message": "too old"}, status=410)
        rest = str(start + limit) if start + limit < len(items) else ""
        metadata = {"resourceVersion": str(self.version), "continue": rest}
        return web.json_response({"metadata": metadata, "items": items[start : start + limit]})

    def _create(self, path: str, body: dict[str, Any]) -> web.Response:
        if path in self.objects:
            return web.json_response({"message": "it is there"}, status=409)
        return web.json_response(self.put(path, body), status=201)

    def _replace(self, path: str, body: dict[str, Any]) -> web.Response:
        known = self.objects.get(path)
        if known is None:
            return web.json_response({"message": "it is not there"}, status=404)
        if body["metadata"].get("resourceVersion") not in {None, known["metadata"]["resourceVersion"]}:
            return web.json_response({"message": "somebody else wrote"}, status=409)
        return web.json_response(self.put(path, body))
