"""Serves recorders to be killed: one process imports everything once, and forks a recorder for each line it reads.

A line is JSON: the folder, where the recorder's fast clock begins, and, where it is to kill itself, at which point and
at which passing of it. What is printed for each is the recorder's process and port, as two numbers in one line.

Facts about the points:
    - A call of the system (`fdatasync`, `link`, …) ends the process before it is made, or right after.
    - `committing` is between what a transaction does and its commit, `committed` between the commit and whoever waits
      for it, `delivered` between the audit store's word for some events and their removal from the outbox.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvloop
from sqlalchemy import Engine, event
from tests.recorder import served

from callkeeper.recorder.calls import keeping
from callkeeper.recorder.outbox_audit import StoreOutbox
from callkeeper.recorder.retention import sweeper
from callkeeper.recorder.retention.clock_guard import SteadyClock
from callkeeper.recorder.store.writer import Writer

FASTER = 3_600
"""Seconds of the recorder's clock to one that passes: the shortest retention is over in a second."""


class FastClock:
    """A clock that runs through an hour in a second, whichever process asks."""

    def __init__(self, begun: float) -> None:
        """Begin at this instant, a month ago as it counts."""
        self._begun = begun
        self._first = datetime.fromtimestamp(begun, UTC) - timedelta(days=60)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._first + timedelta(seconds=(time.time() - self._begun) * FASTER)


class FastSteadyClock(SteadyClock):
    """The same for what passes."""

    def seconds(self) -> float:
        """See `SteadyClock.seconds`."""
        return super().seconds() * FASTER


def main() -> None:
    """Fork for each line until there is none."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sweeper.SWEEP_SECONDS = 0.2
    # A disk that is slower than half a second is not waited for with calls (decision 0030): what is looked at here is
    # what was answered with the disk's word, however busy the machine is.
    keeping.ANSWER_SECONDS = 60.0
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if process == 0:
            _arm(asked["point"], asked["nth"])
            clock = FastClock(asked["begun"])
            uvloop.run(served.main(Path(asked["folder"]), clock, FastSteadyClock(), sweeping=True))
            return
        print(process, end=" ", flush=True)  # noqa: T201 - said to the test; the recorder adds its port


def _arm(point: str | None, nth: int) -> None:
    """Have this process die at the nth passing of this point."""
    left = nth

    def passed(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    match point:
        case None:
            return
        case "committing":
            event.listen(Engine, "commit", passed)
        case "committed":
            Writer._commit = _followed(Writer._commit, passed)  # type: ignore[method-assign]
        case "delivered":
            StoreOutbox.delivered = _preceded(StoreOutbox.delivered, passed)  # type: ignore[method-assign]
        case _:
            when, name = point.split()
            wrap = _preceded if when == "before" else _followed
            setattr(os, name, wrap(getattr(os, name), passed))


def _preceded(done: Callable[..., Any], passed: Callable[..., None]) -> Callable[..., Any]:
    def doing(*arguments: Any, **named: Any) -> Any:
        passed()
        return done(*arguments, **named)

    return doing


def _followed(done: Callable[..., Any], passed: Callable[..., None]) -> Callable[..., Any]:
    def doing(*arguments: Any, **named: Any) -> Any:
        result = done(*arguments, **named)
        passed()
        return result

    return doing


if __name__ == "__main__":
    assert asyncio  # imported before any fork
    main()
