"""`status.json`: the status of every object as of the last reconcile, for `callkeeper show` and for scripts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.local.files import write_file
from callkeeper.policy.compile import AcceptedReason
from callkeeper.reconcile.reasons import AnyReason, ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import Condition, ObjectStatus, Statuses

FILE = "status.json"
VERSION = 1


def status_json(statuses: Statuses) -> dict[str, Any]:
    """All statuses as plain JSON values, by object."""
    return {
        "version": VERSION,
        "objects": {str(key): object_json(status) for key, status in sorted(statuses.items())},
    }


def object_json(status: ObjectStatus) -> dict[str, Any]:
    """One object's status as the API would hold it."""
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
            "lastTransitionTime": condition.last_transition_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for condition in status.conditions
    ]
    return value


class StatusFile:
    """Writes the file when, and only when, a status changed."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        try:
            self._written = self._path.read_bytes()
        except OSError:
            self._written = b""

    def write(self, statuses: Statuses) -> None:
        """Write these statuses.

        Raises:
            OSError: they cannot be written; what was there stands.
        """
        data = json.dumps(status_json(statuses), indent=1, ensure_ascii=False).encode() + b"\n"
        if data != self._written:
            write_file(self._path, data, durable=False)
            self._written = data


def read_statuses(state: Path) -> dict[ObjectKey, ObjectStatus]:
    """The statuses as last written; none where there is no file, or not one of ours."""
    try:
        value = json.loads((state / FILE).read_bytes())
        if value["version"] != VERSION:
            return {}
        return {ObjectKey.parse(text): _status(ObjectKey.parse(text), one) for text, one in value["objects"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _status(key: ObjectKey, value: Mapping[str, Any]) -> ObjectStatus:
    conditions = tuple(
        Condition(
            type=ConditionType(one["type"]),
            status=ConditionStatus(one["status"]),
            reason=_reason(one["reason"]),
            message=one["message"],
            observed_generation=one["observedGeneration"],
            last_transition_time=datetime.fromisoformat(one["lastTransitionTime"]),
        )
        for one in value["conditions"]
    )
    return ObjectStatus(
        key=key,
        observed_generation=value["observedGeneration"],
        conditions=conditions,
        revision=value.get("revision"),
    )


def _reason(text: str) -> AnyReason:
    try:
        return Reason(text)
    except ValueError:
        return AcceptedReason(text)
