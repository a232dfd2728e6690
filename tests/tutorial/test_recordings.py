"""The tutorial about recordings: every command of it runs, in order, and says what the page says it does.

`callkeeper up` runs beside the others, as in a terminal of its own; what is done in the browser is done in one.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import browser, opened  # noqa: F401 - fixtures
from tests.browser.test_page import open_recording, sign_in, until
from tests.local.running import environment

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "recordings.md"
BINARIES = Path(__file__).parents[2] / ".venv" / "bin"
UP = "callkeeper up"
DEADLINE_SECONDS = 60


def commands(text: str) -> list[str]:
    """The commands of the page in their order, each with the lines that belong to it."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        found += [one.rstrip("\n") for one in re.split(r"^\$ ", block, flags=re.MULTILINE) if one]
    return found


class Reader:
    """Somebody who follows the page: one terminal for `up`, another for everything else."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.environment = environment(home) | {"PATH": f"{BINARIES}:{os.environ['PATH']}"}
        self.up: subprocess.Popen[bytes] | None = None
        self.shell = subprocess.Popen(
            ["bash", "-u"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=self.environment,
            text=True,
            bufsize=1,
        )

    def run(self, command: str) -> str:
        """What a command prints; `up` is left running."""
        # Port 8470 may be somebody else's while tests run.
        command = command.replace("8470", str(self.port))
        if command.startswith(UP):
            self.start(f"{command} --port {self.port}")
            return ""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f'{command}\necho "END-OF-COMMAND $?"\n')
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            before, ended, code = line.partition("END-OF-COMMAND ")
            if ended:
                assert code.strip() == "0", f"{command}\n{''.join(lines)}"
                return "".join([*lines, before])
            lines.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(lines)}")

    def start(self, command: str) -> None:
        """Have it run in a terminal of its own, in place of one that runs there."""
        self.stop()
        printed = self.home / "printed"
        with printed.open("wb") as out:
            self.up = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.home, env=self.environment, stdout=out
            )
        ends = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < ends:
            assert self.up.poll() is None
            # A reader goes on when it says what is in force. It listens before that, and records nothing yet.
            if "Ctrl-C ends." in printed.read_text():
                return
            time.sleep(0.1)
        raise AssertionError(f"{command} does not start: {printed.read_text()}")

    def stop(self) -> None:
        """Ctrl-C in that terminal."""
        if self.up is not None:
            self.up.send_signal(signal.SIGINT)
            assert self.up.wait(30) == 0
            self.up = None

    def end(self) -> None:
        """Close both terminals."""
        for process in (self.shell, self.up):
            if process is not None:
                process.kill()
                process.wait(10)
        for stream in (self.shell.stdin, self.shell.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = Reader(tmp_path)
    yield found
    found.end()


@pytest.mark.timeout(300)
def test_every_command_of_the_tutorial_does_what_the_page_says(
    reader: Reader,
    opened: Callable[[str], Page],  # noqa: F811 - the fixture
) -> None:
    before, _, after = PAGE.read_text().partition("<!-- browser: play the first recording -->")
    printed = {command: reader.run(command) for command in commands(before)}
    details = json.loads(last(printed, "$PLAYED"))
    assert details["decision"]["source"].startswith("RecordingPolicy/default/everybody")
    assert details["retention"]["rule"].startswith("RetentionRule/default/an-hour")
    played, token = details["id"], last(printed, "callkeeper token")

    page = opened(reader.url)
    sign_in(page, token)
    expect(page.locator("#list tr")).to_have_count(3)
    open_recording(page, played)
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('audio').currentTime > 0.2")
    page.evaluate("document.querySelector('audio').currentTime = 3")
    until(page, "document.querySelector('audio').currentTime >= 3")

    checks: dict[str, Callable[[str], Any]] = {
        "grep PlayRecording": lambda text: text.count("PlayRecording,") == 1 and "ada@example.com" in text,
        "/holds -d": lambda text: json.loads(text)["reason"] == "case 4711",
        "authorization -X DELETE": lambda text: json.loads(text)["type"] == "/problems/recording-protected",
        "-X DELETE -w": lambda text: text.strip() == "204",
        "recordings/$DELETED | python3": lambda text: tombstone(text)["removedBy"] == "ada",
        "grep DeleteRecording": lambda text: "ada@example.com" in text,
        "recordings/$PLAYED | python3": lambda text: "RetentionRule/default/an-hour" in tombstone(text)["rule"],
        "recordings/$HELD | python3 -m json.tool": lambda text: json.loads(text)["held"],
        "-o held.wav": lambda text: text == "",
        "cmp held.wav": lambda text: text == "",
        "grep ExpireRecording": lambda text: "an-hour" in text and "claimedAt" in text,
    }
    left = dict(checks)
    for command in commands(after):
        known = next((part for part in left if part in command), None)
        if known is None:
            assert command.startswith((UP, "ADA=")), command
            reader.run(command)
        else:
            eventually(reader, command, left.pop(known))
    assert left == {}
    reader.stop()


def last(printed: dict[str, str], part: str) -> str:
    """What the last command with this in it printed."""
    return next(text for command, text in reversed(printed.items()) if part in command)


def tombstone(text: str) -> dict[str, Any]:
    """The one tombstone of a problem document; none while the recording is there."""
    found: list[dict[str, Any]] = json.loads(text).get("tombstones", [{}])
    return {"rule": "", "removedBy": ""} | found[0]


def eventually(reader: Reader, command: str, is_so: Callable[[str], Any]) -> None:
    """Run a command as often as somebody would who waits for the sweeper or for a row on its way."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while not is_so(text := reader.run(command) if "grep" not in command else reader.run(f"{command} || true")):
        assert time.monotonic() < ends, f"{command}\n{text}"
        time.sleep(0.2)
