"""`callkeeper recorder serve` as a process of its own."""

import pytest
from click.testing import CliRunner
from tests.local.running import run
from tests.local.serving import until

from callkeeper.cli.main import callkeeper
from callkeeper.local.listening import host_and_port
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Role

USERS = "id,email,licences\n"


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
    ("arguments", "says"),
    [
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--trusted-proxy", "10.0.0.1/8"), "--trusted-proxy"),
        (("--collector", "https://audit.example"), "--collector-token-file"),
        (("--log", "voice/teams"), "--collector"),
        (("--tls-cert", __file__), "--tls-key"),
    ],
)
def test_wrong_usage_is_named(tmp_path, arguments, says):
    given = ["recorder", "serve", "--state", str(tmp_path / "state"), "--tokens", __file__]
    done = CliRunner().invoke(callkeeper, [*given, *arguments])
    assert (done.exit_code, says in done.output) == (2, True), done.output
    assert not (tmp_path / "state").exists()


def test_a_broken_users_file_is_named_at_the_start(tmp_path):
    tokens = tmp_path / "tokens.json"
    tokens.write_text('{"principals": []}')
    tokens.chmod(0o640)
    (tmp_path / "broken.csv").write_text("not,users\n")
    given = ("--state", tmp_path / "state", "--listen", "127.0.0.1:0", "--tokens", tokens)
    done = run(tmp_path, "recorder", "serve", *given, "--users", tmp_path / "broken.csv")
    assert done.returncode == 2
    assert "broken.csv" in done.stderr


def test_tokens_that_everybody_can_read_are_refused(tmp_path):
    tokens = tmp_path / "tokens.json"
    tokens.write_text('{"principals": []}')
    tokens.chmod(0o644)
    arguments = ("--state", tmp_path / "state", "--tokens", tokens, "--listen", "127.0.0.1:0")
    done = run(tmp_path, "recorder", "serve", *arguments)
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
