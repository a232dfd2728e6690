"""What is answered to who tells of a call, or acts on one, where it cannot be."""

from callkeeper.policy.decision import Decision
from callkeeper.recorder import bounds
from callkeeper.recorder.errors import Conflict, Full, Unknown


def unknown_segment() -> Unknown:
    """What is answered for a segment that is not there, and for one that is not the asker's."""
    return Unknown(
        "unknown-segment",
        "there is no such segment, or it is not yours",
        "GET /v1/calls lists those in memory (open ones, and the last that ended)",
    )


def segment_ended() -> Conflict:
    """What is answered to who changes a segment that is over."""
    return Conflict("segment-ended", "this segment has ended", "start a new segment of the conversation")


def segment_exists(segment: str) -> Conflict:
    """What is answered to who starts as something else what is open already."""
    return Conflict(
        "segment-exists",
        "a segment with this nativeId is open and was started with another body",
        "send changes to :update, end the open segment first, or use another nativeId",
        {"segment": segment},
    )


def other_conversation() -> Conflict:
    """What is answered to who continues a segment of another conversation."""
    return Conflict(
        "other-conversation",
        "the parent segment belongs to another conversation",
        "send the conversation of the parent; all segments of a conversation share it",
    )


def too_many_segments() -> Full:
    """What is answered to who starts one more than the recorder holds."""
    return Full(
        "too-many-open-segments",
        f"{bounds.OPEN_SEGMENTS} segments are open, the most this recorder holds",
        "end segments that are over; the call itself is not affected",
    )


def start_refused(decision: Decision) -> Conflict:
    """What is answered to who starts what the settings do not let them record."""
    return Conflict(
        "start-refused",
        f"this call is not recorded: {decision.deciding.message}",
        "nothing; the setting named in `source` decides",
        {"reason": decision.reason.value, "source": None if decision.source is None else str(decision.source)},
    )


def too_many_recordings() -> Conflict:
    """What is answered to who starts once more than a segment takes."""
    return Conflict(
        "too-many-recordings",
        f"this segment has {bounds.RECORDINGS_PER_USER} recordings of this user",
        "end the segment and start a new one of the conversation",
    )


def automatic_recording() -> Conflict:
    """What is answered to who stops what the settings ask for."""
    return Conflict(
        "automatic-recording",
        "this recording was not started by its user and cannot be stopped by them",
        "nothing; the settings ask for it (see the decision's source)",
    )


def not_recording() -> Conflict:
    """What is answered to who pauses where nothing is captured."""
    return Conflict("not-recording", "nothing of this call is being recorded", "nothing; there is nothing to pause")
