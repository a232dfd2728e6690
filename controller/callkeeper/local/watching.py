"""Tells when the settings folder may have changed; whether it did, its contents say.

The operating system tells of a saved file at once. Beside that the folder is looked at every second: a folder that was
removed and made again, or one on a network, tells of nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import awatch

from callkeeper.local.folder import watched_files

QUIET_MILLISECONDS = 60
"""An editor saves in two or three steps (write a new file, rename) a few milliseconds apart."""

MOST_MILLISECONDS = 400
"""Somebody who writes without end is listened to all the same, within the second that a change may take."""

LOOK_SECONDS = 1.0
TICK_SECONDS = 0.2
"""How often a watch that was set up a moment ago is doubted: what was saved while it was set up was told to nobody."""

DOUBTED_TICKS = 10

CHECKOUT_SECONDS = 10.0
"""How long a git command that holds its lock is waited for: a checkout of many files is one change."""

CHECKOUT_STEP_SECONDS = 0.02


async def changes(folder: Path) -> AsyncIterator[None]:
    """Yield whenever something may have changed. Ends only by being cancelled.

    Yields at once for the first time: only what changes after that is noticed here, so whoever read the folder before
    has to look whether it is still what was read.
    """
    lock = _git_lock(folder)
    seen = await asyncio.to_thread(_signature, folder)
    yield
    while True:
        if not await asyncio.to_thread(folder.is_dir):
            await asyncio.sleep(LOOK_SECONDS / 2)
        else:
            identity = _identity(folder)
            try:
                ticks = 0
                async for noticed in _noticed(folder):
                    ticks += 1
                    if not noticed and ticks > DOUBTED_TICKS and ticks % round(LOOK_SECONDS / TICK_SECONDS):
                        continue
                    if noticed or await asyncio.to_thread(_signature, folder) != seen:
                        await _checkout_over(lock)
                        seen = await asyncio.to_thread(_signature, folder)
                        yield
                    if _identity(folder) != identity:
                        break
            except (OSError, RuntimeError):
                # The folder vanished while the watch was being set up; it is looked for again.
                await asyncio.sleep(LOOK_SECONDS / 2)
        now = await asyncio.to_thread(_signature, folder)
        if now != seen:
            seen = now
            yield


async def _noticed(folder: Path) -> AsyncIterator[bool]:
    """True for changes the operating system told of, False for every tick without."""
    async for found in awatch(
        folder,
        watch_filter=None,
        debounce=MOST_MILLISECONDS,
        step=QUIET_MILLISECONDS,
        rust_timeout=int(TICK_SECONDS * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        yield bool(found)


def _signature(folder: Path) -> tuple[object, ...]:
    """What changes when a file does, without reading any.

    The instants at which the system changed an entry are part of it: a folder or file that was moved away and back
    looks as it did, but may have been missed by who read it in between.
    """
    signature: list[object] = [_identity(folder), _moved_at(folder)]
    for path in watched_files(folder):
        try:
            found = path.stat()
        except OSError:
            continue
        signature.append((str(path), found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino))
    return tuple(signature)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _moved_at(folder: Path) -> int | None:
    try:
        return folder.stat().st_ctime_ns
    except OSError:
        return None


def _git_lock(folder: Path) -> Path | None:
    """The file git holds while it changes the work tree the folder is in."""
    for parent in (folder.resolve(), *folder.resolve().parents):
        if (parent / ".git").is_dir():
            return parent / ".git" / "index.lock"
    return None


async def _checkout_over(lock: Path | None) -> None:
    """Wait until git is done, within bounds: a lock left behind by a crash must not stop anything for ever."""
    if lock is None:
        return
    for _ in range(int(CHECKOUT_SECONDS / CHECKOUT_STEP_SECONDS)):
        if not lock.exists():  # noqa: ASYNC240 - one look at one name
            return
        await asyncio.sleep(CHECKOUT_STEP_SECONDS)
