"""Small files of the state folder: they appear complete or not at all, and only for their owner."""

from pathlib import Path

from callkeeper.recorder.files import LocalDisk, replace_file


class _Unsynced(LocalDisk):
    """For files that are made anew at every start: after a crash of the machine they may be gone."""

    def write_synced(self, path: Path, data: bytes) -> None:
        """See `Disk.write_synced`; here without the sync."""
        path.touch(mode=0o600)
        path.write_bytes(data)

    def sync_folder(self, folder: Path) -> None:
        """Nothing is waited for."""


def write_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put this data under this name, readable by its owner only (0600): see `replace_file`.

    Args:
        path: of the file.
        data: the whole file.
        durable: False for files that are made anew at every start; they too are never half.

    Raises:
        OSError: it could not be done; what was there stands.
    """
    replace_file(LocalDisk() if durable else _Unsynced(), path, data)
