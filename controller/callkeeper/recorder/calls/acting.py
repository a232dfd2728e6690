"""How what somebody does to a recording of a call is committed: what the segment becomes, and the row of who did it.

In one transaction, and before anything is changed in memory. What sources tell of calls leaves no row and does not
wait; that is `ongoing`.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from callkeeper.audit.actions import Action
from callkeeper.policy.config_json import revision
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.calls.segment import Segment

_NOTHING: Mapping[str, object] = MappingProxyType({})


async def act(
    audit: AuditSink,
    action: Action,
    after: Segment,
    user: str | None,
    *,
    at: datetime,
    actor: Actor,
    more: Mapping[str, object] = _NOTHING,
) -> None:
    """Write what a segment becomes, together with the row of who did it.

    Args:
        audit: takes the row.
        action: what is done.
        after: the segment as it will be.
        user: to whose recording; None for all of the segment.
        at: the instant.
        actor: who does it.
        more: of the row's details.

    Raises:
        AuditFault: it could not be committed; nothing is to be done.
    """
    details = {**details_of(after, user), **more}
    await audit.act(lambda rows: rows.save_segments((after,)), action, at=at, actor=actor, details=details)


def details_of(segment: Segment, user: str | None) -> dict[str, object]:
    """What a row says of the recordings of a segment, or of this user's: which, and under which settings."""
    details: dict[str, object] = {"segment": segment.id}
    if user is not None:
        details["user"] = user
    return details if segment.config is None else details | {"revision": revision(segment.config)}
