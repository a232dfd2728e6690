"""What `make quickstart` prints when it has started: run once, with what differs from machine to machine put right."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

STATE = "$HOME/.local/state/callkeeper/quickstart-1f3b8c2d"
"""What the state folder is called on a reader's machine, or nearly."""

URL = "http://127.0.0.1:8470"
KEY = bytes(32)
"""Masks numbers the same way on every run."""

TIMEOUT_SECONDS = 60


def started(root: Path) -> str:
    """The output of `callkeeper up examples/quickstart --once` as a fenced block.

    Raises:
        RuntimeError: it did not bring everything into force.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder).resolve() / "state"
        state.mkdir(mode=0o700)
        (state / "key").write_bytes(KEY)
        (state / "key").chmod(0o600)
        command = [sys.executable, "-m", "callkeeper", "up", "examples/quickstart", "--once", "--port", "0"]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, "--state", str(state)],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"callkeeper up ended with {done.returncode}: {done.stdout}{done.stderr}")
        text = re.sub(r"http://127\.0\.0\.1:\d+", URL, done.stdout.replace(str(state), STATE))
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    return "\n".join(["```text", *lines, "```"])
