"""Which uploads are open, how one is taken up, and the lane in which its bytes are written.

What is done with an upload, and by whom, is `uploads`.

Facts:
    - An upload that nobody has open is no less: its file says all there is to know, and is taken up again when it is
      asked for.
    - A recording that reaches back begins with what was kept before its start; who asks for it meanwhile waits.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

import structlog

from callkeeper.recorder import bounds
from callkeeper.recorder.calls.segment import Recording, Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Full, Unprocessable
from callkeeper.recorder.media.files import MediaFiles, is_recording_name
from callkeeper.recorder.media.lanes import Lanes
from callkeeper.recorder.media.part import NoRoom, OffsetLost, Part, Published
from callkeeper.recorder.media.recognition import UnknownContent
from callkeeper.recorder.media.refusals import media_closed, mismatch, storage_error, unknown_recording
from callkeeper.recorder.media.upload import Standing, Upload
from callkeeper.recorder.store.port import Reading, Store
from callkeeper.recorder.store.recording import KeptRecording, Status, key_of
from callkeeper.recorder.store.search import EVERYTHING

T = TypeVar("T")
log = structlog.get_logger()


class Captures(Protocol):
    """What the calls know of recordings."""

    def captured(self, segment: str, ordinal: int) -> tuple[Segment, Recording] | None:
        """A recording of a segment in memory, as both are now; None where there is none."""
        ...


class OpenUploads:
    """The open uploads of a recorder; for one event loop."""

    def __init__(self, *, files: MediaFiles, store: Store, lanes: Lanes, captures: Captures, clock: Clock) -> None:
        """None is open yet.

        Args:
            files: where media lies.
            store: tells of recordings.
            lanes: where it is written.
            captures: tells of recordings in memory.
            clock: tells the time.
        """
        self._files = files
        self._store = store
        self._lanes = lanes
        self._captures = captures
        self._clock = clock
        self._open: dict[str, Upload] = {}
        self._opening: dict[str, asyncio.Future[Upload | Standing]] = {}
        self._preparing: dict[str, asyncio.Future[None]] = {}
        self._lane = count()

    @property
    def all(self) -> tuple[Upload, ...]:
        """Those that are open."""
        return tuple(self._open.values())

    def get(self, recording: str) -> Upload | None:
        """The upload, where it is open."""
        return self._open.get(recording)

    def forget(self, recording: str) -> bool:
        """It is not open any more; False where it was not."""
        return self._open.pop(recording, None) is not None

    async def find(self, recording: str) -> Upload | Standing:
        """The upload, taken up where nobody has it open; how it stands where it was complete before.

        Raises:
            Unknown: there is no such recording.
            Conflict: it broke off, and its media is not taken any more.
            Full: too many uploads are open.
            StorageFault: it cannot be read.
        """
        preparing = self._preparing.get(recording)
        if preparing is not None:
            await asyncio.wait((preparing,))
        found = self._open.get(recording)
        if found is not None:
            return found
        opening = self._opening.get(recording)
        if opening is None:
            opening = asyncio.ensure_future(self._opened(recording))
            self._opening[recording] = opening
            opening.add_done_callback(lambda _: self._opening.pop(recording, None))
        return await asyncio.shield(opening)

    async def open(self, recording: str, key: int, opened: datetime) -> Upload:
        """Take up what has arrived of this recording, from nothing on.

        Raises:
            StorageFull, StorageFault: it cannot be read.
        """
        upload = self._upload(recording, key, opened, next(self._lane))
        await self.in_lane(upload, upload.part.resume)
        upload.accepted = upload.part.length
        self._open[recording] = upload
        return upload

    def begin_with(self, recording: str, key: int, opened: datetime, lane: int, fill: Callable[[Part], None]) -> None:
        """Let a recording that was just opened begin with what is kept elsewhere; who asks for it waits until it does.

        Args:
            recording: its id.
            key: of the recording.
            opened: when it was.
            lane: in which the filling is done, after all that was given there before.
            fill: appends to the part what there is.
        """
        upload = self._upload(recording, key, opened, lane)
        preparing = asyncio.ensure_future(self._begun_with(upload, self._lanes.run(lane, partial(fill, upload.part))))
        self._preparing[recording] = preparing
        preparing.add_done_callback(lambda _: self._preparing.pop(recording, None))

    async def in_lane(self, upload: Upload, job: Callable[[], T]) -> T:
        """Do this with the upload's part, after all that was given before.

        Raises:
            Conflict, Unprocessable, StorageFull, StorageFault: as the part's errors mean to who sends.
        """
        try:
            return await self._lanes.run(upload.lane, job)
        except OffsetLost as error:
            provided, upload.accepted = upload.accepted, upload.part.length
            raise mismatch(upload.accepted, provided) from error
        except Published as error:
            upload.accepted = upload.part.length
            raise media_closed() from error
        except UnknownContent as error:
            self._open.pop(upload.recording, None)
            upload.accepted = 0
            raise Unprocessable("unsupported-media", f"{error}; nothing of it was kept", "send one of these") from error
        except (NoRoom, OSError) as error:
            upload.accepted = upload.part.length
            raise storage_error(error) from error

    def live(self, recording: str) -> tuple[Segment, Recording] | None:
        """The recording and its segment, as calls have them in memory; None where they do not."""
        segment, _, ordinal = recording.rpartition("-")
        return self._captures.captured(segment, int(ordinal))

    async def _opened(self, recording: str) -> Upload | Standing:
        if not is_recording_name(recording):
            raise unknown_recording()

        def query(rows: Reading) -> tuple[KeptRecording | None, bool]:
            return rows.recording(recording, EVERYTHING), rows.tombstone(recording) is not None

        kept, buried = await self._store.read(query)
        live = self.live(recording)
        if buried or (kept is None and live is None):
            raise unknown_recording()
        if kept is not None and kept.media is not None:
            if kept.status is not Status.COMPLETE:
                raise media_closed()
            return Standing(offset=kept.media.bytes, complete=True)
        if len(self._open) >= bounds.UPLOADS:
            raise Full(
                "too-many-uploads",
                f"{bounds.UPLOADS} uploads are open, the most this recorder takes",
                "try again when others have ended",
            )
        if kept is not None:
            return await self.open(recording, kept.key, kept.opened)
        assert live is not None
        return await self.open(recording, key_of(live[0].number, live[1].ordinal), live[1].opened)

    async def _begun_with(self, upload: Upload, filled: "asyncio.Future[None]") -> None:
        try:
            await filled
        except (UnknownContent, NoRoom, OSError) as error:
            # The recording goes on, without what came before, or with a part of it.
            log.error("beginning_not_kept", recording=upload.recording, error=str(error))  # noqa: TRY400 - where it was raised says nothing
        upload.accepted = upload.part.length
        self._open[upload.recording] = upload

    def _upload(self, recording: str, key: int, opened: datetime, lane: int) -> Upload:
        return Upload(
            recording=recording,
            key=key,
            opened=opened,
            lane=lane,
            part=Part(recording, self._files),
            touched=self._clock.now(),
        )
