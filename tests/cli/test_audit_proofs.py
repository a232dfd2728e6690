"""`callkeeper audit verify|checkpoint|backup|restore`, as an auditor uses them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.audit.making import Clock, event, identifiers, read_csv

from callkeeper.audit.store import AuditStore
from callkeeper.cli.audit import audit

OCTOBER = datetime(2026, 10, 5, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with rows of two days."""

    async def fill() -> None:
        clock = Clock(OCTOBER)
        async with AuditStore.open(tmp_path / "log", now=clock) as store:
            await store.append([event(1, at=OCTOBER), event(2, at=OCTOBER + timedelta(hours=1))])
            clock.at += timedelta(days=1)
            await store.append([event(3, at=clock.at)])

    asyncio.run(fill())
    return tmp_path / "log"


def run(command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, [command, *map(str, arguments)], catch_exceptions=False)


def test_an_auditor_is_told_which_commit_was_altered_after_the_checkpoint_in_git(log, tmp_path):
    kept = tmp_path / "checkpoints.txt"
    kept.write_text("# kept by the auditors\n" + run("checkpoint", "--log-dir", log).stdout)
    pem = tmp_path / "audit.pem"
    pem.write_text(run("checkpoint", "--log-dir", log, "--public-key").stdout)
    sound = run("verify", "--log-dir", log, "--against", kept, "--public-key", pem)
    assert sound.exit_code == 0
    assert "3 rows in 2 commits" in sound.stdout
    assert "1 of 1 given from elsewhere" in sound.stdout
    path = log / "audit-2026-10-05.csv"
    path.write_bytes(path.read_bytes().replace(b"ada@", b"eve@", 1))
    found = run("verify", "--log-dir", log, "--against", kept, "--public-key", pem)
    assert found.exit_code == 1
    assert "DAMAGE audit-2026-10-05.csv: commit 1 of 2026-10-05 10:00:00 UTC, rows 1 to 2, bytes 49 to " in found.stdout


def test_a_verification_leaves_a_row_where_the_log_is_sound_and_nothing_where_it_is_not(log):
    assert run("verify", "--log-dir", log).exit_code == 0
    rows = [row for path in log.glob("*.csv") for row in read_csv(path.read_bytes()) if row[4] == "VerifyAudit"]
    assert json.loads(rows[0][5]) | {"chain": ""} == {
        "id": "cli:1",
        "against": 0,
        "chain": "",
        "problems": 0,
        "rows": 3,
        "sound": True,
    }
    path = log / "audit-2026-10-05.csv"
    path.write_bytes(path.read_bytes()[:-10])
    before = {path: path.read_bytes() for path in log.iterdir()}
    found = run("verify", "--log-dir", log, "--format", "json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["problems"][0]["trouble"] == "rows-missing"
    assert {path: path.read_bytes() for path in log.iterdir()} == before


def test_what_the_store_logs_is_never_in_what_was_asked_for(log, tmp_path):
    """As where the log's key lies elsewhere, so that the command line cannot sign."""
    key = (log / "signing-key.pem").rename(tmp_path / "key.pem")
    exported = run("export", "--log-dir", log, "--from", "2026-10", "--to", "2026-10")
    assert identifiers([exported.stdout_bytes]) == ["recorder:1", "recorder:2", "recorder:3"]
    assert "No checkpoint was signed: " in exported.stderr
    verified = run("verify", "--log-dir", log, "--format", "json")
    assert json.loads(verified.stdout)["sound"]
    assert f"{log / 'signing-key.pem'} is not there" in verified.stderr
    quiet = run("verify", "--log-dir", log, "--signing-key", key)
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_a_copy_is_verified_without_a_row(log, tmp_path):
    assert run("backup", "--log-dir", log, "--to", tmp_path / "copy").exit_code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    assert run("verify", "--log-dir", tmp_path / "copy", "--no-row").exit_code == 0
    assert {path: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == before
    restored = run("restore", tmp_path / "copy", "--to", tmp_path / "again")
    assert restored.exit_code == 0
    assert restored.stdout.splitlines() == [restored.stdout.rstrip("\n")]
    assert "Restored 3 rows of the backup of" in restored.stdout
    assert f"put it in {tmp_path / 'again' / 'signing-key.pem'}" in restored.stderr
    found = run("verify", "--log-dir", tmp_path / "again", "--no-row")
    assert found.exit_code == 0
    assert "note   restored at" in found.stdout


def test_a_key_is_rotated_and_old_lines_stay_good(log, tmp_path):
    kept = tmp_path / "checkpoints.txt"
    kept.write_text(run("checkpoint", "--log-dir", log).stdout)
    assert run("checkpoint", "--log-dir", log, "--rotate-key").exit_code == 0
    found = run("verify", "--log-dir", log, "--against", kept, "--no-row")
    assert found.exit_code == 0
    assert "signed by the key before" in found.stdout


def test_a_key_that_is_there_is_not_replaced_as_lost_and_the_public_one_needs_no_private_one(log, tmp_path):
    public = run("checkpoint", "--log-dir", log, "--public-key").stdout
    both = run("checkpoint", "--log-dir", log, "--rotate-key", "--replace-lost-key")
    assert (both.exit_code, "say one" in both.stderr) == (2, True)
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada")
    for key in (log / "signing-key.pem", letter):
        before = key.read_bytes()
        refused = run("checkpoint", "--log-dir", log, "--replace-lost-key", "--signing-key", key)
        assert (refused.exit_code, key.read_bytes()) == (2, before)
        assert f"{key} is there: --rotate-key changes a key that works" in refused.stderr
    (log / "signing-key.pem").rename(tmp_path / "key.pem")
    found = run("checkpoint", "--log-dir", log, "--public-key")
    assert (found.exit_code, found.stdout) == (0, public)
    assert "(--signing-key)" in run("checkpoint", "--log-dir", log).stderr
    replaced = run("checkpoint", "--log-dir", log, "--replace-lost-key")
    assert replaced.exit_code == 0
    assert run("checkpoint", "--log-dir", log, "--public-key").stdout != public


@pytest.mark.parametrize("text", ["callkeeper-checkpoint v1 nonsense", "/no/such/file"])
def test_a_checkpoint_that_cannot_be_read_is_no_verdict(log, text):
    found = run("verify", "--log-dir", log, "--against", text)
    assert found.exit_code == 2


def test_there_must_be_a_log_with_rows(tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("verify", "--log-dir", tmp_path / "empty").exit_code == 2
    assert run("checkpoint", "--log-dir", tmp_path / "empty").exit_code == 2
    assert run("verify", "--log-dir", tmp_path / "none").exit_code == 2


def test_beside_a_writer_the_last_checkpoint_is_printed_and_verification_says_that_it_left_no_row(log):
    async def beside() -> tuple[Result, Result, Result]:
        async with AuditStore.open(log, now=Clock(OCTOBER + timedelta(days=1))):
            return tuple(  # type: ignore[return-value]
                [
                    await asyncio.to_thread(run, *command)
                    for command in (
                        ("checkpoint", "--log-dir", log),
                        ("verify", "--log-dir", log),
                        ("checkpoint", "--log-dir", log, "--rotate-key"),
                    )
                ]
            )

    line, verified, rotated = asyncio.run(beside())
    assert line.stdout.startswith("callkeeper-checkpoint v1 store=")
    assert verified.exit_code == 0
    assert "No VerifyAudit row was written: another process writes this log" in verified.stderr
    assert rotated.exit_code == 2
