"""The config in force on disk: the port, what is kept, and the adapter that keeps it in a folder.

Layout, under `recorder/` of the state folder:

    configs/<revision>.json   the canonical bytes of a config, one file per revision, the last 20
    current.json              which of them is in force, whose it is, and what was spent on the way

The body is written first, the pointer second, then what is no longer named is removed: at whatever point the process
dies, the pointer names a whole body. Bodies are checked against their revision when read.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import ConfigError, from_json
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import Disk, replace_file

POINTER_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which config is in force, and whose.

    Attributes:
        revision: SHA-256 (hex) of the config's canonical bytes.
        owner: who programmed it, `folder:…` or `cluster:…`.
        epoch: the owner's fencing epoch; only grows.
        programmed_at: when, UTC.
        spent: SHA-256 (hex) of the confirmations spent, oldest first.
        history: revisions whose bodies are kept, the one in force first.
    """

    revision: str
    owner: str
    epoch: int
    programmed_at: datetime
    spent: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What comes back after a restart.

    Attributes:
        pointer: which config, and whose.
        body: its canonical bytes.
        config: the same, read and validated again.
    """

    pointer: Pointer
    body: bytes
    config: RecorderConfig


class ConfigStore(Protocol):
    """Keeps the config in force. All methods block; all raise `StorageFault`."""

    def load(self) -> Stored | None:
        """What is in force, or None when nothing was ever programmed."""
        ...

    def save(self, pointer: Pointer, body: bytes) -> None:
        """Put this config in force: on disk when it returns, else what was there before stands."""
        ...

    def body(self, revision: str) -> bytes | None:
        """The canonical bytes of one of the configs kept, or None."""
        ...


class DiskConfigStore:
    """Keeps the config in a folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._bodies = folder / "configs"
        self._pointer = folder / "current.json"
        self._disk = disk

    def load(self) -> Stored | None:
        """See `ConfigStore.load`.

        Raises:
            StorageFault: it cannot be read, or is not what was written.
        """
        try:
            text = self._disk.read(self._pointer)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._fault("read", self._pointer, error) from error
        try:
            pointer = _pointer_of(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(self._pointer, "it is not a pointer this release reads") from error
        path = self._path(pointer.revision)
        try:
            body = self._disk.read(path)
        except OSError as error:
            raise self._fault("read", path, error) from error
        if sha256(body).hexdigest() != pointer.revision:
            raise self._damaged(path, "its content does not fit its revision")
        try:
            config = from_json(json.loads(body))
        except (ValueError, ConfigError) as error:
            raise self._damaged(path, f"this release does not read it: {error}") from error
        return Stored(pointer=pointer, body=body, config=config)

    def save(self, pointer: Pointer, body: bytes) -> None:
        """See `ConfigStore.save`.

        Raises:
            StorageFault: it could not be written; names the file and the operating system's reason.
        """
        path = self._path(pointer.revision)
        try:
            self._disk.make_folder(self._bodies)
            replace_file(self._disk, path, body)
            path = self._pointer
            replace_file(self._disk, path, _pointer_bytes(pointer))
        except OSError as error:
            raise self._fault("write", path, error) from error
        # What is left over costs room, not truth: the next save tries again.
        with suppress(OSError):
            self._prune({f"{revision}.json" for revision in pointer.history})

    def body(self, revision: str) -> bytes | None:
        """See `ConfigStore.body`.

        Raises:
            StorageFault: it is there and cannot be read.
        """
        path = self._path(revision)
        try:
            return self._disk.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._fault("read", path, error) from error

    def _prune(self, kept: set[str]) -> None:
        for name in self._disk.names(self._bodies):
            if name not in kept:
                self._disk.remove(self._bodies / name)

    def _path(self, revision: str) -> Path:
        return self._bodies / f"{revision}.json"

    @staticmethod
    def _fault(verb: str, path: Path, error: OSError) -> StorageFault:
        return StorageFault(
            f"cannot {verb} {path}: {error.strerror or error}",
            "see that the state folder exists, belongs to this user and its disk has room, then try again",
        )

    @staticmethod
    def _damaged(path: Path, what: str) -> StorageFault:
        return StorageFault(
            f"{path} cannot be used: {what}",
            "restore the state folder from a backup, or move current.json away and program the recorder anew",
        )


def _pointer_bytes(pointer: Pointer) -> bytes:
    return json.dumps(
        {
            "version": POINTER_VERSION,
            "revision": pointer.revision,
            "owner": pointer.owner,
            "epoch": pointer.epoch,
            "programmedAt": pointer.programmed_at.isoformat(),
            "spent": pointer.spent,
            "history": pointer.history,
        },
        indent=1,
    ).encode()


def _pointer_of(value: dict[str, Any]) -> Pointer:
    if value["version"] != POINTER_VERSION:
        raise ValueError("another version")
    return Pointer(
        revision=value["revision"],
        owner=value["owner"],
        epoch=value["epoch"],
        programmed_at=datetime.fromisoformat(value["programmedAt"]),
        spent=tuple(value["spent"]),
        history=tuple(value["history"]),
    )
