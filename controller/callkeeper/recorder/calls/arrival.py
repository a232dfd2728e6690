"""What a source tells of a call, and what follows where it leaves something unsaid: the kind and the direction."""

from dataclasses import dataclass, replace

from callkeeper.policy.call import Call, CallKind, Direction
from callkeeper.recorder.calls.segment import Segment

PEERS = 2
"""Those who take part in a call between peers; one more makes it a group call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The start of a segment, as told by a source.

    Attributes:
        call: what starts.
        parent: the segment it continues, or None.
        kind_stated: the source said which kind it is; else it follows from how many take part.
    """

    call: Call
    parent: str | None = None
    kind_stated: bool = True


def with_kind(call: Call, *, stated: bool) -> Call:
    """A third party makes a call between peers a group call, unless its source says what it is."""
    if stated or call.kind is not CallKind.PEER_TO_PEER or len(call.parties) <= PEERS:
        return call
    return replace(call, kind=CallKind.GROUP)


def with_direction(call: Call, parent: Segment | None) -> Call:
    """A retrieval from park has the direction of the parked segment, unless its source states one."""
    if parent is None or call.kind is not CallKind.UNPARKED or call.direction is not None:
        return call
    seen = (decision.facts.direction for decision in parent.decision.decisions)
    known = parent.call.direction or next((found for found in seen if found is not Direction.UNKNOWN), None)
    return replace(call, direction=known)
