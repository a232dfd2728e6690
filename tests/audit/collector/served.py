"""A collector in this process, on a port of its own, with its real adapters; and the principals the tests ask as."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
from tests.audit.collector.contract import assert_documented

from callkeeper.audit.collector.serving import Options, serve_collector
from callkeeper.audit.collector_client import CollectorClient

LOG = "voice/teams"

PRINCIPALS: list[dict[str, Any]] = [
    {"id": "recorder-teams", "roles": ["sender"], "logs": [LOG], "senders": ["recorder*"]},
    {"id": "operator", "roles": ["operator"]},
    {"id": "vera", "email": "vera@example.com", "roles": ["auditor"], "logs": ["voice/*"]},
    {"id": "ann", "email": "ann@example.com", "roles": ["administrator"]},
]


def token(name: str) -> str:
    """The token of a principal, by id."""
    return f"token-of-{name}"


def write_tokens(path: Path, principals: list[dict[str, Any]]) -> None:
    """The token file, complete or not at all."""
    entries = [{**one, "tokenSha256": sha256(token(one["id"]).encode()).hexdigest()} for one in principals]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"principals": entries}))
    fresh.chmod(0o600)
    fresh.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One that runs.

    Attributes:
        url: its address.
        folder: holds its logs.
        tokens: its token file.
    """

    url: str
    folder: Path
    tokens: Path

    def client(self, name: str = "operator", log: str = LOG, **settings: Any) -> CollectorClient:
        """A client with the token of this principal."""
        return CollectorClient(self.url, lambda: token(name), log, **settings)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        name: str | None = "operator",
        headers: dict[str, str] | None = None,
        **sent: Any,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request, and its answer: status, headers, body."""
        known = {} if name is None else {"Authorization": f"Bearer {token(name)}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, headers={**known, **(headers or {})}, **sent) as response,
        ):
            body = await response.read()
            assert_documented(method, path, response.status, response.headers, body)
            return response.status, response.headers, body


@asynccontextmanager
async def collector(folder: Path, *, port: int = 0) -> AsyncIterator[Collector]:
    """Run one until the block ends; on a free port, or on this one again."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a temporary folder of the test
    tokens = folder / "tokens.json"
    if not tokens.exists():
        write_tokens(tokens, PRINCIPALS)
    stopping, started = asyncio.Event(), asyncio.Event()
    with socket.create_server(("127.0.0.1", port)) as bound:
        bound.setblocking(False)
        options = Options(folder=folder / "logs", tokens=tokens, bound=bound)
        serving = asyncio.create_task(serve_collector(options, stopping, started=started.set))
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        try:
            if serving.done():
                waiting.cancel()
                await serving
            yield Collector(url=f"http://127.0.0.1:{bound.getsockname()[1]}", folder=folder / "logs", tokens=tokens)
        finally:
            stopping.set()
            await asyncio.gather(serving, return_exceptions=True)
