"""`up.json`: what a running `callkeeper up` tells other commands about itself."""

import json
from dataclasses import dataclass
from pathlib import Path

from callkeeper.local.files import write_file

FILE = "up.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A `callkeeper up` at work.

    Attributes:
        pid: its process.
        url: base URL under which this machine reaches the embedded recorder's API; None where only recorders elsewhere
            are reconciled.
        folder: the settings folder.
    """

    pid: int
    url: str | None
    folder: str


def write_running(state: Path, running: Running) -> None:
    """Say so.

    Raises:
        OSError: it cannot be written.
    """
    value = {"pid": running.pid, "url": running.url, "folder": running.folder}
    write_file(state / FILE, json.dumps(value).encode(), durable=False)


def read_running(state: Path) -> Running | None:
    """What was said last; None without it. Whether it is still true, `state.is_held` knows."""
    try:
        value = json.loads((state / FILE).read_bytes())
        url = value["url"]
        return Running(pid=int(value["pid"]), url=str(url) if url else None, folder=str(value["folder"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_running(state: Path) -> None:
    """Say that nobody is at work any more."""
    (state / FILE).unlink(missing_ok=True)
