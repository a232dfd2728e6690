"""The collector in a process of its own, as `callkeeper audit serve` runs it; to be asked, ended and killed."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.audit.collector.served import PRINCIPALS, write_tokens

DEADLINE_SECONDS = 60.0


class Process:
    """One that runs until `end` or `kill`."""

    def __init__(self, base: Path, *options: str | Path, port: int = 0, scheme: str = "http") -> None:
        tokens = base / "tokens.json"
        if not tokens.exists():
            write_tokens(tokens, PRINCIPALS)
        self.folder = base / "logs"
        self._log = base / "serve.log"
        command = [sys.executable, "-m", "callkeeper", "audit", "serve", "--dir", self.folder, "--tokens", tokens]
        command += ["--listen", f"127.0.0.1:{port}", "--log-format", "json", *options]
        # Read through a file of our own: one that both had open would be written wherever we had read up to.
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(list(map(str, command)), stderr=log, stdout=subprocess.DEVNULL)
        self.port = int(self.said("collector_started")["port"])
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def log(self) -> list[dict[str, Any]]:
        """What it has said so far."""
        lines = self._log.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1] if line.startswith(b"{")]

    def said(self, event: str) -> dict[str, Any]:
        """The first time it said so; waited for."""
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            for one in self.log():
                if one["event"] == event:
                    return one
            assert self._process.poll() is None, self.log()
            time.sleep(0.02)
        raise AssertionError(self.log())

    def end(self) -> int:
        """End it as a platform does; its exit code."""
        self._process.terminate()
        return self._done()

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._done()

    def _done(self) -> int:
        return self._process.wait(DEADLINE_SECONDS)
