"""What somebody sees who waits at a terminal; and that nobody else sees any of it."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.audit.making import event

from callkeeper.audit.store import AuditStore

NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)
ROWS = 2_000


@pytest.fixture
async def log_folder(tmp_path):
    folder = tmp_path / "log"
    async with AuditStore.open(folder, now=lambda: NOON) as store:
        await store.append([event(number, at=NOON) for number in range(1, ROWS + 1)])
    return folder


def at_a_terminal(*arguments):
    """What the command writes to a terminal as standard error, and to a pipe as standard output."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "callkeeper", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the last that had the terminal open is gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, seen
    return seen.decode(), output


def test_an_export_to_a_file_shows_a_bar_of_its_bytes(log_folder, tmp_path):
    out = tmp_path / "october.csv"
    seen, _ = at_a_terminal("audit", "export", "--log-dir", log_folder, "--from", "2026-10", "-o", out)
    assert f"/{out.stat().st_size / 1000:.1f} kB" in seen
    assert "\x1b[2K" in seen, "it is taken away at the end"


def test_a_verification_shows_how_many_rows_it_has_seen(log_folder):
    seen, output = at_a_terminal("audit", "verify", "--log-dir", log_folder, "--no-row")
    assert "rows, " in seen
    assert "bytes verified …" in seen
    assert b"Nothing altered was found." in output


def test_nothing_of_it_goes_where_nobody_looks_on(log_folder):
    command = [sys.executable, "-m", "callkeeper", "audit", "export", "--log-dir", log_folder, "--from", "2026-10"]
    ended = subprocess.run([*map(str, command)], capture_output=True, timeout=60, check=True)
    assert ended.stdout.count(b"\n") >= ROWS
    assert b"\x1b" not in ended.stderr
