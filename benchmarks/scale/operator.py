"""The operator as a process: started and ended as a rollout does, its processor time and memory read from /proc."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
from tests.cluster.processes import free_port

from benchmarks.rows import Row
from benchmarks.scale.waiting import NotInTimeError, until

HOME = "callkeeper"
"""The namespace of the operator."""


class OperatorUnderTest:
    """The operator as a process that is started and ended."""

    def __init__(self, home: Path, kubeconfig: Path) -> None:
        self._home, self._kubeconfig = home, kubeconfig
        self._process: subprocess.Popen[bytes] | None = None
        # One client: making one costs 30 ms of processor time, which whoever is measured needs.
        self._client = httpx.Client()
        self._url = ""
        # Modules compiled beforehand, as in the image; the environment of a test run often forbids it.
        self._compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home / "bytecode")}
        modules = "import callkeeper.cli.operator, callkeeper.operator.serving, callkeeper.operator.kopf_watch"
        subprocess.run([sys.executable, "-c", modules], check=True, env=os.environ | self._compiled)

    def start(self) -> float:
        """Start it; how many seconds it took until the first pass was over."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        options = ["--listen", f"127.0.0.1:{port}", "--lease-namespace", HOME, "--without-audit"]
        begun = time.perf_counter()
        with (self._home / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "callkeeper", "operator", *options],
                env=os.environ | {"KUBECONFIG": str(self._kubeconfig)} | self._compiled,
                stdout=log,
                stderr=log,
            )
        until(lambda: self._settled, "the operator's first pass", pause=0.05)
        return time.perf_counter() - begun

    @property
    def _settled(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise NotInTimeError(f"the operator ended: {(self._home / 'operator.log').read_text()[-2000:]}")
        # A standby is ready too, so whether it leads is asked first: asked last, it may have begun to in between.
        if "callkeeper_operator_leader 1.0" not in self._client.get(f"{self._url}/metrics").text:
            return False
        return self._client.get(f"{self._url}/readyz").is_success

    def stop(self) -> None:
        """End it as a rollout does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    @property
    def processor_seconds(self) -> float:
        """Processor time it has used so far: what does not depend on who else uses the machine."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what: str, name: str, *, bar: str | None) -> Row:
        """What it takes of memory, in MiB."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
        return Row(what=what, figure=kib / 1024, unit="MiB", bar=bar)
