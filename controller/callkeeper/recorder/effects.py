"""What a candidate config would change: on the calls of the last 30 days, and on the recordings there are.

Nothing here changes anything. Calls are decided anew under both configs with the directory of now, so that only the
settings make the difference; the answer holds no numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from callkeeper.policy.call import Call
from callkeeper.policy.config import RecorderConfig, RetentionSection
from callkeeper.policy.config_json import to_json
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Decision
from callkeeper.policy.directory import Directory
from callkeeper.policy.retention import Hold
from callkeeper.policy.retention_change import RetentionEffects, StoredRecording, effects_of
from callkeeper.recorder import bounds
from callkeeper.recorder.store.port import Store
from callkeeper.recorder.store.retention import ExpiringRecording, KeptHold

Holds = Mapping[str, tuple[KeptHold, ...]]
"""By conversation, released ones too."""


async def on_recordings(
    store: Store, in_force: RecorderConfig | None, candidate: RecorderConfig, *, now: datetime
) -> RetentionEffects:
    """What replacing the config in force by the candidate at this instant does to the recordings there are, exactly.

    Raises:
        StorageFault: the store cannot be read.
    """
    return await store.read(lambda rows: effects_on(rows.expiring(), in_force, candidate, rows.all_holds(), now))


def effects_on(
    rows: Iterable[ExpiringRecording],
    in_force: RecorderConfig | None,
    candidate: RecorderConfig,
    holds: Holds,
    now: datetime,
) -> RetentionEffects:
    """The same of these recordings."""
    # Without a config nothing expires, as under the rule that nobody has changed.
    old = RetentionSection() if in_force is None else in_force.retention
    expiring = (
        StoredRecording(name=one.id, conversation=one.conversation, ended_at=one.clock, minimum_until=one.minimum_until)
        for one in rows
    )
    terms = {name: [_hold(hold) for hold in these] for name, these in holds.items()}
    return effects_of(expiring, terms, old, candidate.retention, now, sample=bounds.EFFECT_SAMPLE)


def _hold(hold: KeptHold) -> Hold:
    return Hold(id=hold.id, owner=hold.owner, reason=hold.reason, placed_at=hold.placed, released_at=hold.released)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEffect:
    """What a change does to the calls remembered.

    Attributes:
        considered: how many calls were decided twice.
        changed: how many of them would be decided otherwise for one of their users.
        sample: of those, at most 20: segment, user, outcome and reason before and after.
    """

    considered: int
    changed: int
    sample: tuple[dict[str, Any], ...]


async def on_past_calls(
    store: Store, in_force: RecorderConfig | None, candidate: RecorderConfig, directory: Directory, *, now: datetime
) -> CallEffect:
    """Decide the calls of the last 30 days under both configs, streamed from the store in a thread of its own.

    Raises:
        StorageFault: the store cannot be read.
    """
    since = now - timedelta(days=bounds.CONSIDERED_DAYS)
    return await store.read(lambda rows: on_calls(in_force, candidate, rows.calls_since(since), directory))


def on_calls(
    in_force: RecorderConfig | None, candidate: RecorderConfig, calls: Iterable[tuple[str, Call]], directory: Directory
) -> CallEffect:
    """Decide every call under both configs."""
    considered = changed = 0
    sample: list[dict[str, Any]] = []
    for segment, call in calls:
        considered += 1
        before = {found.user: found for found in decide(in_force, call, directory).decisions}
        after = decide(candidate, call, directory).decisions
        differing = [(before[found.user], found) for found in after if before[found.user].outcome != found.outcome]
        if differing:
            changed += 1
            if len(sample) < bounds.EFFECT_SAMPLE:
                sample.append(_shown(segment, call, *differing[0]))
    return CallEffect(considered=considered, changed=changed, sample=tuple(sample))


def removed_blacklist_entries(in_force: RecorderConfig | None, candidate: RecorderConfig) -> int:
    """How many patterns in force the candidate does not have, whichever object they came from."""
    before = {entry.pattern for entry in in_force.blacklist} if in_force else set()
    return len(before - {entry.pattern for entry in candidate.blacklist})


def changed_sections(in_force: RecorderConfig | None, candidate: RecorderConfig) -> list[str]:
    """The names of the sections that differ; all of them when nothing is in force."""
    after = to_json(candidate)
    before = to_json(in_force) if in_force else {}
    return sorted(name for name, section in after.items() if before.get(name) != section)


def _shown(segment: str, call: Call, before: Decision, after: Decision) -> dict[str, Any]:
    return {
        "segment": segment,
        "user": after.user,
        "kind": call.kind.value,
        "direction": after.facts.direction.value,
        "scope": after.facts.scope.value,
        "before": {"outcome": before.outcome.value, "reason": before.reason.value},
        "after": {
            "outcome": after.outcome.value,
            "reason": after.reason.value,
            "source": None if after.source is None else {"object": after.source.object, "entry": after.source.entry},
        },
    }
