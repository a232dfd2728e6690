"""What the store is told of media, in its transactions: that a recording has it, and who is on which channel."""

from dataclasses import replace
from datetime import datetime

from callkeeper.policy.retention import clock_start
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.media.refusals import unknown_recording
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.recording import Media, Status
from callkeeper.recorder.store.search import EVERYTHING

_REMOVED_AT_ONCE = 100_000
"""Recordings that may be on their way out at once, looked through only where one is missing."""


def keep_media(
    recording: str, media: Media, status: Status, last_media: datetime, segment: Segment | None, rows: Writing
) -> bool:
    """Keep what media a recording has, of which nothing more comes.

    Args:
        recording: its id.
        media: what is stored.
        status: how the recording stands with it.
        last_media: when bytes came last.
        segment: as it is in memory, where it is; what calls decide is written behind them.
        rows: the store.

    Returns:
        False where the recording is being removed, or was.

    Raises:
        StorageFault: the store does not know the recording.
    """
    found = rows.recording(recording, EVERYTHING)
    if found is None and segment is not None:
        rows.save_segments((segment,))
        found = rows.recording(recording, EVERYTHING)
    if found is None:
        _see_removed(recording, rows)
        return False
    rows.set_media(found.key, media, status=status, last_media=last_media)
    if status is Status.INTERRUPTED and found.status is Status.INTERRUPTED:
        clock = clock_start(segment_ended_at=found.clock, interrupted=True, last_media_at=last_media)
        assert clock is not None
        rows.set_clock(found.key, clock)
    return True


def keep_channels(recording: str, channels: tuple[str, ...], rows: Writing) -> None:
    """Keep who is on which channel of media that is stored.

    Raises:
        Unknown: there is no such recording, or it has no media.
    """
    found = rows.recording(recording, EVERYTHING)
    if found is None or found.media is None or found.last_media is None:
        raise unknown_recording()
    media = replace(found.media, channels=channels)
    rows.set_media(found.key, media, status=found.status, last_media=found.last_media)


def _see_removed(recording: str, rows: Writing) -> None:
    """See that what the store does not show is missing because it was removed, or is being.

    Raises:
        StorageFault: it was never written, as when the store was away for long; its media must not go for that.
    """
    if rows.tombstone(recording) is None and all(one.id != recording for one in rows.unreachable(_REMOVED_AT_ONCE)):
        raise StorageFault(
            f"the store does not know recording {recording}", "tell an administrator; what has arrived is kept"
        )
