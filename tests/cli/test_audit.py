import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from tests.audit.making import Clock, event, identifiers, read_csv

from callkeeper.audit.actions import Action
from callkeeper.audit.export import export_range
from callkeeper.audit.row import COLUMNS, HEADER
from callkeeper.audit.store import AuditStore
from callkeeper.audit.taxonomy import reference_page
from callkeeper.cli.audit import audit
from callkeeper.local.state import state_folder

OCTOBER = datetime(2026, 10, 5, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with three rows of October."""

    async def fill() -> None:
        async with AuditStore.open(tmp_path / "state" / "audit", now=Clock(OCTOBER + timedelta(days=1))) as store:
            await store.append(
                [
                    event(1, at=OCTOBER),
                    event(2, at=OCTOBER + timedelta(hours=1), email="eve@example.com"),
                    event(3, at=OCTOBER + timedelta(hours=2), action=Action.STOP_RECORDING),
                ]
            )

    asyncio.run(fill())
    return tmp_path / "state"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, [str(argument) for argument in arguments], catch_exceptions=False)


def rows_of_today(state: Path) -> list[list[str]]:
    now = datetime.now(UTC)
    return read_csv(b"".join(export_range(state / "audit", now - timedelta(hours=1), now + timedelta(hours=1))))[1:]


def test_a_month_is_exported_and_the_range_shown_back_in_utc(state):
    result = run("export", "--state", state, "--from", "2026-10", "--to", "2026-10")
    assert result.exit_code == 0
    assert identifiers([result.stdout_bytes]) == ["recorder:1", "recorder:2", "recorder:3"]
    assert "2026-10-01T00:00:00Z up to 2026-11-01T00:00:00Z" in result.stderr


def test_the_export_is_audited_with_range_rows_and_bytes(state):
    result = run("export", "--state", state, "--from", "2026-10-05T12:30:00+02:00", "--to", "2026-10")
    (row,) = rows_of_today(state)
    assert row[2:5] == ["127.0.0.1", "callkeeper", "DownloadCsvAudit"]
    details = json.loads(row[5])
    assert details["id"] == "cli:1"
    assert (details["from"], details["to"]) == ("2026-10-05T10:30:00Z", "2026-11-01T00:00:00Z")
    assert (details["rows"], details["bytes"]) == (2, len(result.stdout_bytes))
    assert len(details["chain"]) == 64


def test_the_row_is_there_before_the_first_byte_and_without_it_nothing_leaves(state, monkeypatch):
    async def refuse(*_arguments: object, **_fields: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("callkeeper.cli.audit_export.record_download", refuse)
    result = run("export", "--state", state, "--from", "2026-10")
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert "No space left on device" in result.stderr


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--email", "EVE@example.com"], ["recorder:2"]),
        (["--action", "stoprecording"], ["recorder:3"]),
        (["--action", "StopRecording", "--action", "StartRecording", "--email", "ada@example.com"], [1, 3]),
        (["--email", "nobody@example.com"], []),
    ],
)
def test_rows_are_picked_by_address_and_action(state, options, wanted):
    result = run("export", "--state", state, "--from", "2026-10", *options)
    assert identifiers([result.stdout_bytes]) == [one if isinstance(one, str) else f"recorder:{one}" for one in wanted]


def test_a_file_appears_complete_and_replaces_what_was_there(state, tmp_path):
    target = tmp_path / "october.csv"
    target.write_text("old")
    result = run("export", "--state", state, "--from", "2026-10", "-o", target)
    assert (result.exit_code, result.stdout_bytes) == (0, b"")
    assert identifiers([target.read_bytes()]) == ["recorder:1", "recorder:2", "recorder:3"]
    assert [path.name for path in tmp_path.iterdir() if "october" in path.name] == ["october.csv"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(state, tmp_path):
    result = run("export", "--state", state, "--from", "2026-10", "-o", tmp_path / "missing" / "october.csv")
    assert result.exit_code == 2
    assert "missing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-11", "--to", "2026-09"], "before it has begun"),
        (["--from", "soon"], "'soon' is no time"),
        (["--from", "2026-10", "--to", "2026-13"], "'2026-13' is no time"),
        (["--from", "2026-10", "--action", "StopRecordings"], "did you mean StopRecording?"),
        (["--from", "2026-10", "--action", "zzz"], "callkeeper audit actions"),
        ([], "--from"),
    ],
)
def test_what_cannot_be_read_is_said_with_exit_code_2(state, arguments, message):
    result = run("export", "--state", state, *arguments)
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert message in result.stderr


def test_a_state_folder_without_a_log_is_said(tmp_path):
    result = run("export", "--state", tmp_path, "--from", "today")
    assert result.exit_code == 2
    assert "there is no audit log in" in result.stderr


def test_the_log_of_a_settings_folder_is_found_and_the_only_one_needs_no_name(state, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    settings, other = tmp_path / "settings", tmp_path / "other"
    settings.mkdir()
    other.mkdir()
    nothing = run("export", "--from", "2026-10")
    assert nothing.exit_code == 2
    assert "there is none yet" in nothing.stderr
    target = state_folder(settings)
    target.parent.mkdir(parents=True)
    state.rename(target)
    assert identifiers([run("export", settings, "--from", "2026-10").stdout_bytes])[0] == "recorder:1"
    assert identifiers([run("export", "--from", "2026-10").stdout_bytes])[0] == "recorder:1"
    (state_folder(other) / "audit").mkdir(parents=True)
    several = run("export", "--from", "2026-10")
    assert several.exit_code == 2
    assert "there are several" in several.stderr
    monkeypatch.chdir(settings)
    assert run("export", "--from", "2026-10").exit_code == 0


class Recorder(BaseHTTPRequestHandler):
    """Answers like the recorder's `GET /v1/audit`."""

    asked: dict[str, list[str]]
    status = 200
    body = b""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        type(self).asked = {**parse_qs(address.query), "path": [address.path]}
        allowed = self.headers["Authorization"] == "Bearer secret"
        self.send_response(self.status if allowed else 401)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def running(state: Path, body: bytes, status: int = 200) -> Iterator[type[Recorder]]:
    """A recorder that holds the store and answers."""
    handler = type("Handler", (Recorder,), {"body": body, "status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        (state / "up.json").write_text(json.dumps({"pid": 1, "url": url, "folder": "/settings"}))
        (state / "authorization").write_text("Authorization: Bearer secret\n")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        store = AuditStore.open(state / "audit")
        try:
            yield handler
        finally:
            asyncio.run(store.close())
            server.shutdown()
            thread.join()


def test_a_running_recorder_is_asked_instead(state, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    body = b"".join(export_range(state / "audit", OCTOBER, OCTOBER + timedelta(days=1)))
    monkeypatch.setenv("no_proxy", "")
    with running(state, body) as handler:
        result = run(
            "export", "--state", state, "--from", "2026-10-05", "--to", "2026-10-06", "--email", "ada@example.com"
        )
    assert result.exit_code == 0
    assert handler.asked == {
        "path": ["/v1/audit"],
        "from": ["2026-10-05T00:00:00Z"],
        "to": ["2026-10-07T00:00:00Z"],
        "email": ["ada@example.com"],
    }
    assert result.stdout_bytes == body
    assert rows_of_today(state) == []


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (403, b'{"title":"Forbidden","detail":"auditors only"}', "refused: auditors only"),
        (500, b"<html>", "refused: 500"),
        (200, b"<html>" * 20, "is no audit log"),
        (200, HEADER[:-3], "is no audit log"),
    ],
)
def test_what_the_recorder_refuses_is_said(state, tmp_path, status, body, message):
    with running(state, body, status):
        result = run("export", "--state", state, "--from", "2026-10", "-o", tmp_path / "out.csv")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_store_held_by_something_that_cannot_be_asked_is_said(state):
    store = AuditStore.open(state / "audit")
    result = run("export", "--state", state, "--from", "2026-10")
    assert (result.exit_code, result.stdout_bytes) == (2, b"")
    assert "another process writes the audit log" in result.stderr
    (state / "up.json").write_text(json.dumps({"pid": 1, "url": "http://127.0.0.1:9", "folder": "/settings"}))
    (state / "authorization").write_text("Authorization: Bearer secret\n")
    result = run("export", "--state", state, "--from", "2026-10")
    assert "does not answer" in result.stderr
    asyncio.run(store.close())


def test_a_torn_tail_is_told_to_who_exports(state):
    with (state / "audit" / "audit-2026-10-05.csv").open("ab") as file:
        file.write(b"torn")
    result = run("export", "--state", state, "--from", "2026-10")
    assert "4 bytes of an unfinished write were moved to audit-2026-10-05.csv.torn-1" in result.stderr
    assert len(identifiers([result.stdout_bytes])) == 3


def test_a_reader_that_has_seen_enough_ends_the_export_quietly(state):
    async def more() -> None:
        async with AuditStore.open(state / "audit", now=Clock(OCTOBER + timedelta(days=1))) as store:
            await store.append([event(number, at=OCTOBER + timedelta(hours=3)) for number in range(10, 5000)])

    asyncio.run(more())
    code = "from callkeeper.cli.audit import audit; audit()"
    command = [sys.executable, "-c", code, "export", "--state", str(state), "--from", "2026-10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == HEADER
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 0


def test_help_shows_examples():
    result = run("export", "--help")
    assert "callkeeper audit export --from 2026-10 --to 2026-10 -o october.csv\n" in result.stdout


def test_the_taxonomy_is_listed():
    assert run("actions", "--format", "markdown").stdout == reference_page()
    listed = json.loads(run("actions", "--format", "json").stdout)
    assert [one["action"] for one in listed] == [line.split()[0] for line in run("actions").stdout.splitlines()]
    assert {one["action"] for one in listed} == set(Action)


class Broken(Recorder):
    """Breaks off in the middle, goes on when asked to, and says that the log has changed where it is told to."""

    changed = False

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not self.changed else 0
        assert not asked or self.headers["If-Range"] == '"the tag"'
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(self.body) - begin))
        self.send_header("ETag", '"the tag"')
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        half = begin + max(1, (len(self.body) - begin) // 2) if len(self.body) - begin > 60 else len(self.body)
        self.wfile.write(self.body[begin:half])
        self.close_connection = True


@pytest.mark.parametrize("changed", [False, True])
def test_a_download_that_breaks_off_goes_on_where_it_was_or_says_that_it_cannot(state, tmp_path, changed):
    body = b"".join(export_range(state / "audit", OCTOBER, OCTOBER + timedelta(days=1)))
    handler = type("Handler", (Broken,), {"body": body, "changed": changed})
    (tmp_path / "token").write_text("secret\n")
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        target = tmp_path / "out.csv"
        url = f"http://127.0.0.1:{server.server_port}"
        result = run("export", "--url", url, "--token-file", tmp_path / "token", "--from", "2026-10", "-o", target)
        server.shutdown()
        thread.join()
    if changed:
        assert result.exit_code == 2
        assert "the log has changed in this range meanwhile" in result.stderr
        assert not target.exists()
    else:
        assert result.exit_code == 0
        assert target.read_bytes() == body


def test_an_export_as_parquet_has_the_same_rows(state, tmp_path):
    target = tmp_path / "out.parquet"
    result = run("export", "--state", state, "--from", "2026-10", "--format", "parquet", "-o", target)
    assert result.exit_code == 0
    assert "Exported 3 rows" in result.stderr
    table = pyarrow.parquet.read_table(target)
    assert table.column_names == list(COLUMNS)
    assert table["Date"].to_pylist() == [OCTOBER + timedelta(hours=number) for number in range(3)]
    assert [json.loads(text)["id"] for text in table["Details"].to_pylist()] == [
        "recorder:1",
        "recorder:2",
        "recorder:3",
    ]


def test_parquet_without_pyarrow_says_what_to_install(state, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("export", "--state", state, "--from", "2026-10", "--format", "parquet", "-o", tmp_path / "x")
    assert result.exit_code == 2
    assert 'pip install "callkeeper[parquet]"' in result.stderr
    assert not (tmp_path / "x").exists()
    assert run("export", "--state", state, "--from", "2026-10", "--format", "parquet").exit_code == 2


def test_a_log_is_named_by_its_own_folder_and_a_selection_by_area(state):
    result = run(
        "export", "--log-dir", state / "audit", "--from", "2026-10", "--area", "recordings", "--app", "callkeeper"
    )
    assert identifiers([result.stdout_bytes]) == ["recorder:1", "recorder:2", "recorder:3"]
    assert run("export", "--log-dir", state / "audit", "--from", "2026-10", "--app", "x").stdout_bytes == HEADER
    for wrong in (["--state", state], ["--url", "http://127.0.0.1:9", "--ca", state / "none"]):
        result = run("export", "--log-dir", state / "audit", "--from", "2026-10", *wrong)
        assert result.exit_code == 2


def test_a_file_of_any_kind_takes_the_export(state, tmp_path):
    whole = run("export", "--state", state, "--from", "2026-10").stdout_bytes
    command = f"{sys.executable} -m callkeeper audit export --state {state} --from 2026-10 --to 2026-10"
    for target in ("| cat", "> out.csv; cat out.csv", ">> more.csv; cat more.csv"):
        done = subprocess.run(
            f"{command} 2>/dev/null {target}", shell=True, capture_output=True, cwd=tmp_path, check=True
        )
        assert done.stdout == whole
