"""`callkeeper stamp` in a git work tree."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from callkeeper.cli.stamp import stamp

TEXT = """\
# Kept.
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata:
  name: numbers  # kept too
spec:
  recorderRef: {name: teams}
  numbers:
    - {pattern: "0039", comment: 'quotes stay'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: not-ours}
---
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: more, annotations: {a: b}}
spec: {recorderRef: {name: teams}, numbers: []}
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "numbers.yaml").write_text(TEXT)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(stamp, [str(one) for one in arguments])
    return done.exit_code, done.output


def test_our_documents_are_stamped_and_everything_else_stays(tree):
    commit = git(tree, "rev-parse", "HEAD")
    assert run("--check", tree)[0] == 1
    assert run(tree)[0] == 0
    text = (tree / "numbers.yaml").read_text()
    assert text.count(f"callkeeper.dev/commit: {commit}") == 2
    assert text.count("callkeeper.dev/changed-by: ada@example.com") == 2
    removed = [
        line for line in git(tree, "diff", "-U0").splitlines() if line.startswith("-") and not line.startswith("---")
    ]
    assert removed == ["-metadata: {name: more, annotations: {a: b}}"]
    for kept in (
        "# Kept.",
        "name: numbers  # kept too",
        "comment: 'quotes stay'",
        'pattern: "0039"',
        "metadata: {name: not-ours}",
    ):
        assert kept in text


def test_a_second_time_changes_nothing(tree):
    run(tree)
    before = (tree / "numbers.yaml").read_bytes()
    assert run(tree) == (0, "")
    assert (tree / "numbers.yaml").read_bytes() == before
    assert run("--check", tree)[0] == 0


def test_committing_the_stamps_does_not_make_them_stale(tree):
    run(tree)
    git(tree, "commit", "-qam", "Stamp")
    assert run("--check", tree) == (0, "")
    path = tree / "numbers.yaml"
    path.write_text(path.read_text().replace("0039", "0040"))
    git(tree, "commit", "-qam", "Change")
    assert run("--check", tree)[0] == 1
    run(tree)
    assert git(tree, "rev-parse", "HEAD") in path.read_text()


def test_files_outside_of_git_and_files_of_others_are_passed_over(tree):
    (tree / "new.yaml").write_text(TEXT)
    (tree / "other.yaml").write_text("kind: ConfigMap\n")
    code, output = run(tree / "new.yaml", tree / "other.yaml")
    assert code == 0
    assert "not committed" in output
    assert (tree / "new.yaml").read_text() == TEXT


def test_what_is_no_yaml_is_an_error_with_its_name(tree):
    (tree / "bad.yaml").write_text("callkeeper.dev: [")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "Break")
    code, output = run(tree / "bad.yaml")
    assert code == 2
    assert "bad.yaml" in output
