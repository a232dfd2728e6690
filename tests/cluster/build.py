"""The control plane's programs, built from upstream's Go modules and kept under the user's cache folder.

Here lives which Go builds them, where they are kept, and how several processes that want them at once get one build.
Starting them is `control_plane`'s.

Facts
    The first build fetches 2 GB of modules and takes some seven minutes on two cores; the binaries have 250 MB. They
    are kept by Kubernetes' version and a hash of the module in tests/cluster/go, so a change of it builds anew beside
    the old ones. A folder of binaries is renamed into place when all of them are there.
    `KUBEBUILDER_ASSETS` (the folder that envtest's tools know) is used instead, program by program: envtest brings no
    kube-controller-manager, so that one is built.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import platformdirs

MODULE = Path(__file__).parent / "go"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
GO_AT_LEAST = (1, 26)
"""What Kubernetes 1.37 asks for."""

PROGRESS_EVERY_SECONDS = 15.0

Say = Callable[[str], None]


class BuildError(Exception):
    """The control plane cannot be built here; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Where each program is."""

    etcd: Path
    api_server: Path
    controller_manager: Path


def kubernetes_version() -> str:
    """`v1.37.2`, as the module names it."""
    found = re.search(r"^\tk8s\.io/kubernetes (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def cache_folder() -> Path:
    """Where the binaries of this module are kept; it may not exist yet."""
    digest = sha256()
    for file in sorted([*MODULE.glob("go.*"), *MODULE.glob("*/*.go")]):
        digest.update(f"{file.relative_to(MODULE)}\0".encode() + file.read_bytes() + b"\0")
    user = Path(platformdirs.user_cache_dir("callkeeper"))
    return user / "control-plane" / f"{kubernetes_version()}-{digest.hexdigest()[:12]}"


def existing_binaries() -> Binaries | None:
    """The programs, where nothing has to be built for them."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    found = []
    for program in PROGRAMS:
        folders = [*([Path(assets)] if assets else []), cache_folder()]
        path = next((folder / program for folder in folders if (folder / program).is_file()), None)
        if path is None:
            return None
        found.append(path)
    etcd, api_server, controller_manager = found
    return Binaries(etcd=etcd, api_server=api_server, controller_manager=controller_manager)


def binaries(say: Say | None = None) -> Binaries:
    """The programs, built first where they are missing.

    Args:
        say: takes a line of progress; standard error by default.

    Raises:
        BuildError: there is no Go that can build them, or the build failed.
    """
    say = say or _say_on_standard_error
    found = existing_binaries()
    if found is not None:
        return found
    folder = cache_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f"{folder.name}.lock"), say):
        if not folder.is_dir():  # another process may have built it in the meantime
            _build(folder, say)
    found = existing_binaries()
    if found is None:
        raise BuildError(f"{folder} does not hold {', '.join(PROGRAMS)}; remove it and build again")
    return found


def _build(folder: Path, say: Say) -> None:
    go = go_command()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
        start = time.monotonic()
        say(f"Building the tests' control plane {kubernetes_version()} once, some 7 minutes on two cores …")
        for position, program in enumerate(PROGRAMS, 1):
            step = f"  {position} of {len(PROGRAMS)}  {program}"
            _run([go, *_build_arguments(Path(made) / program, program)], say=lambda text, step=step: say(step + text))
        complete = Path(made) / "complete"
        complete.mkdir()
        for program in PROGRAMS:
            (Path(made) / program).rename(complete / program)
        complete.rename(folder)
        say(f"Built in {time.monotonic() - start:.0f} s: {folder}")


def _build_arguments(target: Path, program: str) -> list[str]:
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    named = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    stamps = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in named.items())
    return ["build", "-trimpath", "-ldflags", f"-s -w {stamps}", "-o", str(target), f"./{program}"]


def _run(command: list[str], *, say: Say) -> None:
    """Run one build; tell every quarter of a minute how long it has taken.

    Raises:
        BuildError: it failed; the message holds its last line.
    """
    start = time.monotonic()
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    with tempfile.TemporaryFile("w+") as said:
        say("")
        try:
            process = subprocess.Popen(command, cwd=MODULE, env=environment, stdout=said, stderr=said)
        except OSError as error:
            raise BuildError(
                f"the tests' control plane cannot be built: {command[0]} does not run ({error})"
            ) from error
        try:
            while True:
                try:
                    code = process.wait(PROGRESS_EVERY_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    minutes, seconds = divmod(int(time.monotonic() - start), 60)
                    say(f"  {minutes}:{seconds:02} min")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if code:
            said.seek(0)
            lines = [line.strip() for line in said if line.strip()] or ["it said nothing"]
            raise BuildError(
                f"the tests' control plane cannot be built: `go build {command[-1]}` in tests/cluster/go ended with "
                f"{code}: {lines[-1]}"
            )


def go_command() -> str:
    """A Go of at least 1.26: the one on PATH, else the one that comes with the development packages.

    Raises:
        BuildError: there is neither.
    """
    locked = Path(sysconfig.get_path("purelib")) / "go" / "bin" / "go"
    for candidate in (shutil.which("go"), str(locked)):
        if candidate is not None and (_version_of(candidate) or (0, 0)) >= GO_AT_LEAST:
            return candidate
    raise BuildError(
        f"the tests' control plane needs Go {'.'.join(map(str, GO_AT_LEAST))} or newer to be built: run `make dev`, "
        "which installs one, or set KUBEBUILDER_ASSETS or CALLKEEPER_TEST_KUBECONFIG; `make test-unit` needs no cluster"
    )


def _version_of(go: str) -> tuple[int, int] | None:
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run([go, "version"], capture_output=True, text=True, check=False, env=environment, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bgo(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


@contextmanager
def _alone(lock: Path, say: Say) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process that builds the tests' control plane …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say_on_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - whoever waits minutes is to see why
