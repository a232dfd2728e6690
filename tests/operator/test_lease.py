"""Leadership: one at a time, provably ended, and what an instance that ended badly leaves behind."""

import asyncio
from contextlib import asynccontextmanager

from tests.operator.fake_api import FakeApi

from callkeeper.operator import paths
from callkeeper.operator.lease import FENCE_ANNOTATION, Lease, Times

QUICK = Times(duration=1.0, deadline=0.6, retry=0.1, poll=0.05, request=0.2)
PATH = paths.lease("callkeeper", "operator")


class Replica:
    """One that leads whenever it may."""

    def __init__(self, api, identity, clock=None, supervisor=None):
        self.lease = Lease(api, "callkeeper", "operator", identity, times=QUICK, **({"clock": clock} if clock else {}))
        self.terms = []
        self.leading = asyncio.Event()
        self.ended = asyncio.Event()
        self.fails = asyncio.Event()
        self.task = asyncio.create_task(supervisor.keep("lead", self.run) if supervisor else self.run())

    async def run(self):
        await self.lease.run(self.lead)

    async def lead(self, term):
        self.terms.append(term)
        self.leading.set()
        try:
            await self.fails.wait()
            raise RuntimeError("as the test wants it")
        finally:
            self.leading.clear()
            self.ended.set()

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def stage():
    fake, replicas = FakeApi(), []
    async with fake.serving() as api:

        def replica(identity, **more):
            replicas.append(Replica(api, identity, **more))
            return replicas[-1]

        try:
            async with asyncio.timeout(20):
                yield fake, replica
        finally:
            for one in replicas:
                await one.stop()


async def test_one_leads_and_an_orderly_end_hands_over_at_once_without_a_fence():
    async with stage() as (fake, replica):
        first = replica("first")
        await first.leading.wait()
        second = replica("second")
        await asyncio.sleep(0.5)
        assert not second.leading.is_set()
        assert fake.objects[PATH]["spec"]["holderIdentity"] == "first"
        await first.stop()
        assert first.ended.is_set()
        await second.leading.wait()
        assert (second.terms[0].epoch, second.terms[0].fence) == (2, 1)


async def test_a_term_that_was_waited_out_sets_the_fence():
    async with stage() as (fake, replica):
        first = replica("first")
        await first.leading.wait()
        document = dict(fake.objects[PATH])
        await first.stop()
        fake.put(PATH, document)  # as it stood when it was killed: nobody emptied it
        second = replica("second")
        await asyncio.sleep(0.5)
        assert not second.leading.is_set(), "its duration is not over"
        await second.leading.wait()
        assert (second.terms[0].epoch, second.terms[0].fence) == (2, 2)
        assert fake.objects[PATH]["metadata"]["annotations"][FENCE_ANNOTATION] == "2"
        await second.stop()
        third = replica("third")
        await third.leading.wait()
        assert (third.terms[0].epoch, third.terms[0].fence) == (3, 2), "the fence outlives orderly ends"


async def test_an_api_server_that_fails_ends_the_term_before_another_could_begin():
    async with stage() as (fake, replica):
        first = replica("first")
        await first.leading.wait()
        loop = asyncio.get_running_loop()
        fake.failing = 500
        began = loop.time()
        await first.ended.wait()
        assert loop.time() - began < QUICK.duration
        assert not first.lease.valid
        fake.failing = None
        await first.leading.wait()
        assert first.terms[-1].epoch == 2


async def test_whoever_slept_knows_at_waking_that_its_term_is_over():
    now = [0.0]
    async with stage() as (_, replica):
        first = replica("first", clock=lambda: now[0])
        await first.leading.wait()
        assert first.lease.valid
        now[0] += QUICK.deadline + 0.01  # asleep: no code ran
        assert not first.lease.valid, "asked before anything is written"


async def test_a_lease_that_somebody_took_or_deleted_is_given_up():
    async with stage() as (fake, replica):
        first = replica("first")
        await first.leading.wait()
        spec = {**fake.objects[PATH]["spec"], "holderIdentity": "a-thief"}
        fake.put(PATH, {**fake.objects[PATH], "spec": spec})
        await first.ended.wait()
        first.ended.clear()
        await first.leading.wait()
        assert first.terms[-1].fence == first.terms[-1].epoch
        fake.remove(PATH)
        await first.ended.wait()
        await first.leading.wait()
        assert first.terms[-1].lease != first.terms[0].lease
