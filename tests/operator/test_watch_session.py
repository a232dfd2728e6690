"""What Kopf is shown of lists and watches: where to begin, what is news, and how far the stream has come."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from tests.operator.fake_api import FakeApi

from callkeeper.operator import paths
from callkeeper.operator.access import Access
from callkeeper.operator.connection import Connection
from callkeeper.operator.listing import Listing
from callkeeper.operator.registry import Registry
from callkeeper.operator.watch_session import WatchSession

BLACKLISTS = paths.collection("Blacklist", None)


def a_version(version: int, *, generation: int = 1, name: str = "never", padding: str = "") -> dict[str, object]:
    metadata = {"name": name, "namespace": "voice", "uid": name, "generation": generation}
    return {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Blacklist",
        "metadata": {**metadata, "resourceVersion": str(version)},
        "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112", "comment": padding or "x"}]},
    }


def an_event(kind: str, document: dict[str, object]) -> bytes:
    return json.dumps({"type": kind, "object": document}).encode() + b"\n"


class Known:
    """Knows the registry, and is told what is no news."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.quiet: list[str] = []

    async def listed(self, path: str) -> int | None:
        return 17 if path == BLACKLISTS else None

    def is_news(self, document):
        return not self.registry.says_the_same(document)

    def tell(self, documents):
        self.quiet += [document["metadata"]["resourceVersion"] for document in documents]
        for document in documents:
            self.registry.observe(document)


@asynccontextmanager
async def watched(known: Known, *pieces: bytes) -> AsyncIterator[tuple[WatchSession, str]]:
    """A session to a server whose watches say this, piece by piece."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"asked": request.path, "as": request.headers.get("Authorization")})
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    session = WatchSession(Access(info=Connection(server=url, token="of-a-test")), known)
    try:
        yield session, url
    finally:
        await session.close()
        await runner.cleanup()


async def read(known: Known, *pieces: bytes) -> list[tuple[str, str]]:
    """Types and versions of what is shown of a watch."""
    async with watched(known, *pieces) as (session, url):
        response = await session.request(method="get", url=f"{url}{BLACKLISTS}?watch=true", headers=None)
        async with response:
            data = b"".join([chunk async for chunk in response.content.iter_chunked(1024)])
    events = [json.loads(line) for line in data.splitlines()]
    return [(event["type"], event["object"]["metadata"]["resourceVersion"]) for event in events]


async def test_a_list_is_answered_without_asking_and_everything_else_is_asked():
    async with watched(Known()) as (session, url):
        listed = await session.request(method="get", url=f"{url}{BLACKLISTS}?limit=100", headers=None)
        async with listed:
            assert (listed.status, await listed.json()) == (200, {"metadata": {"resourceVersion": "17"}, "items": []})
        other = await session.request(method="get", url=f"{url}/apis", headers={})
        async with other:
            assert await other.json() == {"asked": "/apis", "as": "Bearer of-a-test"}


async def test_what_changed_in_its_status_only_is_told_and_not_shown():
    known = Known()
    known.registry.observe(a_version(5))
    shown = await read(
        known,
        an_event("MODIFIED", a_version(6)) + an_event("MODIFIED", a_version(7, generation=2)),
        an_event("ADDED", a_version(8, name="other")) + an_event("MODIFIED", a_version(9)),
        an_event("DELETED", a_version(10)),
    )
    # The bookmark stands for what was not shown: whoever reads goes on from there.
    assert shown == [("MODIFIED", "7"), ("ADDED", "8"), ("BOOKMARK", "9"), ("DELETED", "10")]
    assert known.quiet == ["6", "9"]
    entry = known.registry.get(next(iter(known.registry.entries("voice"))))
    assert entry is not None
    assert entry.version == 9


async def test_events_are_whole_however_the_stream_is_cut():
    large, small = an_event("ADDED", a_version(5, padding="long" * 50_000)), an_event("DELETED", a_version(6))
    stream = large + small + large
    cut = [stream[start : start + 70_001] for start in range(0, len(stream), 70_001)]
    assert await read(Known(), *cut, b'{"type":"ADDED","obj') == [("ADDED", "5"), ("DELETED", "6"), ("ADDED", "5")]


async def test_a_watch_that_lost_the_thread_waits_for_a_list_made_since():
    fake, path = FakeApi(), BLACKLISTS
    async with fake.serving() as api:
        listing = Listing(api, Registry(), ())
        first = asyncio.create_task(listing.since(path))
        await asyncio.sleep(0)
        assert not first.done()
        listing_on = asyncio.create_task(listing.run())
        try:
            assert await first == fake.version
            fake.version += 5
            assert await listing.since(path) == fake.version
            assert fake.asked.count(("GET", path)) == 2
        finally:
            listing_on.cancel()
