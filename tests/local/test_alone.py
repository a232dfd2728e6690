"""`callkeeper recorder serve` as a process of its own."""

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local.running import command, environment, run

from callkeeper.local.listening import host_and_port
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

USERS = "id,email,licences\n"
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
            with urllib.request.urlopen(request, timeout=20) as answer:
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


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    processes: list[Serving] = []

    def start(*arguments: str | Path) -> Serving:
        processes.append(Serving(tmp_path, *arguments))
        return processes[-1]

    yield start
    for one in processes:
        if one.process.poll() is None:
            one.process.kill()
            one.end()


def test_a_recorder_alone_is_programmed_over_http_and_comes_back_with_what_it_was_told(serve):
    recorder = serve()
    assert recorder.ask(None, "GET", "/healthz")[0] == 200
    status, ready = recorder.ask(None, "GET", "/readyz")
    assert (status, ready["checks"]["config"]) == (200, "ok, none programmed yet")
    assert "callkeeper_outbox_rows" in recorder.ask(Role.SETTINGS, "GET", "/metrics")[1]
    body = {"owner": "cluster:test", "epoch": 1, "config": to_json(RecorderConfig())}
    status, put = recorder.ask(Role.SETTINGS, "PUT", "/v1/config", body, If_None_Match="*")
    assert status == 200, put
    users = [{"id": "ada", "email": "ada@example.com", "licences": ["CallRecording"]}]
    status, answer = recorder.ask(Role.ADMINISTRATOR, "PUT", "/v1/users", users)
    assert status == 200, answer
    assert "UpdateUsers" in recorder.ask(Role.ADMINISTRATOR, "GET", "/v1/audit?from=today&to=now")[1]
    assert recorder.end() == 0
    assert [one["event"] for one in recorder.log][-2:] == ["recorder_ending", "recorder_ended"]

    again = serve()
    started = again.said("recorder_started")
    assert (started["revision"], started["owner"], started["users"]) == (put["revision"], "cluster:test", 1)
    assert again.end() == 0


def test_a_users_file_is_authoritative_and_followed(serve, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(f"{USERS}ada,ada@example.com,CallRecording\n")
    recorder = serve("--users", path)
    status, problem = recorder.ask(Role.ADMINISTRATOR, "PUT", "/v1/users", [])
    assert (status, problem["type"]) == (409, "/problems/users-from-folder")
    path.write_text(f"{USERS}ada,ada@example.com,CallRecording\nbob,bob@example.com,\n")
    until(lambda: len(recorder.ask(Role.ADMINISTRATOR, "GET", "/v1/users")[1]["items"]) == 2)
    path.write_text("not,users\n")
    assert "people.csv" in recorder.said("users_file_unusable")["detail"]
    assert len(recorder.ask(Role.ADMINISTRATOR, "GET", "/v1/users")[1]["items"]) == 2

    def rows() -> bool:
        return recorder.ask(Role.AUDITOR, "GET", "/v1/audit?from=today&to=now")[1].count("UpdateUsers") == 2

    assert until(rows)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--listen", "nowhere"), 2, "HOST:PORT"),
        (("--trusted-proxy", "10.0.0.1/8"), 2, "--trusted-proxy"),
        (("--collector", "https://audit.example"), 2, "--collector-token-file"),
        (("--log", "voice/teams"), 2, "--collector"),
        (("--users", "broken.csv"), 2, "broken.csv"),
    ],
)
def test_what_cannot_be_used_is_named_with_a_code_of_its_own(tmp_path, arguments, code, says):
    (tmp_path / "tokens.json").write_text('{"principals": []}')
    (tmp_path / "tokens.json").chmod(0o640)
    (tmp_path / "broken.csv").write_text("not,users\n")
    given = ("--state", tmp_path / "state", "--listen", "127.0.0.1:0", "--tokens", tmp_path / "tokens.json")
    done = run(tmp_path, "recorder", "serve", *given, *arguments)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr


def test_tokens_that_everybody_can_read_are_refused(tmp_path):
    tokens = tmp_path / "tokens.json"
    tokens.write_text('{"principals": []}')
    tokens.chmod(0o644)
    done = run(tmp_path, "recorder", "serve", "--state", tmp_path / "state", "--tokens", tokens)
    assert done.returncode == 2
    assert "can be read by others" in done.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:8470", ("127.0.0.1", 8470)), ("[::1]:0", ("::1", 0)), (":80", ("0.0.0.0", 80)), ("a.b:1", ("a.b", 1))],
)
def test_host_and_port_are_told_apart(text, found):
    assert host_and_port(text) == found


@pytest.mark.parametrize("text", ["", "8470", "a:", "a:70000", "a:-1", "::1:80", "a:٣"])
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        host_and_port(text)
