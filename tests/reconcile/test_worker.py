"""The worker: bursts, retries, and a look for drift."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.reconcile.fakes import World, a_blacklist, the_recorder

from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.backoff import CAP_SECONDS, UNREACHABLE_CAP_SECONDS, Backoff
from callkeeper.reconcile.reasons import Reason
from callkeeper.reconcile.worker import Worker


@asynccontextmanager
async def working(world, told):
    async def tell(outcome):
        told.append(outcome)

    worker = Worker(world.reconciler(), Backoff(lambda: 0.0, base=0.01, cap=0.05), tell, poll_seconds=0.02)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the fakes tell nobody
            await asyncio.sleep(0.005)


async def test_a_burst_is_one_reconcile_of_the_latest():
    world, told = World(), []
    async with working(world, told) as worker:
        for number in range(110, 120):
            worker.offer([the_recorder(), a_blacklist(str(number))])
        await until(lambda: told)
    assert world.recorder.puts == 1
    assert world.recorder.state.config.blacklist[0].pattern == "119"


async def test_a_recorder_that_comes_back_is_programmed_without_being_asked():
    world, told = World(), []
    world.recorder.down = True
    async with working(world, told) as worker:
        worker.offer([the_recorder(), a_blacklist("112")])
        await until(lambda: len(told) > 2)
        world.recorder.down = False
        await until(lambda: world.recorder.puts == 1)


async def test_drift_is_found_without_being_told():
    world, told = World(), []
    async with working(world, told) as worker:
        worker.offer([the_recorder(), a_blacklist("112")])
        await until(lambda: told)
        world.recorder.run(RecorderConfig(), owner="folder:test")
        await until(lambda: told[-1].reverted is not None)
    assert world.recorder.state.config.blacklist[0].pattern == "112"


async def test_nothing_happening_is_nothing_done():
    world, told = World(), []
    async with working(world, told) as worker:
        worker.offer([the_recorder(), a_blacklist("112")])
        await until(lambda: told)
        saves = world.ledgers.saves
        await asyncio.sleep(0.2)
    assert (len(told), world.ledgers.saves, world.recorder.puts) == (1, saves, 1)


async def test_reconciles_wait_for_their_turn_and_not_for_ever():
    world, told, entered = World(), [], []

    @asynccontextmanager
    async def turn():
        entered.append(len(told))
        yield

    async def tell(outcome):
        told.append(outcome)

    worker = Worker(world.reconciler(), Backoff(lambda: 0.0), tell, poll_seconds=0.02, turn=turn)
    task = asyncio.create_task(worker.run())
    worker.offer([the_recorder(), a_blacklist("112")])
    assert worker.waiting
    await until(lambda: told)
    assert not worker.waiting
    worker.wake()
    await until(lambda: len(told) == 2)
    assert entered == [0, 1]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_pauses_are_short_while_there_is_no_answer():
    backoff = Backoff(lambda: 1.0)
    assert max(backoff.failed(UNREACHABLE_CAP_SECONDS) for _ in range(20)) == UNREACHABLE_CAP_SECONDS
    assert backoff.failed() == CAP_SECONDS


async def test_a_recorder_that_lies_about_its_revision_is_read_whole_now_and_then():
    world, told = World(), []
    async with working(world, told) as worker:
        worker.offer([the_recorder(), a_blacklist("112")])
        await until(lambda: told)
        # The cheap look goes by the revision; only the owner is another one.
        world.recorder.state = replace(world.recorder.state, owner="folder:else")
        await until(lambda: len(told) > 1)
    assert told[-1].failure[0] is Reason.OWNER_CONFLICT
