"""What a candidate config would change: on calls the recorder remembers, and on recordings it keeps.

Nothing here changes anything. Calls are decided anew under both configs with the directory of now, so that only the
settings make the difference; the answer holds no numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from callkeeper.policy.call import Call
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import to_json
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Decision
from callkeeper.policy.directory import Directory
from callkeeper.recorder import bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEffect:
    """What a change of retention does to the recordings there are.

    Attributes:
        recordings: how many there are.
        shortens: of how many the expiry moves earlier.
        deletes: how many would expire at once.
        holds: how many holds would lose protection.
    """

    recordings: int
    shortens: int
    deletes: int
    holds: int


class RecordingEffects(Protocol):
    """Counts what a change does to recordings, exactly."""

    async def of(self, in_force: RecorderConfig | None, candidate: RecorderConfig, *, now: datetime) -> RecordingEffect:
        """The effect of replacing the config in force by the candidate at this instant."""
        ...


class NoRecordings:
    """The effects on the recordings of a recorder that keeps none.

    This recorder takes decisions and keeps no media yet, so the exact answer is nothing of nothing. It must not be
    used beside a store of recordings: its zeros would let a shorter retention pass without a word.
    """

    async def of(
        self,
        in_force: RecorderConfig | None,  # noqa: ARG002 - the port's signature
        candidate: RecorderConfig,  # noqa: ARG002 - the port's signature
        *,
        now: datetime,  # noqa: ARG002 - the port's signature
    ) -> RecordingEffect:
        """Nothing of nothing."""
        return RecordingEffect(recordings=0, shortens=0, deletes=0, holds=0)


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
