"""The files of exports on the volume: what is kept of each, and the export itself, complete or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.collector.answers import ExportStatus
from callkeeper.audit.collector.export_request import ExportRequest
from callkeeper.audit.disk import LocalDisk, create_complete, write_all
from callkeeper.audit.download import Download


@dataclass(slots=True)
class Stopped:
    """Tells a thread that nobody waits for it any more."""

    now: bool = False


def read_record(path: Path) -> tuple[ExportRequest, ExportStatus] | None:
    """What was asked for and how far it was; None where nothing is kept.

    Raises:
        OSError: it cannot be read.
    """
    try:
        kept = json.loads(path.read_bytes())
        return ExportRequest.from_json(kept["request"]), ExportStatus.from_json(kept["status"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(f"{path} cannot be read as an export: {error}") from error


def keep_record(path: Path, request: ExportRequest, status: ExportStatus) -> None:
    """Keep it; what was kept before stays if that fails.

    Raises:
        OSError: it could not be kept.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    content = {"request": request.to_json(), "status": status.to_json()}
    create_complete(LocalDisk(), path, json.dumps(content).encode() + b"\n")


def write_file(target: Path, download: Download, stopped: Stopped) -> str:
    """Make the file, complete or not at all.

    Returns:
        The SHA-256 of its bytes, hexadecimal.

    Raises:
        OSError: it could not be made; there is no part of it.
    """
    disk, digest = LocalDisk(), hashlib.sha256()
    unfinished = target.with_name(target.name + ".new")
    descriptor = disk.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        size = 0
        for chunk in _until(stopped, download.chunks()):
            digest.update(chunk)
            write_all(disk, descriptor, chunk)
            size += len(chunk)
        _see_whole(size, download.totals.size)
        disk.sync(descriptor)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    disk.rename(unfinished, target)
    disk.sync_folder(target.parent)
    return digest.hexdigest()


def _see_whole(size: int, wanted: int) -> None:
    if size != wanted:
        raise OSError(f"{size} of {wanted} bytes were there to be copied")


def _until(stopped: Stopped, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if stopped.now:
            return
        yield chunk


def remove(*paths: Path) -> None:
    """Take files of one folder away, for good when this returns.

    Raises:
        OSError: one may be left.
    """
    found = False
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
            found = True
    if found:
        LocalDisk().sync_folder(paths[0].parent)
