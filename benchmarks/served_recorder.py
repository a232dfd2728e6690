"""A recorder in a process of its own, by the command that people run: `callkeeper recorder serve`.

Its users are `user-0` to `user-999`, with the extensions 2000 to 2999; there is a token for each role.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

USERS = 1_000
GROUPS = 50
ROLES = (Role.INGEST, Role.SETTINGS, Role.ADMINISTRATOR, Role.AUDITOR)
_CALLKEEPER = Path(sys.executable).with_name("callkeeper")
_COLUMNS = "id,email,lines,licences,groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A recorder that runs.

    Attributes:
        process: its id.
        port: where it listens.
        tokens: by role.
    """

    process: int
    port: int
    tokens: dict[str, str]

    def cpu_seconds(self) -> float:
        """Processor time of all of its threads, kernel included."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """The most memory it has held at once."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Run a recorder on what this folder keeps, until the end of the block."""
    tokens = {
        role.value: create_principal(folder / "tokens.json", Principal(id=role.value, roles=frozenset({role})))
        for role in ROLES
    }
    lines = [
        f"user-{number},user-{number}@example.com,{2000 + number},CallRecording,group-{number % GROUPS}"
        for number in range(USERS)
    ]
    (folder / "users.csv").write_text("\n".join([_COLUMNS, *lines, ""]))
    command = [_CALLKEEPER, "recorder", "serve", "--state", folder, "--listen", "127.0.0.1:0"]
    options = ["--tokens", folder / "tokens.json", "--users", folder / "users.csv", "--log-format", "json"]
    process = subprocess.Popen([str(part) for part in (*command, *options)], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        started = next(line for line in process.stderr if b"recorder_started" in line)
        port = int(started.partition(b"http://127.0.0.1:")[2].partition(b'"')[0])
        yield Served(process=process.pid, port=port, tokens=tokens)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
