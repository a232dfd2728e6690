"""What `make quickstart` prints when it has started: run once, with what differs from machine to machine put right."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STATE = "$HOME/.local/state/callkeeper/quickstart-1f3b8c2d"
"""What the state folder is called on a reader's machine, or nearly."""

URL = "http://127.0.0.1:8470"
TIMEOUT_SECONDS = 60


def started(root: Path) -> str:
    """The output of `callkeeper up examples/quickstart --once` as a fenced block.

    Raises:
        RuntimeError: it did not bring everything into force.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        done = subprocess.run(
            [sys.executable, "-m", "callkeeper", "up", "examples/quickstart", "--once", "--port", "0"],
            cwd=root,
            # Where the state folder goes on Linux; elsewhere the platform's own place would be used.
            env={**os.environ, "XDG_STATE_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"callkeeper up ended with {done.returncode}: {done.stdout}{done.stderr}")
        text = re.sub(rf"{re.escape(str(home))}/callkeeper/quickstart-[0-9a-f]+", STATE, done.stdout)
        text = re.sub(r"http://127\.0\.0\.1:\d+", URL, text)
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    return "\n".join(["```text", *lines, "```"])
