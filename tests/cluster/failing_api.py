"""An API server that fails now and then: forwards to the real one, and answers a share of requests with an error.

Plain HTTP, so it is for who shows a token. Watches are forwarded as they come.
"""

import asyncio
import random
import ssl
import threading
from contextlib import suppress
from typing import Self

import aiohttp
from aiohttp import web

STATUSES = (500, 502, 503, 504, 429)
CHUNK_BYTES = 1 << 16
MAX_BYTES = 8 * 1024 * 1024
CLOSING_SECONDS = 0.25
"""Connections that were closed are gone a while later only, those over TLS above all (aiohttp's own advice)."""

_NOT_FORWARDED = {"host", "content-length", "transfer-encoding", "connection", "content-encoding"}


class FailingApi:
    """In front of one API server; a context that closes it."""

    def __init__(self, url: str, ca: bytes, *, seed: int = 0) -> None:
        """Prepare.

        Args:
            url: of the real one.
            ca: the authority of its certificate, PEM.
            seed: of the choice which requests fail.
        """
        self._real = url
        self._tls = ssl.create_default_context(cadata=ca.decode())
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.share = 0.0
        """Of requests that fail, from 0 to 1."""
        self.failed = 0
        """Requests that failed so far."""
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _serve(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        application = web.Application(client_max_size=MAX_BYTES)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._started.set()

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.sleep(CLOSING_SECONDS)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._random.random() < self.share:
            self.failed += 1
            status = self._random.choice(STATUSES)
            return web.json_response({"kind": "Status", "status": "Failure", "code": status}, status=status)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}
        url, body = self._real + request.raw_path, await request.read()
        async with self._session.request(request.method, url, data=body or None, headers=headers) as real:
            kept = {name: value for name, value in real.headers.items() if name.lower() not in _NOT_FORWARDED}
            if "Content-Encoding" in real.headers:
                kept["Content-Encoding"] = real.headers["Content-Encoding"]
            answer = web.StreamResponse(status=real.status, headers=kept)
            await answer.prepare(request)
            async for chunk in real.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer
