"""Small files of the state folder: they appear complete or not at all, and only for their owner."""

import os
from contextlib import suppress
from pathlib import Path


def write_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put this data under this name: temp name, (fsync,) rename, (fsync of the folder).

    Args:
        path: readable by its owner only (0600).
        data: the whole file.
        durable: False for files that are made anew at every start; they too are never half.

    Raises:
        OSError: it could not be done; what was there stands.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Return when the names in this folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
