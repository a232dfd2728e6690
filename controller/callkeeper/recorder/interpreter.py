"""How the interpreter is set while a recorder runs in this process, so that no call waits for what is not about it.

Facts:
    - Almost all garbage goes at once, by counting references; only what refers to itself in a circle has to be looked
      for. Left alone, Python looks through everything whenever a quarter more has come to be: at 1,000 calls a second,
      whose segments stay, every few seconds, for as long as ten decisions take and more with every open call.
    - What is there when the recorder starts (modules, models, routes) stays until it ends: it is set apart, once.
    - What has just come to be is looked through in small lots, twice, and then set aside: half a millisecond at most.
    - One thread runs Python at a time. Left alone, one that computes (an export, the effects of a change) lets others
      in every 5 ms. A commit has to be let in twice, to begin and to tell, while the event loop answers other calls:
      with turns of half a millisecond it took twice as long as with those of a tenth.
"""

import asyncio
import gc
import sys

YOUNG, YOUNG_LOTS = 2_000, 1
"""New objects that may have come to be before they are looked through, and such lots before they are once more.
Segments stay, so waiting longer finds no more garbage: five lots took up to 6 ms, several times a second."""

NEVER = 1_000_000_000
"""Lots of lots before everything is looked through by itself."""

ALL_SECONDS = 600.0
"""Between two looks at everything: some 5 ms for each 1,000 segments in memory."""

TURN_SECONDS = 0.0001
"""How long a thread computes before it lets another in, where one waits; changing costs some 10 µs, a tenth of it."""


class Interpreter:
    """The interpreter's settings while a recorder runs in this process."""

    def __init__(self) -> None:
        self._before = gc.get_threshold(), sys.getswitchinterval()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Set apart what is there, look through all else by the clock, and have threads take shorter turns."""
        sys.setswitchinterval(TURN_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, YOUNG_LOTS, NEVER)
        self._task = asyncio.create_task(_collect(), name="collect garbage")

    def stop(self) -> None:
        """As it was before."""
        if self._task is not None:
            self._task.cancel()
            thresholds, turn = self._before
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            sys.setswitchinterval(turn)


async def _collect() -> None:
    while True:
        await asyncio.sleep(ALL_SECONDS)
        gc.collect()
