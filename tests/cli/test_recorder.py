import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.recorder.upkeep.kept_state import Kept

from callkeeper.cli.main import callkeeper


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(callkeeper, ["recorder", *map(str, arguments)])


def test_a_check_without_differences_is_exit_0(kept: Kept) -> None:
    done = run("check", "--state", kept.state)
    assert (done.exit_code, done.output) == (0, "4 files, 0.0 MB checked, 0 differences.\n")


def test_a_check_names_differences_and_is_exit_1(kept: Kept) -> None:
    kept.file(1).unlink()
    done = run("check", "--state", kept.state)
    assert done.exit_code == 1
    assert done.output.startswith("missing-file: segment1-1 2026/03/01/segment1-1.wav: ")
    assert done.output.endswith("1 difference.\n")


def test_the_same_as_data_says_what_was_repaired(kept: Kept) -> None:
    kept.file(1).unlink()
    kept.file(2).write_text("something else")
    done = run("check", "--state", kept.state, "--repair", "--format", "json")
    assert done.exit_code == 1
    found = {one["kind"]: one["repaired"] for one in json.loads(done.output)["differences"]}
    assert found == {"missing-file": "marked failed", "altered-size": ""}


def test_a_repair_that_leaves_nothing_is_exit_0(kept: Kept) -> None:
    kept.file(1).unlink()
    assert run("check", "--state", kept.state, "--repair").exit_code == 0
    assert run("check", "--state", kept.state).exit_code == 0


def test_beside_a_running_recorder_a_check_works_and_a_repair_is_refused(kept: Kept) -> None:
    store = kept.open()
    try:
        assert run("check", "--state", kept.state).exit_code == 0
        refused = run("check", "--state", kept.state, "--repair")
    finally:
        store.close_now()
    assert refused.exit_code == 2
    assert "the recorder runs; end it" in refused.output


def test_where_nothing_is_kept_the_check_cannot_run_and_makes_nothing(tmp_path: Path) -> None:
    assert run("check", "--state", tmp_path / "no").exit_code == 2
    for command in (("check",), ("check", "--repair"), ("backup", tmp_path / "b")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert run(*command, "--state", tmp_path / "empty").exit_code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_a_backup_says_what_it_holds_and_is_not_made_twice(kept: Kept, tmp_path: Path) -> None:
    done = run("backup", tmp_path / "b", "--state", kept.state)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Backed up 7 files, ")
    again = run("backup", tmp_path / "b", "--state", kept.state)
    assert again.exit_code == 2
    assert "is there already" in again.output


def test_a_backup_without_some_media_is_exit_1_and_names_them(kept: Kept, tmp_path: Path) -> None:
    kept.file(1).unlink()
    done = run("backup", tmp_path / "b", "--state", kept.state)
    assert done.exit_code == 1
    assert "missing: the media of segment1-1" in done.output


def test_on_a_terminal_progress_is_shown(kept: Kept) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "callkeeper", "recorder", "check", "--state", str(kept.state)]
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "checked …" in shown
    assert done.stdout == "4 files, 0.0 MB checked, 0 differences.\n"


def test_a_restore_asks_what_came_after_the_backup(kept: Kept, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "b", "--state", kept.state).exit_code == 0
    wanted = ("restore", tmp_path / "b", "--state", tmp_path / "new")
    for options in ((), ("--replay", kept.state, "--without-replay")):
        refused = run(*wanted, *options)
        assert refused.exit_code == 2
        assert "say what came after the backup" in refused.output
    assert not (tmp_path / "new").exists()
    done = run(*wanted, "--replay", kept.state)
    assert done.exit_code == 0, done.output
    assert "Replayed from the store that is replaced: 0 removals, 0 holds, 0 requests to erase." in done.output
    assert run("check", "--state", tmp_path / "new").exit_code == 0
    again = run(*wanted, "--without-replay")
    assert again.exit_code == 2
    assert "is not empty" in again.output


def test_a_state_that_a_recorder_uses_is_not_replayed(kept: Kept, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "b", "--state", kept.state).exit_code == 0
    store = kept.open()
    try:
        refused = run("restore", tmp_path / "b", "--state", tmp_path / "new", "--replay", kept.state)
    finally:
        store.close_now()
    assert refused.exit_code == 2
    assert "a recorder runs" in refused.output


def test_a_restore_of_damaged_media_is_exit_1_and_names_it(kept: Kept, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "b", "--state", kept.state).exit_code == 0
    (tmp_path / "b/state/recorder/media/2026/03/01/segment1-1.wav").unlink()
    done = run("restore", tmp_path / "b", "--state", tmp_path / "new", "--without-replay")
    assert done.exit_code == 1
    assert "damaged: recorder/media/2026/03/01/segment1-1.wav" in done.output
