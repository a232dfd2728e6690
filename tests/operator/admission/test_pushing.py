"""Notes to every replica: what is taken, tried again, dropped, and who is told that nobody took them."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from tests.operator.attribution.feeder import Cluster, blacklist, note
from yarl import URL

from callkeeper.operator.admission import pushing
from callkeeper.operator.admission.pushing import NotePusher
from callkeeper.operator.attribution.note import notes_of


class Replica:
    """An operator's door, as far as notes go."""

    def __init__(self):
        self.notes = []
        self.status = 200
        self.tokens = set()

    async def take(self, request):
        self.tokens.add(request.headers.get("Authorization"))
        if self.status == 200:
            self.notes += [one.id for one in notes_of(await request.read())]
        return web.json_response({}, status=self.status)


@asynccontextmanager
async def served(replica, port=0):
    app = web.Application()
    app.add_routes([web.post("/v1/changes", replica.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(pusher):
    task = asyncio.create_task(pusher.run())
    await asyncio.wait_for(pusher._looked.wait(), 20)
    try:
        yield pusher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def some(count, prefix="n"):
    made = Cluster().write("Blacklist", "never", blacklist("1"))
    return [note(made, id=f"{prefix}-{number}") for number in range(count)]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - many conditions, none of them an event
            await asyncio.sleep(0.01)


async def test_every_replica_gets_every_note_in_order_with_the_token():
    one, two = Replica(), Replica()
    async with (
        served(one) as first,
        served(two) as second,
        running(NotePusher([first, second], lambda: "secret")) as pusher,
    ):
        pusher.push(some(700))
        await until(lambda: len(one.notes) == len(two.notes) == 700)
    assert one.notes == two.notes == [f"n-{number}" for number in range(700)]
    assert one.tokens == {"Bearer secret"}


async def test_a_batch_counts_as_taken_when_one_replica_has_it():
    well, ill = Replica(), Replica()
    ill.status = 503
    async with (
        served(well) as first,
        served(ill) as second,
        running(NotePusher([first, second], lambda: None)) as pusher,
    ):
        assert await pusher.deliver(some(3))
        assert well.notes == ["n-0", "n-1", "n-2"]
        await until(lambda: pusher.reachable == 1)
        ill.status = 200
        # It may have been started again, and is told once more; what it has it leaves.
        await until(lambda: list(dict.fromkeys(ill.notes)) == well.notes)


async def test_when_nobody_takes_a_batch_that_is_said(monkeypatch):
    monkeypatch.setattr(pushing, "TAKEN_SECONDS", 0.3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with running(NotePusher([url], lambda: None)) as pusher:
            assert not await pusher.deliver(some(1))
            assert pusher.failures
    assert await NotePusher([], lambda: None).deliver([])


async def test_a_replica_that_is_away_gets_the_newest_when_it_is_back():
    replica = Replica()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with running(NotePusher([f"http://127.0.0.1:{port}"], lambda: None, most=5)) as pusher:
        pusher.push(some(8))
        await until(lambda: pusher.failures)
        assert (pusher.dropped, pusher.queued) == (3, 5)
        async with served(replica, port):
            await until(lambda: len(set(replica.notes)) == 5)
    assert list(dict.fromkeys(replica.notes)) == [f"n-{number}" for number in range(3, 8)]


async def test_who_waits_for_a_note_that_was_dropped_is_told_so(monkeypatch):
    monkeypatch.setattr(pushing, "TAKEN_SECONDS", 5.0)
    replica = Replica()
    replica.status = 503
    async with served(replica) as url, running(NotePusher([url], lambda: None, most=2)) as pusher:
        waiting = asyncio.create_task(pusher.deliver(some(2)))
        await until(lambda: pusher.failures)
        pusher.push(some(2, "later"))
        async with asyncio.timeout(4):
            assert not await waiting


async def test_a_replica_that_appears_later_gets_what_was_noted_before(monkeypatch):
    old, new = Replica(), Replica()
    async with served(old) as first, served(new) as second:
        port = int(first.rpartition(":")[2])
        addresses = ["127.0.0.1"]

        async def looked_up(*_arguments, **_options):
            return [(None, None, None, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
        pusher = NotePusher([f"http://operators.example:{port}"], lambda: None, look_up_seconds=0.05)
        pusher.push(some(2, "early"))
        async with running(pusher):
            await until(lambda: len(old.notes) == 2)
            pusher._urls.append(URL(second))
            await until(lambda: len(new.notes) == 2)
    assert old.notes == new.notes == ["early-0", "early-1"]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_a_host_name_stands_for_all_its_addresses(addresses, monkeypatch):
    replica = Replica()
    async with served(replica) as url:
        port = int(url.rpartition(":")[2])

        async def looked_up(*_arguments, **_options):
            return [(None, None, None, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
        async with running(NotePusher([f"http://operators.example:{port}"], lambda: None)) as pusher:
            assert await pusher.deliver(some(1))
            assert len(pusher._replicas) == len(addresses)
