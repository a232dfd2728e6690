"""Every command of the how-to runs, and prints what the page says; `…` stands for what differs from log to log."""

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.audit.collector.processes import Process
from tests.audit.collector.served import token
from tests.audit.making import Clock, event

from callkeeper.audit.actions import Action
from callkeeper.audit.store import AuditStore

PAGE = Path(__file__).parents[2] / "docs/how-to/audit-a-month.md"
COLLECTOR_SECTION = "## From a collector"


async def fill(folder: Path) -> None:
    """Two rows a day, from 3 October on."""
    clock = Clock(datetime(2026, 10, 3, 9, tzinfo=UTC))
    async with AuditStore.open(folder, now=clock) as store:
        for number in range(1, 29):
            day = timedelta(days=max(0, number - 3), minutes=number)
            clock.at = datetime(2026, 10, 3, 9, tzinfo=UTC) + day
            change = {"object": "Blacklist/voice/company", "added": {"count": 1}}
            played = {"recording": f"r-{number}"}
            await store.append(
                [
                    event(2 * number - 1, at=clock.at, action=Action.UPDATE_BLACKLIST, details=change),
                    event(
                        2 * number, at=clock.at, email="eve@example.com", action=Action.PLAY_RECORDING, details=played
                    ),
                ]
            )


def steps(text: str) -> list[tuple[str, str]]:
    """Each command of the page with what it is to print."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            found.append((command, output))
    return found


def run(command: str, wanted: str, home: Path, **more: str) -> None:
    environment = {
        **os.environ,
        **more,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **{f"GIT_{who}_{what}": "vera@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(
        command,
        shell=True,
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = done.stdout.replace("\r\n", "\n") + (f"[exit code {done.returncode}]\n" if done.returncode else "")
    expression = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", wanted.rstrip("\n")))
    assert re.fullmatch(expression, printed.rstrip("\n"), re.DOTALL), (command, printed)


def test_every_command_runs_and_prints_what_the_page_says(tmp_path):
    asyncio.run(fill(tmp_path / "audit" / "voice" / "teams"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    local, _, remote = PAGE.read_text().partition(COLLECTOR_SECTION)
    assert (len(steps(local)), len(steps(remote))) == (11, 3)
    for command, wanted in steps(local):
        run(command, wanted, tmp_path)
    (tmp_path / "logs").symlink_to("audit")
    (tmp_path / "token").write_text(token("vera"))
    (tmp_path / "authorization").write_text(f"Authorization: Bearer {token('vera')}\n")
    running = Process(tmp_path)
    try:
        for command, wanted in steps(remote):
            run(command, wanted, tmp_path, COLLECTOR=running.url)
    finally:
        assert running.end() == 0
    lines = (tmp_path / "checkpoints.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["callkeeper-checkpoint"] * 2
