"""`make cluster`: a new user follows the page that it prints, and sees a Blacklist change a call and who did it."""

import csv
import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.playground.running import PERSON

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^  \$ (?P<command>(?:.*\\\n)*.*)$", re.MULTILINE)

# It builds nothing by itself: the first test that asks for a control plane has seen to that.
pytestmark = [pytest.mark.usefixtures("programs"), pytest.mark.timeout(240)]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """What a person reads, and the process that they would end with Ctrl-C."""
    command = [sys.executable, "-m", "tests.cluster", "up", "--folder", str(tmp_path / "cluster")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        try:
            yield "".join(lines), process
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()


def test_a_new_user_sees_a_blacklist_change_a_call_and_reads_who_did_it(
    page: tuple[str, "subprocess.Popen[str]"], tmp_path: Path
):
    text, process = page
    commands = [match["command"] for match in COMMAND.finditer(text)]
    assert len(commands) == 9, text
    export, table, first_call, apply, wait, second_call, audit, explain, status = commands

    def follow(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"{export}\n{command}"], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    shown = follow(table)
    assert shown.count("True") >= 7
    assert "False" not in shown
    assert "Unknown" not in shown
    assert follow(first_call).startswith("Recorded: ")
    assert "blacklist.callkeeper.dev/italy created" in follow(apply)
    assert "condition met" in follow(wait)
    assert re.match(r"Not recorded: .* \(Blacklist/voice/italy \+39!\)", follow(second_call))
    rows = list(csv.DictReader(io.StringIO(follow(audit))))
    told = {row["ActionType"]: row for row in rows if "Blacklist/voice/italy" in row["Details"]}
    assert set(told) == {"CreateSettings", "UpdateBlacklist"}
    assert {row["Email"] for row in told.values()} == {PERSON}
    assert told["CreateSettings"]["IpAddress"] == "127.0.0.1"
    assert all("+39!" in row["Details"] for row in told.values())

    assert "Not recorded: " in follow(explain)
    assert "Blacklist/italy" in follow(status)

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not (tmp_path / "cluster").exists()
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "cluster")], capture_output=True, text=True, check=False)
    assert left.stdout == ""
