"""A backup of a recorder's state, taken while it runs: complete, or not there at all.

    TARGET/manifest.jsonl     what it holds, with SHA-256, and that it is whole
    TARGET/state/…            files as they lie in the state folder

Facts:
    - The store is copied first, as it is at one instant; media follows the copy. What was removed meanwhile is removed
      in the copy as well, what was completed meanwhile is complete in it.
    - Stored media never changes, so a hard link is as good as a copy, where the file system is the same. A link shares
      the disk's faults, though: a backup that shall survive the disk goes to another one.
    - The audit log comes last: rows that the copied store has sent are in it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from callkeeper.audit.layout import CHECKPOINTS, LOCK, RESERVE
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import INCOMING, MANIFEST, MediaFiles
from callkeeper.recorder.retention.removal import begin_as
from callkeeper.recorder.store.looking import SqliteCopy, SqliteLook
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recording import KeptRecording, Media, Status
from callkeeper.recorder.store.search import EVERYTHING, Place, Search
from callkeeper.recorder.store.sqlite import DATABASE
from callkeeper.recorder.upkeep.copying import FileList, Held, copy_file, hash_file, made_whole
from callkeeper.recorder.upkeep.differences import Progress

STATE = "state"
STORE = Path("recorder") / "store"
MEDIA = Path("recorder") / "media"
CONFIG, CONFIGS = Path("recorder") / "current.json", Path("recorder") / "configs"
AUDIT = Path("audit")

SINGLE = (Path("key"), Path("tokens.json"), Path("recorder/users.json"), Path("recorder/retired-users.json"))
"""Copied where they are there. Tokens are hashes there; whose token is kept in plain text gets a new one."""

_PAGE = 1_000
_ATTEMPTS = 10
"""To copy the config between two changes of it: each takes a millisecond."""


@dataclass(slots=True, kw_only=True)
class BackedUp:
    """What a backup holds.

    Attributes:
        taken: the instant it shows; what happened later is not in it.
        files: how many.
        bytes: of all of them.
        missing: recordings whose media should be there and is not; `check` says so too.
    """

    taken: datetime
    files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)


def back_up(
    state: Path, target: Path, *, now: datetime, link: bool = True, progress: Progress | None = None
) -> BackedUp:
    """Back a state folder up into a folder that is made.

    Args:
        state: of a recorder, running or not.
        target: not there yet; its parent is.
        now: the instant.
        link: hard links for media, where the file system allows it.
        progress: told how far it has come.

    Raises:
        StorageFault: nothing was made.
    """
    _refuse_bad_target(state, target)
    try:
        with made_whole(target, "partial") as temporary, closing(SqliteLook.open(state / STORE)) as live:
            return _Backup(state, temporary, live, link, progress or Progress(), BackedUp(taken=now)).run()
    except OSError as error:
        raise StorageFault(
            f"the backup was not made: {error.filename or target}: {error.strerror or error}",
            "see that the disk has room and can be written, then try again",
        ) from error


def _is_rows(name: str) -> bool:
    return not name.endswith((".commits", ".new")) and name not in {CHECKPOINTS, LOCK, RESERVE}


def _refuse_bad_target(state: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StorageFault(f"{target} is there already", "name a folder that is not: each backup is made anew")
    if not target.parent.is_dir():
        raise StorageFault(f"there is no folder {target.parent}", "make it, or name another place")
    if target.resolve().is_relative_to(state.resolve()):
        raise StorageFault(f"{target} lies inside the state folder", "name a place outside, best on another disk")


@dataclass(slots=True)
class _Backup:
    state: Path
    target: Path
    live: SqliteLook
    link: bool
    progress: Progress
    done: BackedUp
    days: set[Path] = field(default_factory=set)

    def run(self) -> BackedUp:
        self.target.mkdir(mode=0o700)
        files = FileList(self.target, {"taken": self.done.taken.isoformat()})
        try:
            for held in self._files():
                files.add(held)
                self.done.files += 1
                self.done.bytes += held.bytes
            files.end()
        finally:
            files.close()
        return self.done

    def _files(self) -> Iterator[Held]:
        store = self.target / STATE / STORE
        self.live.copy_to(store)
        copy = SqliteCopy.open(store)
        try:
            yield from self._stored(copy)
            yield from self._arrived(copy)
        finally:
            copy.close()
        yield hash_file(store / DATABASE, (STORE / DATABASE).as_posix())
        for path in sorted(self.days):
            yield from self._if_there(path / MANIFEST)
        yield from self._config()
        for path in SINGLE:
            yield from self._if_there(path)
        yield from self._folder(Path("reconcile"))
        # What vouches first: checkpoints for side files; side files that lag behind are completed from the segments.
        yield from self._folder(AUDIT, lambda name: name == CHECKPOINTS)
        yield from self._folder(AUDIT, lambda name: name.endswith(".commits"))
        yield from self._folder(AUDIT, _is_rows)

    def _stored(self, copy: SqliteCopy) -> Iterator[Held]:
        """Stored media, as the copy names it."""
        after = 0
        while page := copy.read(lambda rows, after=after: rows.stored_media(after, _PAGE)):  # type: ignore[misc]
            for key, recording, media in page:
                after = key
                try:
                    yield self._media(media)
                except FileNotFoundError:
                    self._gone(copy, recording)

    def _media(self, media: Media) -> Held:
        files = MediaFiles(self.state / MEDIA, LocalDisk())
        path = MEDIA / media.path
        source, target = files.path(media.path), self.target / STATE / path
        self.days.add(path.parent)
        LocalDisk().make_folder(target.parent)
        if self.link:
            try:
                os.link(source, target, follow_symlinks=False)
            except FileNotFoundError:
                raise
            except OSError:
                self.link = False  # another file system, or one without links
            else:
                self.progress.files += 1
                self.progress.bytes += media.bytes
                return Held(path=path.as_posix(), bytes=media.bytes, sha256=media.sha256)
        return copy_file(source, target, path.as_posix(), self.progress)

    def _gone(self, copy: SqliteCopy, recording: str) -> None:
        """Media was removed after the store was copied: so it is removed there too. Else it is missing here as well."""

        def follow(now: Reading) -> bool:
            def unit(rows: Writing) -> bool:
                kept = rows.recording(recording, EVERYTHING)
                if kept is None:
                    return True  # it was being removed: whoever opens the copy takes that to its end
                buried = now.tombstone(recording)
                return rows.bury(buried) if buried is not None else begin_as(rows, kept, now)

            return copy.write(unit)

        if not self.live.read(follow):
            self.done.missing.append(recording)

    def _arrived(self, copy: SqliteCopy) -> Iterator[Held]:
        """What has arrived of recordings whose media is not complete in the copy."""
        for status in (Status.OPEN, Status.CLOSED, Status.INTERRUPTED):
            place: Place | None = None
            wanted = Search(status=status)
            while page := copy.read(lambda rows, w=wanted, at=place: rows.search(w, EVERYTHING, at, _PAGE)):  # type: ignore[misc]
                place = page[-1].opened, page[-1].key
                for one in page:
                    if one.media is None:
                        yield from self._part(copy, one)

    def _part(self, copy: SqliteCopy, kept: KeptRecording) -> Iterator[Held]:
        name = MediaFiles(self.state / MEDIA, LocalDisk()).part(kept.id).name
        found = list(self._if_there(MEDIA / INCOMING / name))
        if found:
            yield from found
            yield from self._if_there((MEDIA / INCOMING / name).with_suffix(".channels"))
            return
        # Nothing has arrived, or it was completed after the store was copied.
        now = self.live.read(lambda rows: rows.recording(kept.id, EVERYTHING))
        if now is None or now.media is None or now.last_media is None:
            return
        media, status, last = now.media, now.status, now.last_media
        try:
            held = self._media(media)
        except FileNotFoundError:
            return  # and removed again
        copy.write(lambda rows: rows.set_media(kept.key, media, status=status, last_media=last))
        yield held

    def _config(self) -> Iterator[Held]:
        """The config in force and those before it, of one moment."""
        for _ in range(_ATTEMPTS):
            found = [*self._if_there(CONFIG), *self._folder(CONFIGS)]
            path = self.state / CONFIG
            if not found or not path.exists() or hash_file(path, CONFIG.as_posix()) in found:
                yield from found
                return
            for held in found:
                (self.target / STATE / held.path).unlink()
        raise StorageFault("the config changes again and again", "take the backup when that is over")

    def _folder(self, folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Held]:
        if not (self.state / folder).is_dir():
            return
        for name in sorted(LocalDisk().names(self.state / folder)):
            if wanted(name) and not name.startswith(".") and (self.state / folder / name).is_file():
                yield from self._if_there(folder / name)

    def _if_there(self, path: Path) -> Iterator[Held]:
        try:
            yield copy_file(self.state / path, self.target / STATE / path, path.as_posix(), self.progress)
        except FileNotFoundError:
            return
