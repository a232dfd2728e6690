"""One step of a history of settings, and a plain reading of what it does to the recordings and calls of a recorder.

Shares no code with `compile`: it counts patterns, compares words and does its own retention arithmetic on a handful of
recordings. Patterns come in blocks of ten, so that the bounds of the gates are reached. What must hold of a step is
`compile_sentences`.
"""

from dataclasses import dataclass, field

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import Compiled, Effects
from callkeeper.policy.config import RecorderConfig, RetentionSection

FOREVER = 10**6


AGES = (1, 20, 45, 100, 400)
"""Days since each recording ended; the second and the last are under a hold."""


HELD = (False, True, False, False, True)


CALLS = [f"+39{block}01" for block in range(8)]


def block(number: int) -> list[str]:
    return [f"+39{number}{index:02}" for index in range(10)]


def patterns(config: RecorderConfig | None) -> set[str]:
    return {entry.pattern for entry in config.blacklist} if config else set()


def modes(config: RecorderConfig | None) -> dict[str, str]:
    return {one.user: one.mode.value for one in config.policy.overrides} if config else {}


def days(text: str) -> int:
    if text in {"forever", "unlimited"}:
        return FOREVER
    return 0 if text == "disabled" else int(text.removesuffix("d"))


def kept_for(rule: RetentionSection, held: bool) -> int:
    """Days that a recording is kept from its end."""
    return min(FOREVER, days(rule.retention) + (days(rule.extra_retention) if held else 0))


def effects_between(old: RecorderConfig | None, new: RecorderConfig, spent: frozenset[str]) -> Effects:
    """What a recorder with these recordings and calls would answer."""
    before, after = (old or RecorderConfig()).retention, new.retention
    shortens = deletes = holds = 0
    for age, held in zip(AGES, HELD, strict=True):
        was, becomes = kept_for(before, held), kept_for(after, held)
        if was <= age:
            continue
        gone = becomes <= age
        shortens += becomes < was
        deletes += gone
        unprotected = before.extra_retention != "disabled" and after.extra_retention == "disabled"
        holds += held and (gone or unprotected)
    turned = sum((call in patterns(old)) != (call in patterns(new)) for call in CALLS)
    return Effects(
        shortens=shortens,
        deletes=deletes,
        holds=holds,
        considered_calls=len(CALLS),
        changed_decisions=turned,
        spent=spent,
    )


def takes(old: RecorderConfig, new: RecorderConfig) -> tuple[int, int, int]:
    found = effects_between(old, new, frozenset())
    return found.shortens, found.deletes, found.holds


@dataclass
class Step:
    """One compile that was programmed, or held."""

    objects: list[ObjectReading]
    known: RecorderConfig | None
    """What this owner has in force, as far as it knows."""
    before: RecorderConfig | None
    """What the recorder ran."""
    after: RecorderConfig | None
    outcome: Compiled
    spent_texts: frozenset[str]
    held_patterns: set[str] = field(default_factory=set)

    @property
    def puts_right(self) -> bool:
        return self.known is not None and self.known != self.before

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.object, one.text) for one in self.outcome.confirmations]

    def valid(self, kind: str) -> list[ObjectReading]:
        return [one for one in self.objects if one.key.kind == kind and one.resource is not None]

    def invalid(self, kind: str) -> list[ObjectReading]:
        return [one for one in self.objects if one.key.kind == kind and one.resource is None]

    @property
    def wanted_patterns(self) -> set[str]:
        """What some object still says, or keeps while it is invalid."""
        if self.puts_right:
            return patterns(self.known)
        found = {item.pattern for one in self.valid("Blacklist") for item in one.resource.spec.numbers}
        quarantined = {str(one.key) for one in self.invalid("Blacklist")}
        known = {entry.object for entry in self.known.blacklist} if self.known else set()
        if quarantined - known:
            quarantined |= known - {str(one.key) for one in self.objects}
        kept = {entry.pattern for entry in self.known.blacklist if entry.object in quarantined} if self.known else set()
        return found | kept


def has_something(config: RecorderConfig | None, key: ObjectKey) -> bool:
    if config is None:
        return False
    objects = {entry.object for entry in config.blacklist} | {one.object for one in config.policy.overrides}
    return str(key) in objects | {config.policy.object, config.filter.object}
