"""The state folder of a settings folder: where it is, who holds it, and what lies in it.

lock             held (flock) by the one `callkeeper up` or `callkeeper recorder serve` that works here
up.json          its process id, the folder, the API's address; gone when it ended well
tokens.json      principals of the embedded recorder (0600)
authorization    one line, `Authorization: Bearer …`, for `curl -H @authorization` (0600)
key              32 random bytes that mask numbers in audit rows (0600)
recorder/        the embedded recorder's own
audit/           the audit store's own
reconcile/       one ledger a recorder
status.json      the status of every object, for `callkeeper show`
"""

import errno
import fcntl
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Self

import platformdirs

from callkeeper.local.exits import EXIT_STATE_LOCKED, EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.files import write_file

FOLDER_DIGITS = 8
"""32 bits of the path's hash: enough to tell the settings folders of one user apart, short enough to type."""

KEY_BYTES = 32


def state_folder(settings: Path, override: Path | None = None) -> Path:
    """Where the state of a settings folder is kept; makes nothing.

    Args:
        settings: the settings folder.
        override: what `--state` said.
    """
    if override is not None:
        return override.expanduser().resolve()
    resolved = settings.resolve()
    digest = sha256(os.fsencode(resolved)).hexdigest()[:FOLDER_DIGITS]
    name = resolved.name or "root"
    return Path(platformdirs.user_state_dir("callkeeper", appauthor=False)) / f"{name}-{digest}"


def separate_state_folder(settings: Path, override: Path | None = None) -> Path:
    """Likewise, for a settings folder that is there and does not hold it.

    Raises:
        CannotRun: the settings folder is none, or what is kept would be taken for settings.
    """
    if not settings.is_dir():
        raise CannotRun(f"{settings} is no folder; name the folder that holds your settings")
    path = state_folder(settings, override)
    if path.is_relative_to(settings.resolve()):
        raise CannotRun(f"the state folder {path} lies inside the settings folder; choose one outside with --state")
    return path


class StateFolder:
    """A state folder that is held by this process until `close`."""

    def __init__(self, path: Path, lock: int) -> None:
        """Use `open`."""
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder where it is missing, and take it.

        Raises:
            CannotRun: another process has it, or it cannot be made or written.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise unusable(path, error) from error
            raise CannotRun(
                f"another process already works with {path}{_whose(path)}; end it first, or give this one a state "
                "folder of its own with --state",
                EXIT_STATE_LOCKED,
            ) from error
        state = cls(path, lock)
        try:
            for name in ("recorder", "reconcile"):
                (path / name).mkdir(mode=0o700, exist_ok=True)
            write_file(path / "probe", b"x" * 4096)
            (path / "probe").unlink()
        except OSError as error:
            state.close()
            raise unusable(path, error) from error
        return state

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            os.close(lock)

    def number_key(self) -> bytes:
        """The key that masks numbers; made at the first start.

        Raises:
            CannotRun: it cannot be read or made, or is too short.
        """
        path = self.path / "key"
        try:
            if not path.exists():
                write_file(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes()
        except OSError as error:
            raise unusable(self.path, error) from error
        if len(key) != KEY_BYTES:
            raise CannotRun(
                f"{path} does not hold {KEY_BYTES} bytes; restore it from a backup, or remove it (numbers in older "
                "audit rows can then no longer be found by their hash)",
                EXIT_STATE_UNUSABLE,
            )
        return key


def is_held(path: Path) -> bool:
    """Whether a process works with this state folder right now; never takes it for longer than the look."""
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def unusable(path: Path, error: OSError) -> CannotRun:
    """Say that a state folder cannot be used, and what to do."""
    what = error.filename or path
    advice = "make room on its disk" if error.errno == errno.ENOSPC else "see that it belongs to you and can be written"
    return CannotRun(
        f"the state folder {path} cannot be used: {what}: {error.strerror or error}; {advice}, or choose another with "
        "--state",
        EXIT_STATE_UNUSABLE,
    )


def _whose(path: Path) -> str:
    from callkeeper.local.running import read_running  # noqa: PLC0415 - only for this message

    running = read_running(path)
    return f" (process {running.pid}, {running.url})" if running is not None else ""
