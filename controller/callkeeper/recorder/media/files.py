"""Where media lies, and how it comes to lie there: complete or not at all.

    media/incoming/<recording>.part         what has arrived of an upload, at the end of which the next bytes go
    media/incoming/<recording>.channels     who is on which channel, as told before the upload was complete
    media/2026/11/23/<recording>.wav        complete, under the day the recording was opened (UTC)
    media/2026/11/23/manifest.jsonl         a line for each of the day's files: name, bytes, SHA-256, since when

Facts:
    - An upload is complete when its file has its second name: that is one step of the file system. The first name goes
      when the store knows of the second, so whoever finds a `.part` after a crash knows where it broke off.
    - Only `incoming` is looked through at a start, not the days with their million files.
"""

import json
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import Disk, GrowingFile, replace_file
from callkeeper.recorder.media.recognition import Format

INCOMING = "incoming"
MANIFEST = "manifest.jsonl"
_PART, _CHANNELS = ".part", ".channels"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}-[1-9][0-9]{0,6}")
_STORED = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[A-Za-z0-9][A-Za-z0-9_-]{0,140}\.[a-z0-9]{1,4}")


def is_recording_name(text: str) -> bool:
    """Whether this can be a recording's id: nothing else ever becomes a part of a path."""
    return _NAME.fullmatch(text) is not None


class MediaFiles:
    """The media folder. Its methods block."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        """Use this folder; `open` makes it."""
        self._folder = folder
        self._disk = disk
        self._incoming = folder / INCOMING
        self._manifests = threading.Lock()

    @classmethod
    def open(cls, folder: Path, disk: Disk) -> Self:
        """Use this folder, made if missing.

        Raises:
            StorageFault: it cannot be made.
        """
        try:
            disk.make_folder(folder / INCOMING)
        except OSError as error:
            raise StorageFault(
                f"the media folder {folder} cannot be made: {error.strerror or error}",
                "see that it can be written by this user",
            ) from error
        return cls(folder, disk)

    @property
    def folder(self) -> Path:
        """What the paths of `Media` are relative to."""
        return self._folder

    def path(self, stored: str) -> Path:
        """The file of a `Media.path`.

        Raises:
            ValueError: it is not a path that is made here.
        """
        if _STORED.fullmatch(stored) is None:
            raise ValueError("this is not the path of stored media")
        return self._folder / stored

    def part(self, recording: str) -> Path:
        """The file of an upload.

        Raises:
            ValueError: it is not a recording's id.
        """
        if not is_recording_name(recording):
            raise ValueError("this is not the id of a recording")
        return self._incoming / (recording + _PART)

    def parts(self) -> list[str]:
        """The recordings of which there is a `.part`."""
        found = (name.removesuffix(_PART) for name in self._disk.names(self._incoming) if name.endswith(_PART))
        return sorted(filter(is_recording_name, found))

    def open_part(self, recording: str) -> GrowingFile:
        """Open what has arrived of an upload, made where nothing has; its name is on disk when this returns."""
        path = self.part(recording)
        new = not path.exists()
        file = self._disk.open_growing(path)
        if new:
            try:
                self._disk.sync_folder(self._incoming)
            except OSError:
                file.close()
                raise
        return file

    def open_buffer(self) -> GrowingFile:
        """A file without a name, on the same disk."""
        return self._disk.open_nameless(self._incoming)

    def free_bytes(self) -> int:
        """How much may still be written."""
        return self._disk.free_bytes(self._folder)

    def drop_part(self, recording: str) -> None:
        """Remove what is left of an upload; harmless when nothing is."""
        for suffix in (_PART, _CHANNELS):
            with suppress(FileNotFoundError):
                self._disk.remove(self.part(recording).with_suffix(suffix))

    def publish(self, recording: str, opened: datetime, format_: Format) -> str:
        """Give a synced upload its second name; the `Media.path`. Done twice, it is the same.

        Raises:
            OSError: it was not done, or is not known to be on disk.
        """
        day = opened.astimezone(UTC).strftime("%Y/%m/%d")
        self._disk.make_folder(self._folder / day)
        stored = f"{day}/{recording}.{format_.extension}"
        part, target = self.part(recording), self._folder / stored
        try:
            self._disk.link(part, target)
        except FileExistsError:
            if not part.samefile(target):
                raise
        self._disk.sync_folder(target.parent)
        return stored

    def is_published(self, recording: str) -> bool:
        """Whether an upload has its second name, and so was complete."""
        return self.part(recording).stat().st_nlink > 1

    def write_manifest(self, stored: str, line: dict[str, Any], at: datetime) -> None:
        """Add a line about this file to its day's manifest and sync it."""
        path = self.path(stored)
        self._write_lines(path.parent, [{"file": path.name} | line], at)

    def _write_lines(self, folder: Path, lines: Sequence[dict[str, Any]], at: datetime) -> None:
        text = "".join(json.dumps(line | {"at": instant_text(at)}) + "\n" for line in lines)
        # One at a time: lines of the same day come from several threads.
        with self._manifests:
            file = self._disk.open_growing(folder / MANIFEST)
            try:
                file.append(text.encode())
                file.sync()
            finally:
                file.close()

    def remove(self, stored: Sequence[str], at: datetime) -> dict[str, OSError | ValueError]:
        """Remove files for good and say so in their manifests, two syncs for all of a day; harmless where one has gone.

        Returns:
            Those that could not be removed, and why.
        """
        failed: dict[str, OSError | ValueError] = {}
        by_day: dict[Path, list[str]] = {}
        for one in stored:
            try:
                path = self.path(one)
                # Its folder is synced even where it has gone: an earlier removal may not have come that far.
                removed = by_day.setdefault(path.parent, [])
                self._disk.remove(path)
                removed.append(one)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                failed[one] = error
        for folder, removed in by_day.items():
            try:
                with suppress(FileNotFoundError):
                    self._disk.sync_folder(folder)
                if removed:
                    self._write_lines(folder, [{"file": Path(one).name, "removed": True} for one in removed], at)
            except OSError as error:
                failed |= dict.fromkeys(removed, error)
        return failed

    def write_channels(self, recording: str, channels: tuple[str, ...]) -> None:
        """Keep who is on which channel until the upload is complete."""
        replace_file(self._disk, self.part(recording).with_suffix(_CHANNELS), json.dumps(channels).encode())

    def read_channels(self, recording: str) -> tuple[str, ...]:
        """What was kept; empty without any."""
        try:
            return tuple(json.loads(self._disk.read(self.part(recording).with_suffix(_CHANNELS))))
        except FileNotFoundError:
            return ()


def open_for_reading(path: Path) -> int:
    """A descriptor to read a file by places.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
