"""Media of calls that nobody has started to record yet, kept so that a start can reach back (`capture: WholeCall`).

Facts:
    - It lies in files without a name, on the disk of the media folder: nobody can open them, not even the recorder once
      they are closed, and a process that dies leaves none behind. What was in them stays in free blocks of the disk
      until those are written again, as with every deleted file.
    - Taken only while somebody may still start, and bounded in bytes and in time. It is gone as soon as nobody may:
      everybody has started, the decision has become no, the segment has ended. What came after such a time would stand
      behind what came before it, with a hole that nobody sees.
    - A start copies what is there into the recording it opens; the media that follows is sent to that recording.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Protocol

from callkeeper.recorder import bounds
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Conflict, Full, Unprocessable
from callkeeper.recorder.files import GrowingFile
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.lanes import Lanes
from callkeeper.recorder.media.open_uploads import OpenUploads
from callkeeper.recorder.media.part import MEDIA_RESERVE_BYTES, NoRoom, Part
from callkeeper.recorder.media.recognition import UnknownContent, recognise
from callkeeper.recorder.media.refusals import mismatch, see_sender, storage_error
from callkeeper.recorder.store.recording import key_of, recording_id

_BLOCK_BYTES = 1024 * 1024


class Waiting(Protocol):
    """What the calls know of segments that wait for a start."""

    def get(self, identifier: str) -> Segment:
        """The segment.

        Raises:
            Unknown: there is none.
        """
        ...

    def is_buffering(self, identifier: str) -> bool:
        """Whether somebody may still start it and would keep it from its start.

        Raises:
            Unknown: there is none.
        """
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Buffer:
    """What has come of one segment.

    Attributes:
        segment: its id.
        lane: where it is written; what is copied from it is copied there.
        accepted: bytes given to the lane.
        sender: who sends; another one's bytes are not taken.
        file: where it is, from the first byte whose format is known.
        head: what has come before that.
        fed: recordings that begin with it.
    """

    segment: str
    lane: int
    accepted: int = 0
    sender: object = None
    file: GrowingFile | None = None
    head: bytes = b""
    fed: set[str] = field(default_factory=set)


class Buffers:
    """The buffers of a recorder; for one event loop."""

    def __init__(
        self,
        *,
        files: MediaFiles,
        lanes: Lanes,
        uploads: OpenUploads,
        calls: Waiting,
        clock: Clock,
        reserve_bytes: int = MEDIA_RESERVE_BYTES,
    ) -> None:
        self._files = files
        self._lanes = lanes
        self._uploads = uploads
        self._calls = calls
        self._clock = clock
        self._reserve_bytes = reserve_bytes
        self._open: dict[str, Buffer] = {}
        self._lane = count()

    @property
    def open_count(self) -> int:
        """How many hold something."""
        return len(self._open)

    def offset(self, segment: str) -> int:
        """How much is kept of a segment.

        Raises:
            Unknown: there is no such segment.
            Conflict: nothing of it is kept before a start.
        """
        self._see_waiting(segment)
        found = self._open.get(segment)
        return 0 if found is None else found.accepted

    def begin(self, segment: str, offset: int, sender: object) -> Buffer:
        """Somebody sends from this offset on.

        Raises:
            Unknown: there is no such segment.
            Conflict: nothing of it is kept before a start, or what is ends elsewhere.
            Full: too many are kept.
        """
        here = self.offset(segment)
        if here != offset:
            raise mismatch(here, offset)
        found = self._open.get(segment)
        if found is None:
            if len(self._open) >= bounds.UPLOADS:
                raise Full(
                    "too-many-uploads",
                    f"the media of {bounds.UPLOADS} calls is kept, the most this recorder does",
                    "try again when others have ended",
                )
            found = self._open[segment] = Buffer(segment=segment, lane=next(self._lane))
        found.sender = sender
        return found

    async def take(self, buffer: Buffer, sender: object, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Unknown: the segment was forgotten.
            Conflict: somebody else sends now, or nothing is kept any more.
            Unprocessable: it is not what is taken.
            StorageFull, StorageFault: it was not written; the buffer begins anew.
        """
        found = self._see_waiting(buffer.segment)
        see_sender(buffer.sender, sender)
        over = self._clock.now() - found.started > timedelta(seconds=bounds.BUFFERED_SECONDS)
        if over or buffer.accepted + len(data) > bounds.BUFFERED_BYTES:
            raise Conflict(
                "buffer-full",
                f"{bounds.BUFFERED_BYTES} bytes or {bounds.BUFFERED_SECONDS} s of a call are kept before a start",
                "send what follows to the recording, once somebody has started it",
            )
        buffer.accepted += len(data)
        try:
            await self._lanes.run(buffer.lane, partial(self._append, buffer, data))
        except UnknownContent as error:
            self._destroy(buffer)
            raise Unprocessable("unsupported-media", f"{error}; nothing of it was kept", "send one of these") from error
        except (NoRoom, OSError) as error:
            self._destroy(buffer)
            raise storage_error(error) from error

    def follow(self, segment: Segment) -> None:
        """A segment has changed: recordings that reach back begin with what is kept; where nobody waits it goes."""
        buffer = self._open.get(segment.id)
        if buffer is None:
            return
        for name, opened in _reaching_back(segment):
            if name not in buffer.fed:
                buffer.fed.add(name)
                key = key_of(segment.number, int(name.rpartition("-")[2]))
                self._uploads.begin_with(name, key, opened, buffer.lane, partial(_copy, buffer))
        if not self._calls.is_buffering(segment.id):
            self._destroy(buffer)

    async def close(self) -> None:
        """Destroy all there is."""
        for buffer in tuple(self._open.values()):
            self._destroy(buffer)

    def _see_waiting(self, segment: str) -> Segment:
        found = self._calls.get(segment)
        if self._calls.is_buffering(segment):
            return found
        recordings = [name for name, _ in _reaching_back(found)]
        if found.ended is None and recordings:
            raise Conflict(
                "recording-started",
                "this call is being recorded",
                "send what follows to the media of its `recordings`, from the offset that HEAD tells",
                {"recordings": recordings},
            )
        raise Conflict(
            "not-buffered",
            "nothing of this call is kept before a start",
            "nothing; it has ended, is not recorded, or is captured from the start on (RecordingPolicy, `capture`)",
            {"reason": found.decision.reason.value},
        )

    def _append(self, buffer: Buffer, data: bytes) -> None:
        if buffer.file is None:
            buffer.head += data
            if recognise(buffer.head, complete=False) is None:
                return
            self._see_room()
            buffer.file = self._files.open_buffer()
            data, buffer.head = buffer.head, b""
        before = buffer.file.size()
        if before // _BLOCK_BYTES != (before + len(data)) // _BLOCK_BYTES:
            self._see_room()
        buffer.file.append(data)

    def _see_room(self) -> None:
        if self._files.free_bytes() < self._reserve_bytes:
            raise NoRoom

    def _destroy(self, buffer: Buffer) -> None:
        self._open.pop(buffer.segment, None)
        buffer.sender = None
        # Behind everything that was given to its lane, copies included.
        closing = self._lanes.run(buffer.lane, partial(_close, buffer))
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())


def _reaching_back(segment: Segment) -> Iterator[tuple[str, datetime]]:
    """Open recordings that keep the call from its start."""
    for user in segment.users.values():
        found = user.open_recording
        if found is not None and found.whole_call:
            yield recording_id(segment.id, found.ordinal), found.opened


def _copy(buffer: Buffer, part: Part) -> None:
    if buffer.file is None:
        if buffer.head:
            part.append(0, buffer.head)
        return
    place = 0
    while block := buffer.file.read(place, _BLOCK_BYTES):
        part.append(place, block)
        place += len(block)


def _close(buffer: Buffer) -> None:
    file, buffer.file, buffer.head = buffer.file, None, b""
    if file is not None:
        with suppress(OSError):
            file.close()
