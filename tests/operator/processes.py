"""A recorder and an operator as processes of their own, as they run in a cluster."""

import csv
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
from hashlib import sha256
from pathlib import Path
from typing import Any

from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

DEADLINE_SECONDS = 60.0


def until(condition: Callable[[], Any], told: Callable[[], str] = lambda: "", seconds: float = DEADLINE_SECONDS) -> Any:
    """The first answer that is true."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"it did not come within {seconds:g} s\n{told()}")


class Logged:
    """A process whose log is read as it comes."""

    def __init__(self, home: Path, *arguments: str | Path, environment: dict[str, str] | None = None) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        self.home = home
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "callkeeper", *map(str, arguments)],
            env={**kept, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), **(environment or {})},
            stderr=subprocess.PIPE,
            text=True,
            cwd=home,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    @property
    def text(self) -> str:
        return "".join(list(self.lines))

    @property
    def log(self) -> list[dict[str, Any]]:
        found = []
        for line in list(self.lines):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def said(self, event: str, *, after: int = 0, seconds: float = DEADLINE_SECONDS, **members: Any) -> dict[str, Any]:
        """The first event of this name, behind so many others."""

        def found() -> dict[str, Any] | None:
            for one in self.log[after:]:
                if one.get("event") == event and all(one.get(name) == value for name, value in members.items()):
                    return one
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}\n{self.text}")
            return None

        return until(found, lambda: self.text, seconds)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


class RecorderProcess(Logged):
    """`callkeeper recorder serve`, on the same port and with the same tokens whenever it is started in its home."""

    def __init__(self, home: Path, *, port: int = 0) -> None:
        home.mkdir(exist_ok=True)
        self.tokens, self.secret_file = home / "tokens.json", home / "secret"
        if not self.secret_file.exists():
            self.secret_file.write_text(self.new_token())
        listen = f"127.0.0.1:{port}"
        super().__init__(
            home, "recorder", "serve", "--state", home / "state", "--listen", listen, "--tokens", self.tokens,
            "--log-format", "json",
        )  # fmt: skip
        self.url: str = self.said("recorder_started")["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def new_token(self, *roles: Role) -> str:
        principal = Principal(id=f"owner-{time.time_ns()}", roles=frozenset(roles or {Role.SETTINGS}))
        return create_principal(self.home_tokens, principal)

    @property
    def home_tokens(self) -> Path:
        return self.tokens

    @property
    def token(self) -> str:
        return self.secret_file.read_text()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    @property
    def in_force(self) -> dict[str, Any]:
        """The answer of GET /v1/config."""
        code, answer = self.ask("GET", "/v1/config")
        assert code == 200, answer
        return dict(answer)

    @property
    def patterns(self) -> list[str]:
        """The blacklist in force."""
        config = self.in_force.get("config") or {}
        return [entry["pattern"] for entry in config.get("blacklist", {}).get("entries", [])]


class OperatorProcess(Logged):
    """`callkeeper operator`."""

    def __init__(self, home: Path, kubeconfig: Path, *arguments: str) -> None:
        home.mkdir(exist_ok=True)
        audit = [] if "--collector" in arguments else ["--without-audit"]
        super().__init__(
            home, "operator", "--listen", "127.0.0.1:0", *audit, *arguments, environment={"KUBECONFIG": str(kubeconfig)}
        )

    def leads(self, *, after: int = 0, seconds: float = DEADLINE_SECONDS) -> int:
        """The epoch it leads with, as soon as it does."""
        return int(self.said("leading", after=after, seconds=seconds)["epoch"])

    def get(self, path: str) -> tuple[int, str]:
        address = self.said("listening")["address"]
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class CollectorProcess(Logged):
    """`callkeeper audit serve`, with a token for the operator."""

    def __init__(self, home: Path, *, port: int = 0) -> None:
        home.mkdir(exist_ok=True)
        self.folder, self.token_file = home / "logs", home / "token"
        self.folder.mkdir(exist_ok=True)
        self.token_file.write_text("token-of-the-operator\n")
        digest = sha256(b"token-of-the-operator").hexdigest()
        tokens = home / "tokens.json"
        tokens.write_text(
            json.dumps({"principals": [{"id": "operator", "roles": ["operator"], "tokenSha256": digest}]})
        )
        tokens.chmod(0o600)
        listen = f"127.0.0.1:{port}"
        super().__init__(
            home, "audit", "serve", "--dir", self.folder, "--listen", listen, "--tokens", tokens, "--log-format", "json"
        )
        self.port = int(self.said("collector_started")["port"])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the operator is told of it."""
        return ("--collector", self.url, "--collector-token-file", str(self.token_file))

    def rows(self, namespace: str, recorder: str = "teams") -> list[dict[str, str]]:
        """Every row of a log."""
        found: list[dict[str, str]] = []
        for path in sorted((self.folder / namespace / recorder).rglob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                found.extend(csv.DictReader(file))
        return found

    def actions(self, namespace: str, recorder: str = "teams") -> list[str]:
        """What was done, in the order of the rows."""
        return [row["ActionType"] for row in self.rows(namespace, recorder)]
