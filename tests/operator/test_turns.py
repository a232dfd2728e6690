"""When a burst is over: a pause without news, a longer one in a burst, or the cap."""

import asyncio
import time

from callkeeper.operator.turns import BURST, Calm


async def test_what_comes_alone_is_waited_for_no_longer_than_the_pause():
    calm, begun = Calm(pause_seconds=0.01, burst_pause_seconds=600, cap_seconds=600), time.monotonic()
    calm.came()
    await asyncio.wait_for(calm.wait(), 30)
    assert time.monotonic() - begun >= 0.01


async def test_in_a_burst_the_pause_is_longer():
    calm, begun = Calm(pause_seconds=0.0, burst_pause_seconds=0.3, cap_seconds=600), time.monotonic()
    for _ in range(BURST):
        calm.came()
    await asyncio.wait_for(calm.wait(), 30)
    assert time.monotonic() - begun >= 0.3


async def test_what_never_ends_is_waited_for_up_to_the_cap():
    calm = Calm(pause_seconds=0.05, burst_pause_seconds=0.05, cap_seconds=0.3)

    async def come() -> None:
        while True:
            calm.came()
            await asyncio.sleep(0.001)

    endless = asyncio.create_task(come())
    await asyncio.wait_for(calm.wait(), 30)
    assert not endless.done()
    endless.cancel()
