"""When Python looks for garbage: seldom for all of it, so that no call waits for a look at everything there is.

Facts:
    - Almost all garbage goes at once, by counting references; only what refers to itself in a circle has to be looked
      for. Left alone, Python looks through everything whenever a quarter more has come to be: at 1,000 calls a second,
      whose segments stay, every few seconds, for as long as ten decisions take and more with every open call.
    - What is there when the recorder starts (modules, models, routes) stays until it ends: it is set apart, once.
    - What has just come to be is looked through in small lots: a millisecond at most.
"""

import asyncio
import gc

YOUNG, YOUNG_LOTS = 2_000, 5
"""New objects that may have come to be before they are looked through, and such lots before they are once more: ten
thousand objects take a millisecond."""

NEVER = 1_000_000_000
"""Lots of lots before everything is looked through by itself."""

ALL_SECONDS = 600.0
"""Between two looks at everything: some 5 ms for each 1,000 segments in memory."""


class Collecting:
    """The garbage collector's times while a recorder runs in this process."""

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Set apart what is there, and look through all else by the clock."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, YOUNG_LOTS, NEVER)
        self._task = asyncio.create_task(_collect(), name="collect garbage")

    def stop(self) -> None:
        """As it was before."""
        if self._task is not None:
            self._task.cancel()
            gc.set_threshold(*self._before)
            gc.unfreeze()


async def _collect() -> None:
    while True:
        await asyncio.sleep(ALL_SECONDS)
        gc.collect()
