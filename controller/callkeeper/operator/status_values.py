"""What an object's status is to be, as the API server holds it: pure.

Beyond what `reconcile` says (conditions, generation): counts of what is in force, the first revision that held this
generation, and the echo of the annotation that asked for a reconcile.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.registry import Entry
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType
from callkeeper.reconcile.status import ObjectStatus
from callkeeper.reconcile.status_json import instant_to_text, status_from_json, status_to_json

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What one recorder has in force, counted by object.

    Attributes:
        entries: patterns and ranges.
        overrides: users' modes.
        objects: settings objects with something in force.
    """

    entries: Mapping[str, int]
    overrides: Mapping[str, int]
    objects: int

    @classmethod
    def of(cls, config: RecorderConfig | None) -> "InForce":
        """Count."""
        if config is None:
            return cls(entries={}, overrides={}, objects=0)
        entries = Counter(text for text, _ in {(entry.object, entry.entry) for entry in config.blacklist})
        overrides = Counter(override.object for override in config.policy.overrides)
        single = {config.policy.object, config.filter.object, config.retention.object, config.audit.object} - {None}
        return cls(entries=entries, overrides=overrides, objects=len({*entries, *overrides, *single}))


def known_status(key: ObjectKey, entry: Entry) -> ObjectStatus | None:
    """The status an object carries; None where nobody has said anything of it yet."""
    if entry.known is None:
        try:
            entry.known = status_from_json(key, entry.status_value)
        except (KeyError, TypeError, ValueError):
            return None  # the defaults of its creation, or another release's
    return entry.known


class KnownStatuses(Mapping[ObjectKey, ObjectStatus]):
    """The statuses that objects carry, read when they are asked for: few of five thousand are."""

    def __init__(self, entries: Mapping[ObjectKey, Entry]) -> None:
        self._entries = entries

    def __getitem__(self, key: ObjectKey) -> ObjectStatus:
        """The status of one object; KeyError where nobody has said anything of it yet."""
        found = known_status(key, self._entries[key])
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def programmed_before(entry: Entry) -> tuple[str | None, int]:
    """Revision and epoch that a Recorder's status says were programmed last; None and 0 where it says nothing."""
    value = entry.status_value
    return value.get("revision"), int(value.get("epoch") or 0)


def status_value(
    status: ObjectStatus, entry: Entry, before: Json, *, in_force: InForce, outcome: Outcome, now: datetime
) -> Json:
    """The whole status of one object after a reconcile; `before` is the one it carries."""
    value = status_to_json(status)
    value.pop("revision", None)
    if status.key.kind == "Recorder":
        value |= _recorder_value(before, in_force, outcome, now)
    else:
        value |= _settings_value(status, before, in_force, outcome)
    return {name: one for name, one in value.items() if one is not None} | requested(entry)


def requested(entry: Entry) -> Json:
    """The echo of the annotation that asks for a reconcile."""
    return {"lastHandledReconcileAt": entry.requested_at[:256]} if entry.requested_at else {}


def _recorder_value(before: Json, in_force: InForce, outcome: Outcome, now: datetime) -> Json:
    same = before.get("revision") == outcome.revision and "programmedAt" in before
    programmed_at = before.get("programmedAt") if same else instant_to_text(now)
    return {
        "revision": outcome.revision,
        "programmedAt": programmed_at if outcome.revision else None,
        "observedRevision": outcome.state.revision if outcome.state else before.get("observedRevision"),
        "epoch": _epoch(before, outcome, same=same),
        "settings": in_force.objects if outcome.in_force is not None else before.get("settings"),
    }


def _epoch(before: Json, outcome: Outcome, *, same: bool) -> int | None:
    """The recorder's word for the epoch, where it was asked; the same settings under a later term are no news."""
    if outcome.state is not None and outcome.state.revision == outcome.revision:
        return outcome.state.epoch or None
    return before.get("epoch") if same else None


def _settings_value(status: ObjectStatus, before: Json, in_force: InForce, outcome: Outcome) -> Json:
    programmed = status.condition(ConditionType.PROGRAMMED)
    there = programmed is not None and programmed.status is ConditionStatus.TRUE
    same = before.get("observedGeneration") == status.observed_generation
    revision = before.get("revision")
    if there and (revision is None or not same):
        revision = outcome.revision
    value: Json = {"revision": revision}
    if status.key.kind in {"UserPolicy", "RecordingPolicy"}:
        value["overrides"] = _count(in_force.overrides, status.key, outcome, before.get("overrides"))
    if status.key.kind == "Blacklist":
        value["entries"] = _count(in_force.entries, status.key, outcome, before.get("entries"))
    return value


def _count(counts: Mapping[str, int], key: ObjectKey, outcome: Outcome, before: int | None) -> int | None:
    return counts.get(str(key), 0) if outcome.in_force is not None else before
