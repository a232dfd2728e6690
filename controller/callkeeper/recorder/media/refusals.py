"""What is answered to who sends or wants media, where it cannot be."""

import errno

from callkeeper.recorder.calls.segment import Recording, Segment
from callkeeper.recorder.errors import Conflict, StorageFault, StorageFull, Unknown
from callkeeper.recorder.media.part import NoRoom

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def see_captured(live: tuple[Segment, Recording] | None) -> None:
    """See that a recording is not suspended just now; one that has ended, or is not in memory, is not.

    Raises:
        Conflict: it is.
    """
    if live is None or live[1].closed is not None or live[1].stretches[-1].ended is None:
        return
    reason = live[1].stretches[-1].ended_by
    raise Conflict(
        "capture-suspended",
        f"nothing is captured just now ({reason}); the bytes were not taken",
        "send what is captured when it goes on, from the same offset",
        {"reason": reason},
    )


def see_sender(sending: object, sender: object) -> None:
    """See that nobody else has gone on where this one was.

    Raises:
        Conflict: somebody has.
    """
    if sending is sender:
        return
    raise Conflict(
        "upload-superseded",
        "another request goes on with this upload",
        "let that one go on; HEAD tells how much has arrived",
    )


def mismatch(here: int, provided: int) -> Conflict:
    """What is answered to who sends from another offset."""
    return Conflict(
        "mismatching-upload-offset",
        f"{here} bytes have arrived, and what was sent begins at {provided}",
        "send from `expectedOffset` on",
        {"expectedOffset": here, "providedOffset": provided},
    )


def media_closed() -> Conflict:
    """What is answered to who sends more of what has ended."""
    return Conflict(
        "media-closed",
        "the media of this recording is stored and takes nothing more",
        "nothing; see the recording for how it stands",
    )


def unknown_recording() -> Unknown:
    """What is answered for a recording that is not there, and for one that is not the asker's."""
    return Unknown(
        "unknown-recording",
        "there is no such recording, or it is not yours",
        "a call that is not recorded has none; GET /v1/calls/{segment} says why",
    )


def storage_error(error: BaseException) -> StorageFault:
    """What is answered when the media folder cannot take or give something."""
    if isinstance(error, NoRoom) or (isinstance(error, OSError) and error.errno in _FULL):
        return StorageFull("there is no room for media", "make room on the disk of the media folder, then try again")
    reason = error.strerror if isinstance(error, OSError) else None
    return StorageFault(
        f"the media folder cannot be used ({reason or type(error).__name__})",
        "see that its disk can be written, then go on from the offset that HEAD tells",
    )
