"""Which files a path stands for, and their bytes, never more of them than may be read.

A folder is read recursively: `*.yaml`, `*.yml`, `*.json`, in the order of their names, without hidden ones and without
going round in circles of links. What a file holds is the business of `documents`, what a kustomization means of
`kustomize`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from callkeeper.manifests.documents import MAX_FILE_BYTES

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

MAX_FILES = 20_000
"""Files read in one run: far beyond any team's folder, and a bound for a path such as `/`."""


class ManifestsError(Exception):
    """The files could not be read at all, so nothing can be said about what they hold.

    Attributes:
        message: which path, and why.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def walk(folder: Path) -> Iterator[Path]:
    """The manifest files and kustomization folders under a folder, sorted.

    A folder below with a kustomization is given as the folder itself and not gone into: its kustomization says what it
    holds. A folder that is reached twice, by a link, is gone into once.

    Raises:
        ManifestsError: a folder cannot be listed, or there are too many files.
    """
    for count, path in enumerate(_walk(folder, set()), start=1):
        if count > MAX_FILES:
            raise ManifestsError(f"cannot read {folder}: it holds more than {MAX_FILES:,} manifest files")
        yield path


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise cannot_read(folder, error) from error
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return
    is_top = not seen
    seen.add(identity)
    if not is_top and kustomization_of(folder) is not None:
        yield folder
        return
    for entry in listed:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(folder / entry.name, seen)
        elif entry.name.lower().endswith(MANIFEST_SUFFIXES):
            yield folder / entry.name


def kustomization_of(folder: Path) -> Path | None:
    """The kustomization file of a folder, if it has one."""
    for name in KUSTOMIZATION_NAMES:
        if (folder / name).is_file():
            return folder / name
    return None


def read_file(path: Path) -> bytes | None:
    """The bytes of a file; None when there are more of them than are read.

    Raises:
        ManifestsError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return read_stream(stream)
    except OSError as error:
        raise cannot_read(path, error) from error


def read_stream(stream: BinaryIO) -> bytes | None:
    """The bytes of an open stream; None when there are more of them than are read."""
    data = stream.read(MAX_FILE_BYTES + 1)
    return None if len(data) > MAX_FILE_BYTES else data


def cannot_read(path: Path, error: OSError) -> ManifestsError:
    """Say which path could not be read, and why."""
    return ManifestsError(f"cannot read {path}: {error.strerror or error}")
