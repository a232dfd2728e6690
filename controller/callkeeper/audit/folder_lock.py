"""The lock of a folder: one process at a time writes there; it is let go with the process, however that ends."""

import fcntl
import os
from pathlib import Path

from callkeeper.audit.errors import StoreBusy
from callkeeper.audit.layout import LOCK


def hold(folder: Path, holder: str) -> int:
    """Take the lock, until the descriptor that this returns is closed.

    Args:
        folder: that is locked.
        holder: what has it when it is taken, in words for people: `a writer`.

    Raises:
        StoreBusy: it is taken.
        OSError: the folder cannot be used.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreBusy(f"the audit folder {folder} has {holder} already; there can be one at a time") from error
    except OSError:
        os.close(lock)
        raise
    return lock
