"""The GitHub Action and the pre-commit hook do what they say: their own commands are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.deploy.rendering import ROOT

ACTION = YAML(typ="safe").load((ROOT / "action.yml").read_text())
(HOOK,) = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
BAD = """\
# A blacklist with a letter in a pattern.
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: never}
spec:
  recorderRef: {name: teams}
  numbers:
    - {pattern: "90Y"}
"""


def step(name: str) -> dict[str, Any]:
    (found,) = [one for one in ACTION["runs"]["steps"] if one["name"] == name]
    return found


def run_step(name: str, *, folder: Path, temp: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does: bash, expressions only in its environment, inputs with their defaults."""
    given = {key: value["default"] for key, value in ACTION["inputs"].items()} | {
        key.replace("_", "-"): value for key, value in inputs.items()
    }
    found = step(name)
    assert "${{" not in found["run"], "an input in a script is code"
    environment = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], text)
        for key, text in found.get("env", {}).items()
    }
    runner = {"RUNNER_TEMP": str(temp), "GITHUB_ACTION_PATH": str(ROOT), "HOME": str(temp)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **runner, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's temporary folder in which the first step has been."""
    temp = tmp_path / "temp"
    (temp / "callkeeper" / "bin").mkdir(parents=True)
    (temp / "callkeeper" / "bin" / "callkeeper").symlink_to(Path(sys.executable).with_name("callkeeper"))
    return temp


def test_every_input_is_used_and_described() -> None:
    used = "".join(step("Validate")["env"].values())
    for name, given in ACTION["inputs"].items():
        assert f"inputs.{name} " in used
        assert given["description"]
        assert isinstance(given["default"], str)


def test_good_settings_pass(runner: Path) -> None:
    done = run_step("Validate", folder=ROOT / "examples" / "gitops", temp=runner, strict="true")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mistake_is_annotated_on_its_line_and_fails_the_job(runner: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "never.yaml").write_text(BAD)
    done = run_step("Validate", folder=folder, temp=runner, recorder_elsewhere="true")
    assert done.returncode == 1
    assert re.search(r"^::error file=never\.yaml,line=8,", done.stdout, re.MULTILINE), done.stdout
    assert "::warning" not in done.stdout


def test_several_paths_and_names_with_blanks(runner: Path, tmp_path: Path) -> None:
    (tmp_path / "a b.yaml").write_text(BAD)
    (tmp_path / "$(touch made).yaml").write_text(BAD.replace("never", "also"))
    done = run_step(
        "Validate", folder=tmp_path, temp=runner, paths="a b.yaml\n\n$(touch made).yaml\n", recorder_elsewhere="true"
    )
    assert done.returncode == 1
    assert done.stdout.count("::error") == 2
    assert not (tmp_path / "made").exists()


def test_warnings_fail_only_a_strict_job(runner: Path, tmp_path: Path) -> None:
    (tmp_path / "never.yaml").write_text(BAD.replace("90Y", "90"))
    assert run_step("Validate", folder=tmp_path, temp=runner, paths="never.yaml").returncode == 0
    assert run_step("Validate", folder=tmp_path, temp=runner, paths="never.yaml", strict="true").returncode == 1


@pytest.mark.faults
def test_the_action_installs_itself_from_a_clone(tmp_path: Path) -> None:
    installed = run_step("Install", folder=tmp_path, temp=tmp_path)
    assert installed.returncode == 0, installed.stderr
    done = run_step("Validate", folder=ROOT / "examples" / "quickstart", temp=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_hook_checks_the_whole_folder_it_runs_in(tmp_path: Path) -> None:
    assert HOOK["pass_filenames"] is False, "one user with two modes shows across files only"
    command = [*shlex.split(HOOK["entry"]), *HOOK["args"]]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    (tmp_path / "never.yaml").write_text(BAD.replace("90Y", "90XX"))
    assert run().returncode == 0
    (tmp_path / "other.yml").write_text(BAD.replace("never", "other"))
    assert run().returncode == 1


@pytest.mark.parametrize(
    ("name", "matches"), [("a/never.yaml", True), ("never.yml", True), ("a/users.csv", True), ("yaml.md", False)]
)
def test_the_hook_runs_when_a_manifest_changed(name: str, matches: bool) -> None:
    assert bool(re.search(HOOK["files"], name)) is matches


def test_the_hook_is_installed_with_the_command_it_enters() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert HOOK["language"] == "python"
    assert f'{HOOK["entry"].split()[0]} = "callkeeper.cli.main:main"' in text
