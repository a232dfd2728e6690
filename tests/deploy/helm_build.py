"""Helm, built from its Go module and kept under the user's cache folder, as the tests' control plane is."""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import platformdirs
from tests.cluster.build import go_command

MODULE = Path(__file__).parent / "go"
PACKAGE = "helm.sh/helm/v4/cmd/helm"
BUILD_SECONDS = 1800


class HelmError(Exception):
    """Helm cannot be built here; the message is one line that says why."""


def version() -> str:
    """`v4.3.1`, as the module names it."""
    found = re.search(r"^\s*(?:require )?helm\.sh/helm/v4 (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def helm_path() -> Path:
    """Where this Helm is kept; it may not be there yet."""
    digest = sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()[:12]
    return Path(platformdirs.user_cache_dir("callkeeper")) / "helm" / f"{version()}-{digest}" / "helm"


def helm() -> Path:
    """Helm, built first where it is missing.

    Raises:
        BuildError: there is no Go that can build it.
        HelmError: the build failed.
    """
    path = helm_path()
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():  # another process may have built it in the meantime
            _build(path)
    return path


def _build(path: Path) -> None:
    print(f"Building Helm {version()} once, some 2 minutes on two cores …", file=sys.stderr, flush=True)  # noqa: T201
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    with tempfile.TemporaryDirectory(dir=path.parent) as made:
        target = Path(made) / "helm"
        done = subprocess.run(
            [go_command(), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(target), PACKAGE],
            cwd=MODULE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise HelmError(f"Helm cannot be built: `go build {PACKAGE}` in tests/deploy/go failed: {said[-1]}")
        target.rename(path)
