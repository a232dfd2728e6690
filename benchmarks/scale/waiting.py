"""Waiting for what other processes do, and running them meanwhile."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

WAIT_SECONDS = 300.0
"""What is waited for comes within seconds; whoever waits longer measures a fault."""


class NotInTimeError(Exception):
    """What was waited for did not come; the figures so far mean nothing."""


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """Run a command meanwhile; what it says goes into the log."""
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


def until(condition: Callable[[], Any], what: str, *, pause: float = 0.05) -> None:
    """Wait for this.

    Raises:
        NotInTimeError: it did not come.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(pause)
    raise NotInTimeError(f"{what} did not come within {WAIT_SECONDS:g} s")
