"""Which call types are recorded: the test of RecordingFilter, given what is known about the call.

Two pairs of boxes (internal and external, inbound and outbound) and one toggle: OR inside a pair, AND across pairs. How
scope and direction are found is in `facts`.
"""

from dataclasses import dataclass

from callkeeper.kinds.terms import UnknownDirection
from callkeeper.policy.call import CallKind, Direction, Scope
from callkeeper.policy.config import FilterSection
from callkeeper.policy.decision import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a filter does not let a call pass.

    Attributes:
        reason: which of the three tests refused.
        field: the field of `RecordingFilter.spec` that did.
        message: the same in words.
    """

    reason: Reason
    field: str
    message: str


KIND_OFF = Refusal(
    reason=Reason.FILTERED_KIND,
    field="groupMeetingAndUnparked",
    message="group, meeting and unparked calls are not recorded",
)
INTERNAL_OFF = Refusal(reason=Reason.FILTERED_SCOPE, field="internal", message="internal calls are not recorded")
EXTERNAL_OFF = Refusal(reason=Reason.FILTERED_SCOPE, field="external", message="external calls are not recorded")
INBOUND_OFF = Refusal(reason=Reason.FILTERED_DIRECTION, field="inbound", message="inbound calls are not recorded")
OUTBOUND_OFF = Refusal(reason=Reason.FILTERED_DIRECTION, field="outbound", message="outbound calls are not recorded")
UNKNOWN_OFF = Refusal(
    reason=Reason.FILTERED_DIRECTION,
    field="unknownDirection",
    message="calls whose direction is not known are not recorded",
)
REFUSALS = (KIND_OFF, INTERNAL_OFF, EXTERNAL_OFF, INBOUND_OFF, OUTBOUND_OFF, UNKNOWN_OFF)


def has_direction(kind: CallKind) -> bool:
    """Whether calls of this kind have a direction; group and meeting calls have none and skip that test."""
    return kind is CallKind.PEER_TO_PEER or kind is CallKind.UNPARKED


def refusal(section: FilterSection, kind: CallKind, scope: Scope, direction: Direction) -> Refusal | None:
    """The first test the call fails (kind, scope, direction), or None when the filter lets it pass."""
    if kind is not CallKind.PEER_TO_PEER and not section.group_meeting_and_unparked:
        return KIND_OFF
    if scope is Scope.INTERNAL:
        if not section.internal:
            return INTERNAL_OFF
    elif not section.external:
        return EXTERNAL_OFF
    if not has_direction(kind):
        return None
    return _direction_refusal(section, direction)


def _direction_refusal(section: FilterSection, direction: Direction) -> Refusal | None:
    match direction:
        case Direction.INBOUND:
            return None if section.inbound else INBOUND_OFF
        case Direction.OUTBOUND:
            return None if section.outbound else OUTBOUND_OFF
        case Direction.UNKNOWN:
            return None if section.unknown_direction is UnknownDirection.RECORD else UNKNOWN_OFF
