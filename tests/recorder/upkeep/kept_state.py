"""A state folder with recordings that have media, as a recorder that has ended left it."""

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path

from tests.recorder.store.making import ended, segment

from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.recognition import Format
from callkeeper.recorder.store.recording import Media, Status, key_of
from callkeeper.recorder.store.sqlite import SqliteStore


class Kept:
    """A state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.store_folder = state / "recorder" / "store"
        self.media = state / "recorder" / "media"
        (state / "recorder" / "configs").mkdir(parents=True)
        (state / "key").write_bytes(b"k" * 32)
        (state / "audit").mkdir()
        self.fill(1, 4)

    def open(self) -> SqliteStore:
        return SqliteStore.open(self.store_folder)

    def fill(self, first: int, last: int) -> None:
        """Segments with these numbers, each with one complete recording `segment<n>-1`."""

        async def run() -> None:
            store = self.open()
            files = MediaFiles.open(self.media, LocalDisk())
            for number in range(first, last + 1):
                made = ended(segment(number))
                await store.write(lambda rows, made=made: rows.save_segments((made,)))
                await self.store_media(store, files, number, made.started)
            await store.close()

        asyncio.run(run())

    @staticmethod
    async def store_media(store: SqliteStore, files: MediaFiles, number: int, opened: datetime) -> None:
        content = f"media of {number}".encode() * 100
        name = f"segment{number}-1"
        files.part(name).write_bytes(content)
        path = files.publish(name, opened, Format.WAV)
        digest = hashlib.sha256(content).hexdigest()
        files.write_manifest(path, {"bytes": len(content), "sha256": digest}, opened)
        media = Media(content_type="audio/wav", bytes=len(content), duration=1, sha256=digest, path=path)
        key = key_of(number, 1)
        await store.write(lambda rows: rows.set_media(key, media, status=Status.COMPLETE, last_media=opened))
        files.drop_part(name)

    def file(self, number: int) -> Path:
        return self.media / "2026" / "03" / "01" / f"segment{number}-1.wav"
