"""Media as the rest of the recorder sees it: uploads and what nobody sends any more, playing, removing.

What has to be looked at from time to time is looked at once a second (`tick`): pauses that are over, unsynced bytes,
uploads that nobody sends, recordings that ended and whose media never came.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from callkeeper.recorder import bounds
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import RecorderError
from callkeeper.recorder.media.buffers import Buffers, Waiting
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.lanes import Lanes
from callkeeper.recorder.media.open_uploads import Captures, OpenUploads
from callkeeper.recorder.media.refusals import storage_error
from callkeeper.recorder.media.upload import Upload
from callkeeper.recorder.media.uploads import Uploads
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording, Status
from callkeeper.recorder.store.search import EVERYTHING, Place, Search
from callkeeper.tasks.supervising import Supervisor

log = structlog.get_logger()

TICK_SECONDS = 1.0
SETTLE_SECONDS = 30.0
"""How often recordings without media are looked for: the bound they wait for is measured in hours."""

_PAGE = 200


class Captured(Captures, Waiting, Protocol):
    """What the calls know about what is captured."""

    def watch(self, told: Callable[[Segment], None]) -> None:
        """Have this told of every segment whenever it begins, changes or ends."""
        ...


class Pauses(Protocol):
    """What is known of pauses in what is captured."""

    async def resume_due(self) -> None:
        """End the pauses that have lasted as long as they may."""
        ...


class MediaKeeper:
    """The media of a recorder; for one event loop."""

    def __init__(
        self,
        *,
        files: MediaFiles,
        store: Store,
        calls: Captured,
        pauses: Pauses,
        clock: Clock,
        on_end: Callable[[str, int], None],
        supervisor: Supervisor,
    ) -> None:
        """Keep media.

        Args:
            files: where it lies.
            store: told of what is complete.
            calls: tells of segments and recordings in memory.
            pauses: are ended when they are over.
            clock: tells the time.
            on_end: told how each upload ended, in a word, and its bytes.
            supervisor: keeps the looking running.
        """
        self.files = files
        self._store = store
        self._clock = clock
        self._lanes = Lanes()
        self._on_end = on_end
        self._supervisor = supervisor
        self.open_uploads = OpenUploads(files=files, store=store, lanes=self._lanes, captures=calls, clock=clock)
        self.uploads = Uploads(files=files, store=store, opened=self.open_uploads, clock=clock, on_end=on_end)
        self.buffers = Buffers(files=files, lanes=self._lanes, uploads=self.open_uploads, calls=calls, clock=clock)
        self._pauses = pauses
        calls.watch(self.buffers.follow)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Keep what an earlier run left, and begin to look after uploads.

        Raises:
            StorageFault: what was left cannot be read.
        """
        allow_many_files()
        await self.recover()
        self._task = asyncio.create_task(self._supervisor.keep("media", self._run), name="media")

    async def stop(self) -> None:
        """Have everything that arrived on disk, and end; harmless when done twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for upload in self.open_uploads.all:
            upload.sender = None
            await self._quietly("upload_not_synced", upload.recording, partial(self.uploads.release, upload))
        await self.buffers.close()
        await asyncio.to_thread(self._lanes.close)

    async def remove(self, recordings: Sequence[KeptRecording]) -> dict[str, str]:
        """Remove media, stored or still arriving; harmless where it has gone. What could not be removed, and why."""
        stored = {one.media.path: one.id for one in recordings if one.media is not None}
        errors = await asyncio.to_thread(self.files.remove, list(stored), self._clock.now())
        failed = {stored[path]: storage_error(error).detail for path, error in errors.items()}
        arriving = [one.id for one in recordings if one.media is None]
        return failed | (await self.uploads.abandon(arriving) if arriving else {})

    async def recover(self) -> None:
        """See what an earlier run left of uploads: complete what was, keep what had arrived of what broke off.

        Raises:
            StorageFault: the folder or the store cannot be read.
        """
        for recording in await self._awaited():
            found = await self._store.read(partial(_kept, recording))
            if found is None:
                # Nothing says that it may go: its row may have been lost with the disk it was on.
                log.warning("media_of_unknown_recording", recording=recording)
            else:
                await self._quietly("media_not_recovered", recording, partial(self._take_up, found))

    async def _awaited(self) -> list[str]:
        """The recordings of which something has arrived that nobody sends now, once what is of no use was removed.

        Raises:
            StorageFault: the folder or the store cannot be read, or something cannot be removed.
        """
        sending = {upload.recording for upload in self.open_uploads.all}
        try:
            left = [recording for recording in await asyncio.to_thread(self.files.parts) if recording not in sending]
            useless = await self._store.read(partial(_useless, left)) if left else ()
            for recording in useless:
                await asyncio.to_thread(self.files.drop_part, recording)
        except OSError as error:
            raise storage_error(error) from error
        return [recording for recording in left if recording not in useless]

    async def _take_up(self, found: KeptRecording) -> None:
        """Complete an upload that was, end one that broke off with its call; others may go on."""
        published = await asyncio.to_thread(self.files.is_published, found.id)
        if published or found.status is Status.INTERRUPTED:
            await self._end(found, Status.COMPLETE if published else Status.INTERRUPTED)

    async def _end(self, found: KeptRecording, status: Status) -> None:
        written = await asyncio.to_thread(self.files.part(found.id).stat)
        upload = await self.open_uploads.open(found.id, found.key, found.opened)
        if not upload.accepted:
            # A power cut left less than tells what it is. Nothing that plays is lost, and all of it may be sent again.
            log.info("media_too_short", recording=found.id)
            await self.uploads.release(upload)
            return
        upload.touched = datetime.fromtimestamp(written.st_mtime, UTC)
        await self.uploads.finish(upload, None, status=status)

    async def _run(self) -> None:
        settled = float("-inf")
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.tick()
            now = asyncio.get_running_loop().time()
            if now - settled >= SETTLE_SECONDS:
                settled = now
                await self._quietly("media_not_settled", "", self.settle)

    async def tick(self) -> None:
        """End pauses that are over, sync what waits for it, let go of what nobody sends."""
        await self._pauses.resume_due()
        idle = self._clock.now() - timedelta(seconds=bounds.UPLOAD_IDLE_SECONDS)
        for upload in self.open_uploads.all:
            if upload.sender is None and upload.touched < idle and not upload.finishing:
                await self._quietly("upload_not_synced", upload.recording, partial(self.uploads.release, upload))
            elif upload.part.is_sync_due():
                await self._quietly("upload_not_synced", upload.recording, partial(self._sync, upload))

    async def _sync(self, upload: Upload) -> None:
        await self.open_uploads.in_lane(upload, upload.part.sync)

    async def settle(self) -> None:
        """End the waiting for media that does not come: what arrived is kept as interrupted, without any it failed.

        What came for a recording that was removed meanwhile goes.

        Raises:
            StorageFault: the store cannot be read or written, or what has arrived cannot be removed.
        """
        await self._awaited()
        before = self._clock.now() - timedelta(seconds=bounds.MEDIA_AWAITED_SECONDS)
        sending = {upload.recording for upload in self.open_uploads.all}
        search = Search(status=Status.CLOSED, opened_to=before)
        place: Place | None = None
        while True:
            page = await self._store.read(partial(_page, search, place))
            overdue = [found for found in page if found.closed is not None and found.closed < before]
            missing = []
            for found in overdue:
                if found.id in sending:
                    continue
                if await asyncio.to_thread(self.files.part(found.id).exists):
                    await self._quietly("media_not_kept", found.id, partial(self._end, found, Status.INTERRUPTED))
                else:
                    missing.append(found.key)
            if missing:
                await self._store.write(partial(_failed, tuple(missing)))
                for _ in missing:
                    self._on_end(Status.FAILED.value, 0)
            if len(page) < _PAGE:
                return
            place = (page[-1].opened, page[-1].key)

    async def _quietly(self, event: str, recording: str, doing: Callable[[], Awaitable[object]]) -> None:
        """Do something for one recording; what fails is told, tried again later, and no harm to the others."""
        try:
            await doing()
        except RecorderError as error:
            log.error(event, recording=recording, problem=error.problem, detail=error.detail)  # noqa: TRY400 - where it was raised says nothing


def allow_many_files() -> None:
    """Let this process open as many files as it may: each upload takes two (Linux gives 1,024 unless asked)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _kept(recording: str, rows: Reading) -> KeptRecording | None:
    return rows.recording(recording, EVERYTHING)


def _useless(recordings: Sequence[str], rows: Reading) -> set[str]:
    """Those that were removed, or have their media."""

    def is_useless(recording: str) -> bool:
        kept = rows.recording(recording, EVERYTHING)
        return rows.tombstone(recording) is not None if kept is None else kept.media is not None

    return set(filter(is_useless, recordings))


def _page(search: Search, place: Place | None, rows: Reading) -> list[KeptRecording]:
    return rows.search(search, EVERYTHING, place, _PAGE)


def _failed(keys: tuple[int, ...], rows: Writing) -> None:
    rows.set_status(keys, Status.FAILED)
