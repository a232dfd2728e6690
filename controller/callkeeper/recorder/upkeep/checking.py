"""Comparing rows with files: every difference is named, nothing is changed. Works beside a running recorder.

Facts:
    - Rows and files are read one after the other, and a running recorder goes on meanwhile: whatever looks wrong is
      asked for again, and what is younger than `SETTLED_SECONDS` is left alone, before it is called a difference.
    - The names of all stored files are kept in memory meanwhile: some 150 bytes a recording.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import INCOMING, MANIFEST, MediaFiles, is_recording_name, open_for_reading
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.recording import KeptRecording, Media, Status
from callkeeper.recorder.store.search import EVERYTHING, Place, Search
from callkeeper.recorder.upkeep.differences import Difference, Kind, Progress

T = TypeVar("T")

SETTLED_SECONDS = 60.0
"""Between a file's last change and the row that tells of it lie milliseconds; a busy disk may take seconds."""

_READ_BYTES = 1024 * 1024
_PAGE = 1_000
_MOST_REMOVALS = 1_000_000
"""Recordings that are being removed at one time: more than a sweep begins."""


class Look(Protocol):
    """A store to read from; `SqliteLook`."""

    def read(self, query: Callable[[Reading], T]) -> T:
        """Run a query on a snapshot."""
        ...


def check(look: Look, media: Path, *, running: bool, progress: Progress | None = None) -> Iterator[Difference]:
    """Every difference between the rows and what lies in the media folder.

    Args:
        look: at the store.
        media: the folder.
        running: a recorder is at work there; what is young is left alone.
        progress: told how far it has come.

    Raises:
        StorageFault: the store or the folder cannot be read.
    """
    found = _Check(look, MediaFiles(media, LocalDisk()), running, progress or Progress())
    try:
        yield from found.rows()
        yield from found.files()
    except OSError as error:
        raise StorageFault(
            f"the media folder {media} cannot be read: {error.strerror or error}", "see that it belongs to this user"
        ) from error


@dataclass(slots=True)
class _Check:
    look: Look
    media: MediaFiles
    running: bool
    progress: Progress
    named: set[str] = field(default_factory=set)
    _removing: frozenset[str] | None = None

    def rows(self) -> Iterator[Difference]:
        """What rows say that is not so."""
        after = 0
        while page := self.look.read(lambda rows, after=after: rows.stored_media(after, _PAGE)):  # type: ignore[misc]
            for key, recording, media in page:
                after = key
                self.named.add(media.path)
                if (found := self._stored(recording, media)) is not None:
                    yield found
        place: Place | None = None
        complete = Search(status=Status.COMPLETE)
        while kept := self.look.read(lambda rows, place=place: rows.search(complete, EVERYTHING, place, _PAGE)):  # type: ignore[misc]
            place = kept[-1].opened, kept[-1].key
            for one in kept:
                if one.media is None:
                    detail = "the row says complete, and names no media"
                    yield Difference(kind=Kind.COMPLETE_WITHOUT_MEDIA, recording=one.id, path="", detail=detail)

    def _stored(self, recording: str, media: Media) -> Difference | None:
        """What is wrong with the file of this row, unless the row has gone meanwhile or knows of it."""
        wrong = _compare(self.media, media, self.progress)
        if wrong is None:
            return None
        kept = self._recording(recording)
        if kept is None or kept.media is None or kept.media.path != media.path:
            return None
        kind, detail = wrong
        if kind is Kind.MISSING_FILE and kept.status is Status.FAILED:
            return None  # known, and said so
        return Difference(kind=kind, recording=recording, path=media.path, detail=detail)

    def files(self) -> Iterator[Difference]:
        """Files that no row tells of."""
        folder = self.media.folder
        if not folder.is_dir():
            return
        for here, folders, names in os.walk(folder):
            folders.sort()
            inside = Path(here).relative_to(folder)
            for name in sorted(names):
                path = (inside / name).as_posix()
                if path in self.named or (name == MANIFEST and len(inside.parts) == len("YMD")):
                    continue
                found = self._incoming(path) if inside.parts == (INCOMING,) else self._unnamed(path)
                if found is not None and not self._is_young(path):
                    yield found

    def _unnamed(self, path: str) -> Difference | None:
        recording = Path(path).stem
        if not is_recording_name(recording):
            return Difference(kind=Kind.ORPHANED_FILE, recording="", path=path, detail="no recording has such a file")
        kept = self._recording(recording)
        if kept is not None and kept.media is not None and kept.media.path == path:
            return None
        if (buried := self._buried(recording, path)) is not None:
            return buried
        if kept is None and recording in self._being_removed():
            return None
        if kept is not None and kept.media is None and self.media.part(recording).is_file():
            return None  # an upload that was complete: the recorder tells the store of it when it starts
        detail = "no recording has this id" if kept is None else "its recording names another file, or none"
        return Difference(kind=Kind.ORPHANED_FILE, recording=recording, path=path, detail=detail)

    def _incoming(self, path: str) -> Difference | None:
        recording = Path(path).stem
        if not is_recording_name(recording):
            detail = "no upload has such a file"
            return Difference(kind=Kind.LEFTOVER_UPLOAD, recording="", path=path, detail=detail)
        kept = self._recording(recording)
        if kept is not None and kept.media is None and kept.status is not Status.FAILED:
            return None  # it may go on, or is kept as it is when the recorder starts
        if (buried := self._buried(recording, path)) is not None:
            return buried
        if kept is None and recording in self._being_removed():
            return None
        detail = "no recording has this id" if kept is None else f"the media of its recording is {kept.status.value}"
        return Difference(kind=Kind.LEFTOVER_UPLOAD, recording=recording, path=path, detail=detail)

    def _buried(self, recording: str, path: str) -> Difference | None:
        tombstone = self.look.read(lambda rows: rows.tombstone(recording))
        if tombstone is None:
            return None
        detail = f"the recording was removed ({tombstone.why}) at {tombstone.removed.isoformat()}"
        return Difference(kind=Kind.MEDIA_OF_TOMBSTONE, recording=recording, path=path, detail=detail)

    def _recording(self, recording: str) -> KeptRecording | None:
        return self.look.read(lambda rows: rows.recording(recording, EVERYTHING))

    def _being_removed(self) -> frozenset[str]:
        """Their media may be there or not; who removes them goes on when the recorder runs."""
        if self._removing is None:
            found = self.look.read(lambda rows: rows.unreachable(_MOST_REMOVALS))
            self._removing = frozenset(one.id for one in found)
        return self._removing

    def _is_young(self, path: str) -> bool:
        if not self.running:
            return False
        try:
            changed = (self.media.folder / path).lstat().st_ctime
        except FileNotFoundError:
            return True  # gone meanwhile
        return time.time() - changed < SETTLED_SECONDS


def _compare(files: MediaFiles, media: Media, progress: Progress) -> tuple[Kind, str] | None:
    progress.files += 1
    try:
        descriptor = open_for_reading(files.path(media.path))
    except (FileNotFoundError, NotADirectoryError):
        return Kind.MISSING_FILE, f"{media.bytes:,} bytes were stored, and the file is not there"
    except ValueError:
        return Kind.MISSING_FILE, "the row's path is none that the recorder makes"
    except OSError as error:
        return Kind.UNREADABLE_FILE, error.strerror or str(error)
    try:
        return _compare_open(descriptor, media, progress)
    except OSError as error:
        return Kind.UNREADABLE_FILE, error.strerror or str(error)
    finally:
        os.close(descriptor)


def _compare_open(descriptor: int, media: Media, progress: Progress) -> tuple[Kind, str] | None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return Kind.UNREADABLE_FILE, "it is no file"
    if found.st_size != media.bytes:
        return Kind.ALTERED_SIZE, f"{media.bytes:,} bytes were stored, and the file has {found.st_size:,}"
    digest = sha256()
    while block := os.read(descriptor, _READ_BYTES):
        digest.update(block)
        progress.bytes += len(block)
    if digest.hexdigest() != media.sha256:
        return Kind.ALTERED_CONTENT, f"stored was SHA-256 {media.sha256}, and the file has {digest.hexdigest()}"
    return None
