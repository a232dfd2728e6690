"""The Containerfile: what can be known of an image without an engine that builds it.

Its stages are read, and their commands run in a folder: the short version builds the package from what is copied, the
long one (`make faults`) runs every command as it stands.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
from deploy.generate.pods import USER
from tests.deploy.rendering import ROOT

CONTAINERFILE = ROOT / "Containerfile"


@dataclass(kw_only=True)
class Stage:
    """One stage: the image it starts from, its name, and its instructions."""

    image: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [text for found, text in self.instructions if found == word]


def stages() -> list[Stage]:
    text = re.sub(r"\\\n\s*", "", CONTAINERFILE.read_text())
    found: list[Stage] = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append(Stage(image=image, name=name))
        elif found:
            found[-1].instructions.append((word, rest.strip()))
    return found


def test_the_final_image_gets_the_environment_and_nothing_else() -> None:
    build, final = stages()
    assert build.name == "build"
    assert build.image == final.image, "an environment runs with the interpreter it was made with"
    assert final.all("COPY") == ["--from=build /opt/callkeeper /opt/callkeeper"]
    assert final.all("RUN") == []
    assert final.all("ENTRYPOINT") == ['["callkeeper"]']


def test_it_runs_without_rights_as_the_user_that_the_pods_name() -> None:
    assert stages()[-1].all("USER") == [f"{USER}:{USER}"]


def test_every_package_is_checked_against_its_hash() -> None:
    installs = [command for command in stages()[0].all("RUN") if " install " in command]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all: -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation --no-index ." in installs[1]
    assert not any("://" in command for command in installs)


def test_only_what_is_copied_reaches_the_build() -> None:
    ignored = (ROOT / ".containerignore").read_text().split()
    assert ignored[0] == "*"
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {word for text in stages()[0].all("COPY") for word in text.split()[:-1]}
    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)


def prepared(folder: Path) -> Path:
    """A folder that holds what the build stage copies."""
    source = folder / "source"
    source.mkdir()
    for text in stages()[0].all("COPY"):
        for path in text.split()[:-1]:
            subprocess.run(["cp", "-r", str(ROOT / path), str(source)], check=True)
    return source


def test_the_package_builds_from_what_is_copied_and_runs(tmp_path: Path) -> None:
    # What `pip install --no-build-isolation .` asks the build backend for, without pip's own seconds.
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=prepared(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    target = tmp_path / "installed"
    ZipFile(wheel).extractall(target)
    said = subprocess.run(
        [sys.executable, "-m", "callkeeper", "validate", str(ROOT / "examples" / "quickstart")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert "0 errors" in said.stdout


@pytest.mark.faults
def test_the_commands_of_the_build_stage_make_an_environment_that_runs_on_a_read_only_root(tmp_path: Path) -> None:
    source = prepared(tmp_path)
    environment = tmp_path / "opt"
    for command in stages()[0].all("RUN"):
        here = command.replace("/opt/callkeeper", str(environment)).replace("python -m", f"{sys.executable} -m", 1)
        if command.startswith("/opt/callkeeper"):
            here = command.replace("/opt/callkeeper", str(environment))
        subprocess.run(["bash", "-ec", here], cwd=source, check=True, timeout=900)
    assert not (environment / "bin" / "pip").exists()
    subprocess.run(["chmod", "-R", "a-w", str(environment)], check=True)
    said = subprocess.run(
        [str(environment / "bin" / "callkeeper"), "validate", str(ROOT / "examples")],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    subprocess.run(["chmod", "-R", "u+w", str(environment)], check=True)
    assert said.returncode == 0, said.stdout + said.stderr
