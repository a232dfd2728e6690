"""`callkeeper up` as a process of its own, with a home of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callkeeper.local.state import state_folder

TIMEOUT = 60.0


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "PYTHONPATH"}}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "GIT_CONFIG_NOSYSTEM": "1"}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "callkeeper", *map(str, arguments)]


def run(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(home), capture_output=True, text=True, timeout=90, check=False, cwd=home
    )


class UpProcess:
    """A running `callkeeper up --log-format json`; what it says is read as it comes."""

    def __init__(self, home: Path, folder: Path, *arguments: str, log_format: str = "json") -> None:
        self.home = home
        self.folder = folder
        self.state = state_folder(folder, home / "the-state")
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command("up", folder, "--port", "0", "--state", self.state, "--log-format", log_format, *arguments),
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def events(self) -> list[dict[str, Any]]:
        found = []
        for line in list(self.lines):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def wait_for(self, event: str, after: int = 0, **members: Any) -> dict[str, Any]:
        """The first event of this name, behind so many events, with these members."""

        def found() -> dict[str, Any] | None:
            for one in self.events[after:]:
                if one.get("event") == event and all(one.get(name) == value for name, value in members.items()):
                    return one
            return None

        return self.until(found)

    def until(self, condition: Callable[[], Any]) -> Any:
        ends = time.monotonic() + TIMEOUT
        while time.monotonic() < ends:
            if answer := condition():
                return answer
            assert self.process.poll() is None or condition(), "".join(self.lines)
            time.sleep(0.01)
        raise AssertionError("".join(self.lines))

    def started(self) -> "UpProcess":
        self.url = self.wait_for("started")["url"]
        return self

    def request(self, method: str, path: str, body: Any = None, header: Path | None = None, **headers: str) -> Any:
        name, _, value = (header or self.state / "authorization").read_text().strip().partition(": ")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        for one, text in {name: value, "Content-Type": "application/json", **headers}.items():
            request.add_header(one.replace("_", "-"), text)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())

    def config(self) -> Any:
        return self.request("GET", "/v1/config")

    def kill(self) -> None:
        """End it by force; harmless when it has ended."""
        self.process.kill()
        self._over()

    def end(self, number: int = signal.SIGINT) -> float:
        """Ask it to end; returns the seconds it took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)
        took = time.monotonic() - begun
        self._over()
        return took

    def _over(self) -> None:
        self.process.wait(10)
        self.reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
