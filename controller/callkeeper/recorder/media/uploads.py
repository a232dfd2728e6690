"""What is done with uploads: whose bytes are taken, how media is completed, let go of and abandoned.

Which uploads are open, and how one is taken up, is `open_uploads`; what becomes of the files is `publishing`.

Facts:
    - One sender per recording: a request that continues where what has arrived ends takes over from an earlier one,
      whose connection may be dead without anybody knowing.
    - Whether something is captured is asked for each piece, in the loop, where a pause takes effect: what comes after
      the pause was answered is not taken.
    - What nobody sends for a while is let go.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from callkeeper.recorder import bounds
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import RecorderError, Unprocessable
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.open_uploads import OpenUploads
from callkeeper.recorder.media.publishing import clear, drop, publish
from callkeeper.recorder.media.refusals import mismatch, see_captured, see_sender
from callkeeper.recorder.media.telling import keep_channels, keep_media
from callkeeper.recorder.media.upload import Standing, Upload
from callkeeper.recorder.store.port import Store
from callkeeper.recorder.store.recording import Media, Status

_NOBODY = object()
"""The sender of an upload whose recording was removed."""


class Uploads:
    """The uploads of a recorder; for one event loop."""

    def __init__(
        self,
        *,
        files: MediaFiles,
        store: Store,
        opened: OpenUploads,
        clock: Clock,
        on_end: Callable[[str, int], None] = lambda _result, _size: None,
    ) -> None:
        """Take uploads.

        Args:
            files: where media lies.
            store: told of what is complete.
            opened: those that are open, and others that can be.
            clock: tells the time.
            on_end: told how an upload ended, in a word, and its bytes.
        """
        self._files = files
        self._store = store
        self._open = opened
        self._clock = clock
        self._on_end = on_end

    async def standing(self, recording: str) -> Standing:
        """How much has arrived, and whether that is all.

        Raises:
            Unknown: there is no such recording.
            Conflict: it broke off, and its media is not taken any more.
            Full: too many uploads are open.
            StorageFault: it cannot be read.
        """
        found = await self._open.find(recording)
        return found if isinstance(found, Standing) else Standing(offset=found.accepted)

    async def begin(self, recording: str, offset: int, sender: object) -> Upload | Standing:
        """Somebody sends from this offset on, and is the one sender if what has arrived ends there.

        Returns:
            The upload; how it stands where it was complete before.

        Raises:
            Conflict: what has arrived does not end there, and as for `standing`.
            Unknown, Full, StorageFault: as for `standing`.
        """
        found = await self._open.find(recording)
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
        see_captured(self._open.live(upload.recording))
        offset = upload.accepted
        if offset + len(data) > bounds.MEDIA_BYTES:
            raise Unprocessable(
                "media-too-large",
                f"media of more than {bounds.MEDIA_BYTES} bytes is not taken",
                "end this upload with Upload-Complete: ?1 and no more bytes; what has arrived is kept",
            )
        upload.accepted += len(data)
        upload.touched = self._clock.now()
        await self._open.in_lane(upload, partial(upload.part.append, offset, data))

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
            media = await self._open.in_lane(upload, partial(publish, self._files, upload, self._clock.now()))
            live = self._open.live(upload.recording)
            segment = None if live is None else live[0]
            kept = await self._store.write(
                partial(keep_media, upload.recording, media, status, upload.touched, segment)
            )
            await self._open.in_lane(
                upload, partial(clear, self._files, upload, None if kept else media.path, self._clock.now())
            )
            self._open.forget(upload.recording)
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
        await self._open.in_lane(upload, upload.part.sync)
        if upload.sender is not None or upload.finishing or upload.accepted != before:
            return False
        self._open.forget(upload.recording)
        await self._open.in_lane(upload, upload.part.close)
        return True

    async def abandon(self, recordings: Sequence[str]) -> dict[str, str]:
        """Remove what has arrived of recordings that are being removed; who sends it is refused from now on.

        What is being completed just now is left: the store says there that the recording is gone, and the media goes.

        Returns:
            Those of which something could not be removed, and why.
        """
        opened = {one: upload for one in recordings if (upload := self._open.get(one)) is not None}
        failed = await asyncio.to_thread(drop, self._files, [one for one in recordings if one not in opened])
        for upload in opened.values():
            if upload.finishing or not self._open.forget(upload.recording):
                continue
            upload.sender = _NOBODY
            try:
                await self._open.in_lane(upload, partial(clear, self._files, upload, None, self._clock.now()))
            except RecorderError as error:
                failed[upload.recording] = error.detail
        return failed

    async def set_channels(self, recording: str, channels: tuple[str, ...]) -> None:
        """Keep who is on which channel, before the media is complete or after.

        Raises:
            Unknown: there is no such recording.
            Conflict: it broke off.
            Full: too many uploads are open.
            StorageFull, StorageFault: it is not kept.
        """
        found = await self._open.find(recording)
        if isinstance(found, Upload):
            await self._open.in_lane(found, partial(self._files.write_channels, recording, channels))
            return
        await self._store.write(partial(keep_channels, recording, channels))
