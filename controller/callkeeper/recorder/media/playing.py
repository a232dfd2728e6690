"""Giving media out: to whom was seen to before; here it is found, told by whom it is heard, and read in pieces.

Facts:
    - A play is audited once, when its first byte is asked for, and again after a quarter of an hour without a request:
      a player asks for one recording in dozens of ranges, and jumping about in it is one act. Which byte comes first
      does not matter, so that nobody hears anything by beginning at the second. A download is audited every time.
    - The row is durable before the first byte leaves.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

from callkeeper.audit.actions import Action
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Unknown
from callkeeper.recorder.media.files import MediaFiles, open_for_reading
from callkeeper.recorder.store.recording import KeptRecording, Media

PLAY_SECONDS = 15 * 60
"""A play goes on until nothing was asked for this long: longer than anybody pauses without walking away."""

PLAYS = 10_000
"""Plays remembered at once; the one that was silent longest is forgotten first, and audited again when it goes on."""

BLOCK_BYTES = 256 * 1024
"""Read and sent at a time: 30 s of G.711, and all the memory a listener takes."""


class Playing:
    """Plays and downloads."""

    def __init__(self, files: MediaFiles, audit: AuditSink, clock: Clock) -> None:
        self._files = files
        self._audit = audit
        self._clock = clock
        self._plays: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    async def open(self, recording: str, media: Media) -> int:
        """A descriptor of the stored file; whoever gets it closes it.

        Raises:
            Unknown: it has gone, or is not what was stored.
        """
        try:
            return await asyncio.to_thread(_opened, self._files.path(media.path), media.bytes)
        except (OSError, ValueError) as error:
            raise Unknown(
                "media-lost",
                f"the media of recording {recording} is not on its disk as it was stored",
                "run `callkeeper recorder check`; a backup may have it",
            ) from error

    async def audit_play(self, recording: KeptRecording, actor: Actor) -> None:
        """Say who plays it, unless that was said a while ago.

        Raises:
            AuditFault: it cannot be said, and must not be played.
        """
        key = (actor.principal.id, actor.ip_address, recording.id)
        now = self._clock.now()
        last = self._plays.get(key)
        if last is None or not timedelta(0) <= now - last < timedelta(seconds=PLAY_SECONDS):
            await self._audit.emit(Action.PLAY_RECORDING, at=now, actor=actor, details={"recording": recording.id})
        self._plays[key] = now
        self._plays.move_to_end(key)
        while len(self._plays) > PLAYS:
            self._plays.popitem(last=False)

    async def audit_download(self, recording: KeptRecording, count: int, actor: Actor) -> None:
        """Say who downloads it.

        Raises:
            AuditFault: it cannot be said, and must not be given out.
        """
        details = {"recording": recording.id, "bytes": count}
        await self._audit.emit(Action.DOWNLOAD_RECORDING, at=self._clock.now(), actor=actor, details=details)


async def blocks(descriptor: int, first: int, count: int) -> AsyncIterator[bytes]:
    """So many bytes from there on.

    Raises:
        ConnectionError: it is shorter than it was when it was opened; the connection breaks, as the length announced
            tells whoever listens.
    """
    while count > 0:
        block = await asyncio.to_thread(os.pread, descriptor, min(BLOCK_BYTES, count), first)
        if not block:
            raise ConnectionError("the file of a recording was cut while it was read")
        yield block
        first, count = first + len(block), count - len(block)


def _opened(path: Path, size: int) -> int:
    descriptor = open_for_reading(path)
    if os.fstat(descriptor).st_size != size:
        os.close(descriptor)
        raise OSError("it has another size than what was stored")
    return descriptor
