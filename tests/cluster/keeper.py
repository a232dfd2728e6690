"""One control plane for a whole test run, shared by its worker processes.

Every process that may use it holds a shared lock on a file for as long as it lives; the system takes the lock away from
one that is killed. The first that asks starts the keeper, a process of its own that is nobody's child
(`python -m tests.cluster.keeper`), which starts the control plane with our CRDs, writes how to reach it, and removes it
once nobody holds the lock any more.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Self

from tests.cluster.build import Binaries, binaries
from tests.cluster.control_plane import Access, ControlPlane
from tests.cluster.installing import install_crds

LOOK_EVERY_SECONDS = 0.5
START_SECONDS = 110.0
"""Four seconds on an idle machine; less than the 120 s a test has."""

_USERS, _STARTING, _ACCESS, _FAILURE, _LOG = "users.lock", "starting.lock", "access.json", "failure.txt", "keeper.log"


class KeeperError(Exception):
    """The shared control plane did not start; the message says why."""


class SharedControlPlane:
    """A process's share in the run's control plane; it is released with `release`, or when the process ends."""

    def __init__(self, folder: Path) -> None:
        """Take a share; nothing is started yet.

        Args:
            folder: the run's, the same for all of its processes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._share: IO[str] | None = (folder / _USERS).open("w")
        fcntl.flock(self._share, fcntl.LOCK_SH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the share back; the last one ends the control plane."""
        if self._share is not None:
            self._share.close()
            self._share = None

    def access(self) -> Access:
        """How to reach it; starts it where nobody has.

        Raises:
            KeeperError: it did not start.
        """
        assert self._share is not None
        folder = self._folder
        with (folder / _STARTING).open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not (folder / _ACCESS).exists() and not (folder / _FAILURE).exists():
                self._start()
        if (folder / _FAILURE).exists():
            raise KeeperError((folder / _FAILURE).read_text())
        return Access.from_json(json.loads((folder / _ACCESS).read_text()))

    def _start(self) -> None:
        folder = self._folder
        with (folder / _LOG).open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "tests.cluster.keeper", str(folder)],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (folder / _ACCESS).exists() and not (folder / _FAILURE).exists():
            if time.monotonic() > deadline:
                _write(folder / _FAILURE, f"the tests' control plane did not start; see {folder / _LOG}")
                return  # the keeper ends by itself when the last share is released
            time.sleep(0.05)


def keep(folder: Path, programs: Binaries) -> None:
    """Start the control plane, and remove it when nobody has a share in it."""
    try:
        with ControlPlane(folder, programs) as control_plane:
            install_crds(control_plane.access.kubeconfig)
            _write(folder / _ACCESS, json.dumps(control_plane.access.to_json()))
            _wait_until_nobody_uses(folder)
            (folder / _ACCESS).unlink()
    except Exception as error:
        _write(folder / _FAILURE, f"the tests' control plane did not start: {error}")
        raise


def _wait_until_nobody_uses(folder: Path) -> None:
    with (folder / _USERS).open("r+") as users:
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOOK_EVERY_SECONDS)
            else:
                return


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text)
    temporary.rename(path)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    keep(Path(sys.argv[1]), binaries())
