"""kubectl, the one of the locked development packages, as a user with a kubeconfig and a namespace."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SECONDS = 100.0
"""The longest one call may take, below the time a test has."""


class KubectlError(Exception):
    """kubectl ended with another exit code than 0; the message is what it said on standard error."""


class Kubectl:
    """Runs kubectl."""

    def __init__(self, kubeconfig: Path, *, namespace: str | None = None) -> None:
        """Prepare.

        Args:
            kubeconfig: says which cluster and who asks.
            namespace: the one meant where a call names none; the kubeconfig's by default.
        """
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run one call; its standard output.

        Raises:
            KubectlError: it failed.
        """
        done = self.run(*arguments, stdin=stdin)
        if done.returncode:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def run(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one call that may fail."""
        return subprocess.run(
            self._command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            env=self._environment(),
        )

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start one call that runs beside the test, its output in one pipe; whoever starts it ends it."""
        return subprocess.Popen(
            self._command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
        )

    def json(self, *arguments: str) -> Any:
        """Run a call that answers with objects.

        Raises:
            KubectlError: it failed.
        """
        return json.loads(self(*arguments, "--output", "json"))

    def apply(self, *objects: Mapping[str, Any], server_side: bool = True, field_manager: str | None = None) -> None:
        """Apply objects, strictly validated.

        Raises:
            KubectlError: one of them was refused.
        """
        options = ["--validate=strict", *(["--server-side", "--force-conflicts"] if server_side else [])]
        if field_manager is not None:
            options.append(f"--field-manager={field_manager}")
        self("apply", *options, "--filename", "-", stdin=as_list(objects))

    def wait_for(self, condition: str, *objects: str, seconds: float = 60.0) -> None:
        """Wait for a condition of objects (`blacklist/never`).

        Raises:
            KubectlError: it did not come.
        """
        self("wait", f"--for=condition={condition}", f"--timeout={seconds}s", *objects)

    def _command(self, *arguments: str | Path) -> list[str]:
        namespace = [] if self.namespace is None else ["--namespace", self.namespace]
        return [kubectl_command(), *namespace, *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": str(self.kubeconfig)}


def as_list(objects: Iterable[Mapping[str, Any]]) -> str:
    """Objects as one text that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def kubectl_command() -> str:
    """Where kubectl is: among the development packages, else on PATH."""
    beside = Path(sys.executable).with_name("kubectl")
    return str(beside) if beside.is_file() else shutil.which("kubectl") or "kubectl"
