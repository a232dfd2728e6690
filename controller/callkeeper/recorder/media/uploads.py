"""Uploads: which recording's media is arriving, from whom it is taken, and how it ends.

Facts:
    - One sender per recording: a request that continues where what has arrived ends takes over from an earlier one,
      whose connection may be dead without anybody knowing.
    - Whether something is captured is asked for each piece, in the loop, where a pause takes effect: what comes after
      the pause was answered is not taken.
    - What nobody sends for a while is let go: its file says all there is to know, and is taken up again when asked for.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

import structlog

from callkeeper.recorder import bounds
from callkeeper.recorder.calls.segment import Recording, Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Full, RecorderError, Unprocessable
from callkeeper.recorder.media.files import MediaFiles, is_recording_name
from callkeeper.recorder.media.lanes import Lanes
from callkeeper.recorder.media.part import NoRoom, OffsetLost, Part, Published
from callkeeper.recorder.media.recognition import UnknownContent
from callkeeper.recorder.media.refusals import (
    media_closed,
    mismatch,
    see_captured,
    see_sender,
    storage_error,
    unknown_recording,
)
from callkeeper.recorder.media.telling import keep_channels, keep_media
from callkeeper.recorder.store.port import Reading, Store
from callkeeper.recorder.store.recording import KeptRecording, Media, Status, key_of
from callkeeper.recorder.store.search import EVERYTHING

T = TypeVar("T")
log = structlog.get_logger()

_NOBODY = object()
"""The sender of an upload whose recording was removed."""


class Captures(Protocol):
    """What the calls know of recordings."""

    def captured(self, segment: str, ordinal: int) -> tuple[Segment, Recording] | None:
        """A recording of a segment in memory, as both are now; None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an upload stands.

    Attributes:
        offset: bytes that have arrived.
        complete: nothing more is awaited.
    """

    offset: int
    complete: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """Media on its way.

    Attributes:
        recording: its id.
        key: of the recording.
        opened: when the recording was.
        lane: where its bytes are written.
        part: what has arrived.
        touched: when bytes came last.
        accepted: bytes given to the lane.
        sender: who sends, any object; another one's bytes are not taken.
        finishing: it is being completed.
    """

    recording: str
    key: int
    opened: datetime
    lane: int
    part: Part
    touched: datetime
    accepted: int = 0
    sender: object = None
    finishing: bool = False


class Uploads:
    """The uploads of a recorder; for one event loop."""

    def __init__(
        self,
        *,
        files: MediaFiles,
        store: Store,
        lanes: Lanes,
        captures: Captures,
        clock: Clock,
        on_end: Callable[[str, int], None] = lambda _result, _size: None,
    ) -> None:
        """Take uploads.

        Args:
            files: where media lies.
            store: told of what is complete.
            lanes: where it is written.
            captures: tells of recordings in memory.
            clock: tells the time.
            on_end: told how an upload ended, in a word, and its bytes.
        """
        self._files = files
        self._store = store
        self._lanes = lanes
        self._captures = captures
        self._clock = clock
        self._on_end = on_end
        self._open: dict[str, Upload] = {}
        self._opening: dict[str, asyncio.Future[Upload | Standing]] = {}
        self._preparing: dict[str, asyncio.Future[None]] = {}
        self._lane = count()

    @property
    def all(self) -> tuple[Upload, ...]:
        """Those that are open."""
        return tuple(self._open.values())

    async def standing(self, recording: str) -> Standing:
        """How much has arrived, and whether that is all.

        Raises:
            Unknown: there is no such recording.
            Conflict: it broke off, and its media is not taken any more.
            Full: too many uploads are open.
            StorageFault: it cannot be read.
        """
        found = await self._found(recording)
        return found if isinstance(found, Standing) else Standing(offset=found.accepted)

    async def begin(self, recording: str, offset: int, sender: object) -> Upload | Standing:
        """Somebody sends from this offset on, and is the one sender if what has arrived ends there.

        Returns:
            The upload; how it stands where it was complete before.

        Raises:
            Conflict: what has arrived does not end there, and as for `standing`.
            Unknown, Full, StorageFault: as for `standing`.
        """
        found = await self._found(recording)
        if isinstance(found, Standing):
            if offset != found.offset:
                raise mismatch(found.offset, offset)
            return found
        if offset != found.accepted:
            raise mismatch(found.accepted, offset)
        found.sender = sender
        return found

    def leave(self, upload: Upload, sender: object) -> None:
        """This sender sends no more for now."""
        if upload.sender is sender:
            upload.sender = None

    async def take(self, upload: Upload, sender: object, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Conflict: somebody else sends now, nothing is captured just now, or the media is complete.
            Unprocessable: it is too much, or not what is taken.
            StorageFull: there is no room.
            StorageFault: the disk did not take it; `standing` says from where to send again.
        """
        see_sender(None if upload.finishing else upload.sender, sender)
        see_captured(self._live(upload.recording))
        offset = upload.accepted
        if offset + len(data) > bounds.MEDIA_BYTES:
            raise Unprocessable(
                "media-too-large",
                f"media of more than {bounds.MEDIA_BYTES} bytes is not taken",
                "end this upload with Upload-Complete: ?1 and no more bytes; what has arrived is kept",
            )
        upload.accepted += len(data)
        upload.touched = self._clock.now()
        await self.in_lane(upload, partial(upload.part.append, offset, data))

    async def finish(self, upload: Upload, sender: object, *, status: Status = Status.COMPLETE) -> Media | None:
        """Nothing more comes: give it its name, and tell the store.

        Args:
            upload: which.
            sender: who says so; None is the recorder itself.
            status: complete, or interrupted.

        Returns:
            What is stored; None where the recording has been removed meanwhile, and the media with it.

        Raises:
            Conflict: somebody else sends now.
            Unprocessable: nothing has arrived, or it is not what is taken.
            StorageFull: there is no room.
            StorageFault: it is not stored; finishing may be tried again.
        """
        see_sender(None if upload.finishing else upload.sender, sender)
        upload.finishing = True
        try:
            media = await self.in_lane(upload, partial(self._publish, upload))
            live = self._live(upload.recording)
            segment = None if live is None else live[0]
            kept = await self._store.write(
                partial(keep_media, upload.recording, media, status, upload.touched, segment)
            )
            await self.in_lane(upload, partial(self._clear, upload, None if kept else media.path))
            self._open.pop(upload.recording, None)
        finally:
            upload.finishing = False
        self._on_end(status.value if kept else "gone", media.bytes)
        return media if kept else None

    async def release(self, upload: Upload) -> bool:
        """Let go of an upload that nobody sends; what has arrived stays. False where somebody does after all.

        Raises:
            StorageFull, StorageFault: what has arrived is not known to be on disk.
        """
        before = upload.accepted
        await self.in_lane(upload, upload.part.sync)
        if upload.sender is not None or upload.finishing or upload.accepted != before:
            return False
        self._open.pop(upload.recording, None)
        await self.in_lane(upload, upload.part.close)
        return True

    async def abandon(self, recordings: Sequence[str]) -> dict[str, str]:
        """Remove what has arrived of recordings that are being removed; who sends it is refused from now on.

        What is being completed just now is left: the store says there that the recording is gone, and the media goes.

        Returns:
            Those of which something could not be removed, and why.
        """
        opened = [self._open[recording] for recording in recordings if recording in self._open]
        failed = await asyncio.to_thread(self._dropped, [one for one in recordings if one not in self._open])
        for upload in opened:
            if upload.finishing or self._open.pop(upload.recording, None) is None:
                continue
            upload.sender = _NOBODY
            try:
                await self.in_lane(upload, partial(self._clear, upload, None))
            except RecorderError as error:
                failed[upload.recording] = error.detail
        return failed

    def _dropped(self, recordings: Sequence[str]) -> dict[str, str]:
        failed = {}
        for recording in recordings:
            try:
                self._files.drop_part(recording)
            except OSError as error:
                failed[recording] = storage_error(error).detail
        return failed

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

    async def _begun_with(self, upload: Upload, filled: "asyncio.Future[None]") -> None:
        try:
            await filled
        except (UnknownContent, NoRoom, OSError) as error:
            # The recording goes on, without what came before, or with a part of it.
            log.error("beginning_not_kept", recording=upload.recording, error=str(error))  # noqa: TRY400 - where it was raised says nothing
        upload.accepted = upload.part.length
        self._open[upload.recording] = upload

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

    def _upload(self, recording: str, key: int, opened: datetime, lane: int) -> Upload:
        return Upload(
            recording=recording,
            key=key,
            opened=opened,
            lane=lane,
            part=Part(recording, self._files),
            touched=self._clock.now(),
        )

    async def set_channels(self, recording: str, channels: tuple[str, ...]) -> None:
        """Keep who is on which channel, before the media is complete or after.

        Raises:
            Unknown: there is no such recording.
            Conflict: it broke off.
            Full: too many uploads are open.
            StorageFull, StorageFault: it is not kept.
        """
        found = await self._found(recording)
        if isinstance(found, Upload):
            await self.in_lane(found, partial(self._files.write_channels, recording, channels))
            return
        await self._store.write(partial(keep_channels, recording, channels))

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

    async def _found(self, recording: str) -> Upload | Standing:
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

    async def _opened(self, recording: str) -> Upload | Standing:
        if not is_recording_name(recording):
            raise unknown_recording()

        def query(rows: Reading) -> tuple[KeptRecording | None, bool]:
            return rows.recording(recording, EVERYTHING), rows.tombstone(recording) is not None

        kept, buried = await self._store.read(query)
        live = self._live(recording)
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

    def _live(self, recording: str) -> tuple[Segment, Recording] | None:
        segment, _, ordinal = recording.rpartition("-")
        return self._captures.captured(segment, int(ordinal))

    def _publish(self, upload: Upload) -> Media:
        format_, duration, digest = upload.part.settle(upload.accepted)
        stored = self._files.publish(upload.recording, upload.opened, format_)
        upload.part.published = True
        size = upload.part.length
        self._files.write_manifest(stored, {"bytes": size, "sha256": digest}, self._clock.now())
        return Media(
            content_type=format_.content_type,
            bytes=size,
            duration=duration,
            sha256=digest,
            path=stored,
            channels=self._files.read_channels(upload.recording),
        )

    def _clear(self, upload: Upload, unwanted: str | None) -> None:
        upload.part.close()
        if unwanted is not None:
            for error in self._files.remove((unwanted,), self._clock.now()).values():
                raise error
        self._files.drop_part(upload.recording)
