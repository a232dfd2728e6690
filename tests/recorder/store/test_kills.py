"""Kill -9 under load: what was acknowledged is there once, whole, with its audit event."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.recorder.store.making import NOW, later

from callkeeper.recorder.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]


def killed_after(folder: Path, seconds: float) -> list[int]:
    """What a writer acknowledged before it was killed."""
    command = [sys.executable, str(Path(__file__).with_name("killed_writer.py")), str(folder), "8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        lines = (first + writer.stdout.read()).decode().splitlines(keepends=True)
    return [int(one) for one in lines if one.endswith("\n")]


async def kill_again_and_again(folder: Path, times: int) -> None:
    draw, acknowledged = random.Random(times), set[int]()
    for _ in range(times):
        acknowledged.update(killed_after(folder, draw.uniform(0, 0.2)))
        store = SqliteStore.open(folder)
        rows, events, holds = await store.read(
            lambda rows: (
                [row.number for row in rows.ledger(NOW, later(10**8), 0, 10**9)],
                [event.details["n"] for _, event in rows.undelivered(10**9)],
                set(rows.all_holds()),
            )
        )
        await store.close()
        assert acknowledged <= set(rows), "an acknowledged segment is lost"
        assert sorted(events) == sorted(rows), "an event without its action, or an action without its event"
        assert len(set(events)) == len(events)
        assert holds == {f"c-{number}" for number in rows}
    assert acknowledged


async def test_kills_under_load_lose_nothing_acknowledged(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path, 6)


@pytest.mark.faults
async def test_200_kills_under_load_lose_nothing_acknowledged(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path, 200)
