"""What `make quickstart` prints when it has started: run once, with what differs from machine to machine put right."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

STATE = "$HOME/.local/state/callkeeper/quickstart-1f3b8c2d"
"""What the state folder is called on a reader's machine, or nearly."""

URL = "http://127.0.0.1:8470"
TIMEOUT_SECONDS = 60


PROGRAM = ".venv/bin/callkeeper"
"""What `make quickstart` starts; its own folder is not on the PATH of a reader who has just cloned."""

LAST = "Ctrl-C ends."
"""What the last line before it waits ends with."""


def started(root: Path) -> str:
    """What `callkeeper up examples/quickstart` prints until it waits, as a fenced block.

    Raises:
        RuntimeError: it did not come so far.
    """
    program = Path(sys.executable).parent / "callkeeper"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        process = subprocess.Popen(  # noqa: S603 - our own program
            [program, "up", "examples/quickstart", "--port", "0"],
            cwd=root,
            # Where the state folder goes on Linux; elsewhere the platform's own place would be used.
            env={**os.environ, "XDG_STATE_HOME": str(home), "PATH": os.defpath},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        impatience = Timer(TIMEOUT_SECONDS, process.kill)
        impatience.start()
        lines: list[str] = []
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.rstrip().endswith(LAST):
                    break
            process.terminate()
        impatience.cancel()
        if not lines or not lines[-1].endswith(LAST):
            raise RuntimeError(f"callkeeper up ended with {process.returncode}: {lines}")
    text = re.sub(rf"{re.escape(str(home))}/callkeeper/quickstart-[0-9a-f]+", STATE, "\n".join(lines))
    text = re.sub(r"http://127\.0\.0\.1:\d+", URL, text)
    text = re.sub(r"\S+/callkeeper(?= audit export)", PROGRAM, text)
    return f"```text\n{text}\n```"
