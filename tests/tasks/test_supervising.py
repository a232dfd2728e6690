"""Tasks that fail in ways nobody foresaw: begun anew, counted, named when it goes on; and nothing told of values."""

import asyncio

import pytest
import structlog
from tests.operator.test_lease import PATH, stage

from callkeeper.operator.errors import CannotStart
from callkeeper.operator.metrics import Metrics
from callkeeper.tasks.supervising import STEADY_SECONDS, Supervisor


class Flawed:
    """Fails so many times, and then runs."""

    def __init__(self, times, error=None):
        self.left, self.begun, self.runs = times, 0, asyncio.Event()
        self.error = error or KeyError("+390212345678")

    async def run(self):
        self.begun += 1
        if self.left:
            self.left -= 1
            raise self.error
        self.runs.set()
        await asyncio.Event().wait()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def supervisor(metrics, now):
    return Supervisor(metrics.task_failed, fatal=(CannotStart,), first_pause_seconds=0.001, clock=lambda: now[0])


async def test_a_task_is_begun_anew_and_named_while_that_is_news(supervisor, metrics, now):
    task = Flawed(3)
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(supervisor.keep("exports", task.run))
        async with asyncio.timeout(20):
            await task.runs.wait()
    assert task.begun == 4
    assert b'callkeeper_operator_task_failures_total{task="exports"} 3.0' in metrics.exposition()
    assert "'exports' failed 3 times, last with KeyError" in supervisor.problem
    assert [one["event"] for one in logs] == ["task_failed"] * 3
    assert logs[0]["at"][-1].endswith(" run")
    assert "0212345678" not in str(logs)
    assert logs[0]["retry_seconds"] < logs[2]["retry_seconds"]
    now[0] += STEADY_SECONDS
    assert supervisor.problem is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_no_matter_of_readiness_is_told_and_not_named(supervisor):
    task, told = Flawed(4), []
    running = asyncio.create_task(supervisor.keep("reconcile", task.run, failed=lambda: told.append(1)))
    async with asyncio.timeout(20):
        await task.runs.wait()
    assert len(told) == 4
    assert supervisor.problem is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_task_that_is_over_is_no_problem_and_what_cannot_start_ends_it(supervisor):
    running = asyncio.create_task(supervisor.keep("lead", Flawed(10**6).run))
    async with asyncio.timeout(20):
        while supervisor.problem is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert supervisor.problem is None
    with pytest.raises(CannotStart):
        await supervisor.keep("list", Flawed(1, CannotStart("no rights")).run)


async def test_a_term_that_fails_gives_the_lease_back_and_another_replica_leads(metrics):
    supervisor = Supervisor(metrics.task_failed, first_pause_seconds=5.0)
    async with stage() as (fake, replica):
        first = replica("first", supervisor=supervisor)
        await first.leading.wait()
        first.fails.set()
        await first.ended.wait()
        second = replica("second")
        await second.leading.wait()
        assert (second.terms[0].epoch, second.terms[0].fence) == (2, 1), "it ended in order: no fence"
        assert fake.objects[PATH]["spec"]["holderIdentity"] == "second"
        assert not first.task.done()
