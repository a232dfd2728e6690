"""Kill -9 while everything happens at once: nothing acknowledged is lost, nothing is there twice, all of it is told."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.recorder.whole import forking, invariants
from tests.recorder.whole.driving import Driver
from tests.recorder.whole.journal import Journal

from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

ROOT = Path(__file__).parents[3]
POINTS = (
    "committing", "committed", "delivered", "before fdatasync", "after fdatasync", "before fsync", "after fsync",
    "before link", "after link", "before unlink", "after unlink", "before rename", "after rename",
)  # fmt: skip
LONGEST_SECONDS = 0.6
"""Of driving, before it is killed from outside where it has not died by itself."""


class Forker:
    """Recorders on one folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = time.time()
        self._process = subprocess.Popen(
            [sys.executable, forking.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def start(self, point: str | None = None, nth: int = 0) -> tuple[int, int | None]:
        """Process and port of a new one; no port where it died before it had one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"folder": str(self._folder), "begun": self._begun, "point": point, "nth": nth}
        self._process.stdin.write(f"{json.dumps(asked)}\n".encode())
        self._process.stdin.flush()
        said = b""
        while not said.endswith((b" ", b"\n")):
            said += self._process.stdout.read1(1)  # type: ignore[attr-defined]  # it is buffered
        process = int(said)
        port = b""
        while not port.endswith(b"\n"):
            os.set_blocking(self._process.stdout.fileno(), False)
            more = self._process.stdout.read(1)
            os.set_blocking(self._process.stdout.fileno(), True)
            if more:
                port += more
            elif not is_alive(process):
                return process, None
            else:
                time.sleep(0.002)
        return process, int(port)

    def close(self) -> None:
        """End the process that forks."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def kill(process: int) -> None:
    """Kill it, and return when it has gone."""
    if is_alive(process):
        os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while is_alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.001)


async def killed_again_and_again(folder: Path, kills: int, seed: int) -> None:
    """Drive, kill, start anew and look, so many times."""
    draw, journal = random.Random(seed), Journal()
    tokens = {
        role: create_principal(folder / "tokens.json", Principal(id=role, roles=frozenset({Role(role)})))
        for role in ("ingest", "settings", "administrator")
    }
    driver, forker = Driver(journal, tokens, seed), Forker(folder)
    process = None
    try:
        process, port = forker.start()
        assert port is not None
        await driver.put_config(port)
        kill(process)
        for number in range(kills):
            point = draw.choice(POINTS) if number % 2 else None
            process, port = forker.start(point, draw.randrange(1, 30))
            if port is not None:
                driving = asyncio.create_task(driver.drive(port))
                await asyncio.wait((driving,), timeout=draw.uniform(0, LONGEST_SECONDS))
                kill(process)
                await driving
            process, port = forker.start()
            assert port is not None, "it does not start again"
            await invariants.hold(folder, journal)
            kill(process)
    finally:
        if process is not None:
            kill(process)
        forker.close()
    assert journal.doubtful, "nothing was under way at any of the kills"
    assert all((journal.recordings, journal.holds, journal.told))
    assert not invariants.differences(folder)


async def test_kills_while_everything_happens_lose_nothing_acknowledged(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path, 12, seed=4)


@pytest.mark.faults
async def test_200_kills_while_everything_happens_lose_nothing_acknowledged(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path, 200, seed=5)
