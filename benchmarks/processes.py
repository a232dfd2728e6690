"""Runs a command as a process and measures it: wall time and processor time, output thrown away."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CALLKEEPER = str(Path(sys.executable).with_name("callkeeper"))
"""The command as it is installed beside this interpreter."""


class CommandError(Exception):
    """A measured command ended with an exit code that was not expected; its figures mean nothing."""


def measure(command: Sequence[str | Path], *, runs: int, expected: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Median wall and processor seconds of a command, after one run that does not count.

    Raises:
        CommandError: it ended otherwise than expected.
    """
    walls, processors = [], []
    for run in range(runs + 1):
        before, start = os.times(), time.perf_counter()
        done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
        wall, after = time.perf_counter() - start, os.times()
        if done.returncode not in expected:
            said = (done.stderr or done.stdout).decode(errors="replace")[-500:]
            raise CommandError(f"{command[0]} ended with {done.returncode}: {said}")
        if run:
            walls.append(wall)
            processors.append(
                after.children_user - before.children_user + after.children_system - before.children_system
            )
    return statistics.median(walls), statistics.median(processors)


def kubeconform() -> str | None:
    """Where kubeconform is, on PATH or among Go's binaries; None when it is not installed."""
    return shutil.which("kubeconform") or shutil.which("kubeconform", path=str(Path.home() / "go" / "bin"))
