"""Backups of a store: taken beside its writer, complete or not there at all, and restored into one that goes on.

    TARGET/backup.json    what it holds, with SHA-256 of every file, and the head of the chain
    TARGET/audit-…        the files as they lie in the store, cut at its last commit

A backup is itself a store that can be verified and exported from. Files that grow are copied up to what one line of the
side file says, so that a backup ends with a commit. The private key is left out unless asked for: where backups lie is
rarely where keys should.

Restoring says so in the chain and in the log (`RestoreAudit`). Rows acknowledged after the backup are not in it, and
their senders do not have them any more: verification against a later checkpoint tells how many.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from callkeeper.audit.commits import State
from callkeeper.audit.disk import LocalDisk, create_complete, write_all
from callkeeper.audit.errors import BackupError, StoreError
from callkeeper.audit.layout import (
    CHECKPOINTS,
    COMPRESSED,
    LOCK,
    RESERVE,
    SETTINGS,
    SIGNING_KEY,
    Listing,
    SegmentName,
    commits_name,
    deleted_name,
    list_store,
)
from callkeeper.audit.row import HEADER
from callkeeper.audit.scan import CHUNK_BYTES
from callkeeper.audit.side_tail import read_side_tail
from callkeeper.audit.store import AuditStore
from callkeeper.audit.stored_rows import rows_exist

MANIFEST = "backup.json"
_ATTEMPTS = 3
"""Retention or compression may take a file away while it is copied; the next attempt sees what is there then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds.

    Attributes:
        taken: the instant, RFC 3339.
        chain: head of the chain, hexadecimal; empty for a store without rows.
        rows: committed up to there.
        files: names with bytes and SHA-256.
    """

    taken: str
    chain: str
    rows: int
    files: tuple[tuple[str, int, str], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size, _ in self.files)


def back_up(folder: Path, target: Path, *, now: datetime, with_key: bool = False) -> Backup:
    """Copy a store, whether it is being written or not.

    Args:
        folder: the store's.
        target: not there yet; its parent is.
        now: the instant.
        with_key: the private key too, where it lies in the store's folder.

    Raises:
        BackupError: nothing was made.
    """
    if target.exists() or not target.parent.is_dir():
        raise BackupError(f"{target} is there already, or there is no folder to make it in; name a new one")
    if target.resolve().is_relative_to(folder.resolve()):
        raise BackupError(f"{target} lies inside the store; name a place outside, best on another disk")
    for attempt in range(1, _ATTEMPTS + 1):
        unfinished = target.with_name(f".{target.name}.{token_hex(4)}.partial")
        try:
            unfinished.mkdir(mode=0o700)
            made = _copy_store(folder, unfinished, now, with_key=with_key)
            unfinished.rename(target)
            LocalDisk().sync_folder(target.parent)
        except FileNotFoundError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            if attempt == _ATTEMPTS:
                raise BackupError(f"the backup was not made: {error}") from error
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise BackupError(f"the backup was not made: {error}") from error
        else:
            return made
    raise AssertionError("the last attempt ends the loop")


def restore(backup: Path, target: Path, *, signing_key: Path | None = None) -> Backup:
    """Make a store of a backup that goes on from it.

    Args:
        backup: made by `back_up`.
        target: the store's folder; not there, or empty.
        signing_key: where the key of the store lies, when not in its folder.

    Raises:
        BackupError: the backup is not whole, or there is no place for it; nothing was made.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is not empty: move what is there to another place first; nothing is lost")
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent}")
    held = read_backup(backup)
    unfinished = target.with_name(f".{target.name}.{token_hex(4)}.restoring")
    try:
        unfinished.mkdir(mode=0o700)
        for file in held.files:
            _copy_whole(backup, unfinished, file)
        asyncio.run(_say_restored(unfinished, held, signing_key))
        (unfinished / LOCK).unlink(missing_ok=True)
        unfinished.rename(target)
        LocalDisk().sync_folder(target.parent)
    except (OSError, StoreError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BackupError(f"nothing was restored: {error}") from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return held


def _copy_whole(backup: Path, target: Path, file: tuple[str, int, str]) -> None:
    name, size, _ = file
    if _copied(backup / name, target / name, size) != file:
        raise BackupError(f"{backup / name} is not what {MANIFEST} says: take another backup, this one is damaged")


async def _say_restored(folder: Path, held: Backup, signing_key: Path | None) -> None:
    async with AuditStore.open(folder, signing_key=signing_key) as store:
        await store.note_restored(held.taken)


def read_backup(backup: Path) -> Backup:
    """What a backup says that it holds.

    Raises:
        BackupError: it is none, or not whole.
    """
    try:
        content = json.loads((backup / MANIFEST).read_bytes())
        files = tuple((_plain(str(one["name"])), int(one["bytes"]), str(one["sha256"])) for one in content["files"])
        return Backup(taken=str(content["taken"]), chain=str(content["chain"]), rows=int(content["rows"]), files=files)
    except FileNotFoundError as error:
        raise BackupError(
            f"{backup} is no backup of an audit store: there is no {MANIFEST} in it; name a folder that "
            "`callkeeper audit backup` made"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{backup / MANIFEST} cannot be read ({error}): take another backup") from error


def _plain(name: str) -> str:
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError(f"the file name {name!r} leads elsewhere")
    return name


def _copy_store(folder: Path, target: Path, now: datetime, *, with_key: bool) -> Backup:
    # Checkpoints first, then lengths, then the line that says how far is committed: each is older than the next.
    names = [CHECKPOINTS, SETTINGS, *([SIGNING_KEY] if with_key else [])]
    files = [_copied(folder / name, target / name) for name in names if (folder / name).exists()]
    listing = list_store(folder)
    sizes = {str(name): _size(folder, name) for name in listing.segments if name not in listing.compressed}
    newest = max(listing.commit_days, default=None)
    tail = read_side_tail(folder / commits_name(newest)) if newest else None
    total = tail.state.total if tail else None
    if tail is not None and total is not None:
        sizes |= _sizes_announced(tail.state, sizes)
        for commit in tail.since_state:
            if not _is_put_away(folder, commit.file, listing):
                sizes[commit.file] = commit.offset + commit.size
            total = total.plus(commit.rows, commit.size, "")
    for day in listing.commit_days:
        end = tail.end if tail is not None and day == newest else None
        files.append(_copied(folder / commits_name(day), target / commits_name(day), end))
    for file, size in sizes.items():
        with suppress(_Compressed):
            files.append(_copied_rows(folder, target, file, size))
            continue
        files.append(_copied(folder / (file + COMPRESSED), target / (file + COMPRESSED)))
    others = [*(f"{name}{COMPRESSED}" for name in listing.compressed), *_others(folder, listing.deleted_days)]
    files += [_copied(folder / other, target / other) for other in others]
    made = Backup(
        taken=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        chain=tail.chain.hex() if tail else "",
        rows=total.rows if total else 0,
        files=tuple(files),
    )
    listed = [{"name": name, "bytes": size, "sha256": digest} for name, size, digest in files]
    content = {"taken": made.taken, "chain": made.chain, "rows": made.rows, "files": listed}
    create_complete(LocalDisk(), target / MANIFEST, json.dumps(content, indent=1).encode() + b"\n")
    return made


def _sizes_announced(state: State, seen: Mapping[str, int]) -> dict[str, int]:
    """How far the files a state line names were committed then: a new one up to its header, whatever it holds by now.

    Where the side file was made anew, nothing is known yet of files that may well hold acknowledged rows.
    """
    new = {} if state.rebuilt else {file: min(seen.get(file, 0), len(HEADER)) for file in state.files}
    known = {file: size for file, (size, _) in state.files.items() if size}
    return {file: size for file, size in (new | known).items() if file in seen}


def _is_put_away(folder: Path, file: str, listing: Listing) -> bool:
    """Whether a file was compressed or deleted since lines spoke of it: it is copied as such, or not at all."""
    name = SegmentName.parse(file)
    if name is None or name in listing.compressed:
        return True
    return name.day in listing.deleted_days and not rows_exist(folder / file)


class _Compressed(Exception):  # noqa: N818 - what became of the file
    """The plain form of a file is gone, the compressed one is there."""


def _copied_rows(folder: Path, target: Path, file: str, size: int) -> tuple[str, int, str]:
    try:
        return _copied(folder / file, target / file, size)
    except FileNotFoundError as error:
        (target / file).unlink(missing_ok=True)
        if (folder / (file + COMPRESSED)).exists():
            raise _Compressed from error
        raise


def _size(folder: Path, name: SegmentName) -> int:
    return (folder / str(name)).stat().st_size


def _others(folder: Path, deleted_days: tuple[str, ...]) -> Iterator[str]:
    """What was deleted, and what was moved aside."""
    yield from map(deleted_name, deleted_days)
    for path in sorted(folder.glob("*.torn-*")):
        if path.suffix != ".new" and not path.name.startswith((LOCK, RESERVE)):
            yield path.name


def _copied(source: Path, target: Path, size: int | None = None) -> tuple[str, int, str]:
    """Copy a file, or its first bytes; name, bytes and SHA-256 of what was copied."""
    disk, digest, copied = LocalDisk(), sha256(), 0
    with source.open("rb", buffering=0) as file:
        descriptor = disk.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            while size is None or copied < size:
                data = file.read(CHUNK_BYTES if size is None else min(CHUNK_BYTES, size - copied))
                if not data:
                    break
                write_all(disk, descriptor, data)
                digest.update(data)
                copied += len(data)
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
    return source.name, copied, digest.hexdigest()
