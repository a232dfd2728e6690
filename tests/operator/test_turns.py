"""When a burst is over: a pause without news, or the cap."""

import asyncio
import time

from callkeeper.operator.turns import calm


async def test_what_comes_alone_is_waited_for_no_longer_than_the_pause():
    woken, begun = asyncio.Event(), time.monotonic()
    woken.set()
    await asyncio.wait_for(calm(woken, pause_seconds=0.01, cap_seconds=600), 30)
    assert time.monotonic() - begun >= 0.01
    assert not woken.is_set()


async def test_a_burst_is_waited_out_and_one_without_an_end_up_to_the_cap():
    woken, came = asyncio.Event(), 0

    async def come(times: float) -> None:
        nonlocal came
        while came < times:
            came += 1
            woken.set()
            await asyncio.sleep(0.001)

    burst = asyncio.create_task(come(20))
    await asyncio.sleep(0)
    await asyncio.wait_for(calm(woken, pause_seconds=1.0, cap_seconds=600), 30)
    assert (came, burst.done()) == (20, True)
    endless = asyncio.create_task(come(float("inf")))
    await asyncio.sleep(0)
    await asyncio.wait_for(calm(woken, pause_seconds=0.05, cap_seconds=0.5), 30)
    assert not endless.done()
    endless.cancel()
