"""What `callkeeper audit` says where it cannot run: what failed, on which object, what to do; that it did nothing."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.audit.collector.served import collector, token
from tests.audit.making import Clock, event

from callkeeper.audit.store import AuditStore
from callkeeper.cli.audit import audit

OCTOBER = datetime(2026, 10, 5, 10, 0, 0, tzinfo=UTC)
EXPORT = ("export", "--from", "2026-10", "--to", "2026-10")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of a collector."""

    async def fill() -> None:
        async with AuditStore.open(tmp_path / "logs" / "voice" / "teams", now=Clock(OCTOBER)) as store:
            await store.append([event(1, at=OCTOBER)])

    asyncio.run(fill())
    return tmp_path / "logs" / "voice" / "teams"


@pytest.mark.parametrize("command", [EXPORT, ("checkpoint",), ("verify",), ("backup", "--to", "copy")])
def test_a_folder_that_is_no_log_is_made_none_and_the_logs_below_it_are_named(log, command, monkeypatch):
    monkeypatch.chdir(log.parent)
    for folder, hint in ((log.parent.parent, str(log)), (log.parent, str(log))):
        before = sorted(folder.rglob("*"))
        result = run(*command, "--log-dir", folder)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"there is no audit log in {folder}; name one of {hint}" in result.stderr
        assert sorted(folder.rglob("*")) == before


def test_nothing_is_audited_where_nothing_can_be_written(log, tmp_path, monkeypatch):
    before = {path.name: path.read_bytes() for path in log.iterdir()}
    missing = run(*EXPORT, "--log-dir", log, "-o", tmp_path / "missing" / "october.csv")
    assert f"october.csv cannot be written: there is no folder {tmp_path / 'missing'}; make it" in missing.stderr
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    no_library = run(*EXPORT, "--log-dir", log, "--format", "parquet", "-o", tmp_path / "october.parquet")
    assert 'pip install "callkeeper[parquet]"' in no_library.stderr
    assert (missing.exit_code, no_library.exit_code) == (2, 2)
    assert {path.name: path.read_bytes() for path in log.iterdir()} == before


WORDS = [
    (
        ("export", "--from", "2026-11", "--to", "2026-10"),
        "the range ends where it begins (2026-11-01T00:00:00Z); give the earlier end",
    ),
    (("verify", "--against", "no-such-file"), "--against no-such-file: No such file or directory; give a file of"),
    (("verify", "--public-key", "no-such-file"), "the public key no-such-file cannot be read: No such file"),
    (
        ("verify", "--public-key", "letter.txt"),
        "letter.txt: this is no public key as PEM; `callkeeper audit checkpoint",
    ),
    ((*EXPORT, "--url", "http://127.0.0.1:1"), "DIR, --state and --log-dir do not go with --url"),
]


@pytest.mark.parametrize(("command", "words"), WORDS)
def test_what_failed_is_named_with_what_to_do(log, tmp_path, monkeypatch, command, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear Ada")
    result = run(*command, "--log-dir", log)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_folder_that_is_no_backup_is_said(tmp_path):
    result = run("restore", tmp_path, "--to", tmp_path / "new")
    assert result.exit_code == 2
    assert f"{tmp_path} is no backup of an audit store: there is no backup.json in it" in result.stderr


def test_without_a_log_each_way_to_name_one_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    result = run("verify")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in ("callkeeper up", "--state", "--log-dir", "there is none yet"))


async def test_what_a_collector_refuses_is_said_with_what_to_do(tmp_path):
    (tmp_path / "token").write_text(token("vera"))
    async with collector(tmp_path) as running:
        whom = ("--url", running.url, "--token-file", tmp_path / "token")
        for command, words in (
            ((*EXPORT, "--url", running.url, "--log", "voice/teams"), "does not know; send Authorization: Bearer"),
            ((*EXPORT, *whom), "name one log (`log`, on the command line --log): namespace/recorder"),
            ((*EXPORT, *whom, "--log", "voice/none"), "there is no log voice/none; see its name"),
            (("verify", *whom), "is no recorder; of a collector name the log, with --log"),
            (("verify", *whom, "--log", "nonsense"), "'nonsense' names no log; write namespace/recorder"),
        ):
            result = await asyncio.to_thread(run, *command)
            assert (result.exit_code, result.stdout) == (2, "")
            assert words in result.stderr
