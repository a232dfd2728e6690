"""A sync of the database that fails in the kernel: nobody was told that it worked, and nothing is there twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.recorder.store.making import NOW, later

from callkeeper.recorder.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
UNITS = 12

WRITER = """
import asyncio, os, sys
from pathlib import Path
from tests.recorder.store.making import ended, event, hold, segment
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.store.sqlite import SqliteStore

async def main(folder):
    store = SqliteStore.open(folder)
    for number in range(1, int(sys.argv[2]) + 1):
        def unit(rows):
            rows.save_segments([ended(segment(number))])
            rows.add_hold(hold(f"h-{number}", f"c-{number}"))
            rows.add_event(event(number))
        for attempt in range(5):
            try:
                await store.write(unit)
            except StorageFault as fault:
                os.write(1, f"failed {number} {fault.detail}\\n".encode())
            else:
                os.write(1, f"kept {number}\\n".encode())
                break
    os._exit(9)  # as a crash: what the database would do when it is closed is not done

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fails one fdatasync of the process that it is loaded into."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler on this machine")
    path = tmp_path_factory.mktemp("shim") / "failing_sync.so"
    source = ROOT / "tests" / "audit" / "failing_sync.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(path), str(source), "-ldl"], check=True)
    return path


async def fail_at(folder: Path, shim: Path, nth: int) -> bool:
    """Write with this sync failing, and look at what is there; whether a commit was what failed."""
    command = [sys.executable, "-c", WRITER, str(folder), str(UNITS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(shim), "FAIL_AT": str(nth)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: ASYNC221
    if done.returncode != 9:
        assert "disk I/O error" in done.stderr, done.stderr  # it could not be opened, and says so
        return False
    said = [line.split(" ", 2) for line in done.stdout.splitlines()]
    kept = [int(words[1]) for words in said if words[0] == "kept"]
    failed = [words[2] for words in said if words[0] == "failed"]
    assert kept == list(range(1, UNITS + 1)), done.stdout
    assert all("disk I/O error" in why for why in failed), failed
    store = SqliteStore.open(folder)
    rows, events = await store.read(
        lambda rows: (
            [row.number for row in rows.ledger(NOW, later(10**8), 0, 10**9)],
            [event.details["n"] for _, event in rows.undelivered(10**9)],
        )
    )
    await store.close()
    assert sorted(rows) == sorted(events) == kept, (nth, failed)
    return bool(failed)


async def test_a_sync_that_fails_once_is_told_and_what_was_tried_again_is_there_once(
    tmp_path: Path, shim: Path
) -> None:
    SqliteStore.open(tmp_path / "made").close_now()
    failed = 0
    for nth in (3, 6, 9):
        folder = tmp_path / str(nth)
        shutil.copytree(tmp_path / "made", folder)
        failed += await fail_at(folder, shim, nth)
    assert failed


@pytest.mark.faults
async def test_a_sync_that_fails_once_wherever_it_does(tmp_path: Path, shim: Path) -> None:
    for nth in range(1, UNITS + 6):
        await fail_at(tmp_path / str(nth), shim, nth)
