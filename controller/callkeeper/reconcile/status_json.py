"""Statuses as plain JSON values and back: as the API server holds them, and as `status.json` does.

Writing and reading them (a patch, a file) is the source's business.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compile import AcceptedReason
from callkeeper.reconcile.reasons import AnyReason, ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import Condition, ObjectStatus


def status_to_json(status: ObjectStatus) -> dict[str, Any]:
    """One object's status as the API holds it."""
    value: dict[str, Any] = {"observedGeneration": status.observed_generation}
    if status.revision is not None:
        value["revision"] = status.revision
    value["conditions"] = [
        {
            "type": condition.type.value,
            "status": condition.status.value,
            "reason": condition.reason.value,
            "message": condition.message,
            "observedGeneration": condition.observed_generation,
            "lastTransitionTime": instant_to_text(condition.last_transition_time),
        }
        for condition in status.conditions
    ]
    return value


@lru_cache(maxsize=1024)
def instant_to_text(instant: datetime) -> str:
    """RFC 3339 in UTC to the second, as the API server keeps it."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def status_from_json(key: ObjectKey, value: Mapping[str, Any]) -> ObjectStatus:
    """The status again.

    Raises:
        KeyError, TypeError, ValueError: it was not written by `status_to_json`.
    """
    conditions = tuple(
        _condition(
            one["type"],
            one["status"],
            one["reason"],
            one["message"],
            one["observedGeneration"],
            one["lastTransitionTime"],
        )
        for one in value["conditions"]
    )
    return ObjectStatus(
        key=key,
        observed_generation=value["observedGeneration"],
        conditions=conditions,
        revision=value.get("revision"),
    )


@lru_cache(maxsize=4096)
def _condition(kind: str, status: str, reason: str, message: str, generation: int, since: str) -> Condition:
    """Made once for all objects that say the same of the same instant: a push of thousands, say."""
    return Condition(
        type=ConditionType(kind),
        status=ConditionStatus(status),
        reason=_reason(reason),
        message=intern(message),  # thousands of objects say the same
        observed_generation=generation,
        last_transition_time=datetime.fromisoformat(since),
    )


def _reason(text: str) -> AnyReason:
    try:
        return Reason(text)
    except ValueError:
        return AcceptedReason(text)
