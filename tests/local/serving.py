"""`callkeeper recorder serve` as a process of its own, and a client of it."""

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local.running import command, environment

from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

if TYPE_CHECKING:
    import ssl

DEADLINE_SECONDS = 30.0


class Serving:
    """A running `recorder serve`; its log is read as it comes."""

    def __init__(self, home: Path, *arguments: str | Path) -> None:
        self.home, self.tokens, self.state = home, home / "tokens.json", home / "state"
        self.secrets: dict[Role, str] = {}
        for role in Role:
            principal = Principal(id=f"the-{role}", email=f"{role}@example.com", roles=frozenset({role}))
            self.secrets[role] = create_principal(self.tokens, principal)
        self.lines: list[str] = []
        self.context: ssl.SSLContext | None = None
        wanted = ("recorder", "serve", "--state", self.state, "--listen", "127.0.0.1:0", "--tokens", self.tokens)
        self.process = subprocess.Popen(
            command(*wanted, *arguments), env=environment(home), stderr=subprocess.PIPE, text=True, cwd=home
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    @property
    def log(self) -> list[dict[str, Any]]:
        assert not any(line.startswith("Traceback") for line in self.lines), "".join(self.lines)
        return [json.loads(line) for line in list(self.lines)]

    def said(self, event: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((one for one in self.log if one["event"] == event), None)

        return until(found, lambda: "".join(self.lines))

    def ask(self, role: Role | None, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.said("recorder_started")["url"] + path, method=method)
        if role is not None:
            request.add_header("Authorization", f"Bearer {self.secrets[role]}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context) as answer:
                return answer.status, _value(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _value(error.read())

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


def _value(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


def until(condition: Callable[[], Any], told: Callable[[], str] = lambda: "") -> Any:
    ends = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < ends:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError(told())
