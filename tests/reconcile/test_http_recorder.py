"""The HTTP adapter against servers that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import revision, to_json
from callkeeper.reconcile import http_recorder
from callkeeper.reconcile.errors import Lies, RecorderError, Refused, Rejected, Unconfirmed, Unreachable
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler, *, seconds: float = 0.4) -> AsyncIterator[HttpRecorder]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with HttpRecorder(f"http://127.0.0.1:{port}/", lambda: "secret-token", total_seconds=seconds) as recorder:
        try:
            yield recorder
        finally:
            await runner.cleanup()


def answers(value: object, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=value if isinstance(value, str) else json.dumps(value), status=status)

    return handler


async def fails(handler: Handler, kind: type[RecorderError]) -> RecorderError:
    async with server(handler) as recorder:
        with pytest.raises(kind) as caught:
            await recorder.read()
    assert "secret-token" not in caught.value.message
    assert len(caught.value.message) < 600
    return caught.value


async def test_nobody_listening_is_unreachable():
    async with HttpRecorder("http://127.0.0.1:1", lambda: None) as recorder:
        with pytest.raises(Unreachable, match=r"cannot be reached"):
            await recorder.read()


async def test_an_answer_that_never_ends_is_given_up():
    async def for_ever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    await fails(for_ever, Unreachable)


async def test_an_answer_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(http_recorder, "MAX_ANSWER_BYTES", 1000)
    await fails(answers(" " * 2000), Lies)


@pytest.mark.parametrize("text", ["", "<html>", "[]", "[" * 100_000, '{"config": 7}', '{"config": {"policy": {}}}'])
async def test_what_is_no_config_is_named(text):
    await fails(answers(text), Lies)


async def test_a_config_under_another_revision_is_a_lie():
    error = await fails(answers({"revision": "0" * 64, "config": to_json(RecorderConfig())}), Lies)
    assert revision(RecorderConfig())[:12] in error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Refused),
        (403, Refused),
        (404, Rejected),
        (422, Rejected),
        (500, Unreachable),
        (503, Unreachable),
        (302, Unreachable),
    ],
)
async def test_every_status_is_somebodys_turn(status, kind):
    await fails(answers({"type": "/problems/x", "detail": "d" * 5000}, status), kind)


async def test_a_recorder_that_asks_for_a_word_is_no_other_owners():
    problem = {"type": "/problems/confirmation-required", "detail": "deletes 7", "next": "add the line"}
    error = await fails(answers(problem, 409), Unconfirmed)
    assert "deletes 7" in error.message
    assert "add the line" in error.message
    await fails(answers({**problem, "next": 7}, 409), Unconfirmed)


async def test_the_token_is_asked_for_each_time():
    tokens = iter(["one", "two"])
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({"revision": None, "config": None})

    async with server(handler) as recorder:
        recorder._token = lambda: next(tokens)
        await recorder.read()
        await recorder.read()
    assert seen == ["Bearer one", "Bearer two"]


async def test_effects_that_are_no_counts_are_a_lie():
    async with server(answers({"effects": {"shortens": -1}})) as recorder:
        with pytest.raises(Lies):
            await recorder.check(Envelope(owner="o", epoch=1, config=RecorderConfig()))
