"""A writer killed at random points, over and over on one folder: what was acknowledged is there, once, in order."""

import random
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.audit.making import identifiers, stored

from callkeeper.audit.export import export_range
from callkeeper.audit.store import AuditStore

ROOT = Path(__file__).parents[2]


def kill_once(folder: Path, tasks: int, chance: random.Random) -> dict[str, int]:
    """Start a writer, let it work for a moment, kill it, and return what it had acknowledged."""
    command = [sys.executable, "-m", "tests.audit.killed_writer", str(folder), str(tasks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready 0\n"
        deadline = time.monotonic() + chance.uniform(0, 0.12)
        acknowledged: dict[str, int] = {}
        while time.monotonic() < deadline:
            sender, _, sequence = process.stdout.readline().decode().partition(" ")
            acknowledged[sender] = int(sequence)
        process.kill()
        for line in process.stdout:
            if line.endswith(b"\n"):
                sender, _, sequence = line.decode().partition(" ")
                acknowledged[sender] = int(sequence)
    return acknowledged


def survive(folder: Path, kills: int, tasks: int, seed: int) -> None:
    chance = random.Random(seed)
    promised: dict[str, int] = {}
    for _ in range(kills):
        promised.update(kill_once(folder, tasks, chance))
    store = AuditStore.open(folder)
    assert store.recovery.damaged == ()
    assert store.recovery.rebuilt == ()
    rows = stored(folder)
    assert len(rows) == len(set(rows))
    found: dict[str, set[int]] = defaultdict(set)
    for name in rows:
        sender, _, sequence = name.partition(":")
        found[sender].add(int(sequence))
    assert len(promised) == tasks
    for sender, sequence in promised.items():
        mark = store.mark(sender)
        assert mark >= sequence
        assert found[sender] == set(range(1, mark + 1))
    now = datetime.now(UTC)
    exported = identifiers(export_range(folder, now - timedelta(days=9), now + timedelta(days=1)))
    assert sorted(exported) == sorted(rows)


def test_a_writer_killed_under_load_loses_no_acknowledged_row(tmp_path):
    survive(tmp_path / "audit", kills=25, tasks=16, seed=20261123)


@pytest.mark.faults
def test_a_writer_killed_under_load_of_64_senders_five_hundred_times(tmp_path):
    for seed in range(10):
        survive(tmp_path / f"audit-{seed}", kills=50, tasks=64, seed=seed)
