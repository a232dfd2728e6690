"""The blacklist: the union of every Blacklist of the recorder."""

from collections.abc import Iterable

from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.number_range import expand_range
from callkeeper.kinds.pattern import canonical_pattern
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compilation.attached import Attached, age
from callkeeper.policy.compilation.singletons import newcomer_is_invalid
from callkeeper.policy.compilation.values import AcceptedReason
from callkeeper.policy.config import BlacklistEntry
from callkeeper.policy.patterns import MAX_WILDCARD_FIRST

WILDCARDS = frozenset("X.!")


def merged_blacklist(attached: Attached) -> tuple[BlacklistEntry, ...]:
    """All entries, sorted and without repetition.

    An invalid Blacklist keeps what it had in force. A valid one that would take the recorder over the limit of
    patterns that start with a wildcard is withheld; those in force come first, then the oldest.
    """
    before = attached.in_force.blacklist if attached.in_force else ()
    in_force_objects = {entry.object for entry in before}
    entries: set[BlacklistEntry] = set()
    if newcomer_is_invalid(attached, "Blacklist", in_force_objects):
        entries.update(entry for entry in before if not attached.exists(entry.object))
    costly = {entry.pattern for entry in entries if _starts_with_wildcard(entry.pattern)}

    def order(reading: ObjectReading) -> tuple[bool, bool, tuple[str, str]]:
        return str(reading.key) not in in_force_objects, not reading.created, age(reading)

    for reading in sorted(attached.of_kind("Blacklist"), key=order):
        own = _in_force(before, reading) if reading.resource is None else list(_entries(reading))
        added = {entry.pattern for entry in own if _starts_with_wildcard(entry.pattern)} - costly
        if len(costly) + len(added) > MAX_WILDCARD_FIRST and added:
            attached.refuse(_too_many(reading, len(costly), len(added)), AcceptedReason.TOO_MANY_PATTERNS)
            own = _in_force(before, reading)
            added = {entry.pattern for entry in own if _starts_with_wildcard(entry.pattern)}
        costly |= added
        entries.update(own)
    return tuple(sorted(entries))


def _entries(reading: ObjectReading) -> Iterable[BlacklistEntry]:
    assert isinstance(reading.resource, Blacklist)
    key = str(reading.key)
    for number in reading.resource.spec.numbers:
        pattern = canonical_pattern(number.pattern)
        yield BlacklistEntry(pattern=pattern, object=key, entry=pattern)
    for numbers in reading.resource.spec.ranges:
        for pattern in expand_range(numbers.first, numbers.last):
            yield BlacklistEntry(pattern=pattern, object=key, entry=f"{numbers.first}-{numbers.last}")


def _in_force(before: tuple[BlacklistEntry, ...], reading: ObjectReading) -> list[BlacklistEntry]:
    key = str(reading.key)
    return [entry for entry in before if entry.object == key]


def _starts_with_wildcard(pattern: str) -> bool:
    return pattern[0] in WILDCARDS


def _too_many(reading: ObjectReading, present: int, added: int) -> Finding:
    return Finding(
        rule="blacklist.too-many-wildcard-first",
        severity=Severity.ERROR,
        key=reading.key,
        path=("spec", "numbers"),
        message=(
            f"{added} patterns here start with a wildcard and {present} are in force already; "
            f"a recorder takes {MAX_WILDCARD_FIRST:,}, because each costs a scan of every number"
        ),
        hint="begin the patterns with the digits that are known",
    )
