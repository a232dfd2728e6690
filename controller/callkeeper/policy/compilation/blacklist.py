"""The blacklist: the union of every Blacklist of the recorder."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain

from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.number_range import expand_range
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
    patterns that start with a wildcard is withheld; what is in force counts first, then the oldest.
    """
    before = attached.in_force.blacklist if attached.in_force else ()
    in_force: dict[str, list[BlacklistEntry]] = defaultdict(list)
    for entry in before:
        in_force[entry.object].append(entry)
    vanished: list[BlacklistEntry] = []
    if newcomer_is_invalid(attached, "Blacklist", set(in_force)):
        vanished = [entry for entry in before if not attached.exists(entry.object)]
    readings = attached.of_kind("Blacklist")
    own = {reading.key: in_force[str(reading.key)] for reading in readings}
    said = {reading.key: list(_entries(reading)) for reading in readings if reading.resource is not None}
    costly = _Costly([vanished, *own.values()])

    def order(reading: ObjectReading) -> tuple[bool, bool, bool, tuple[str, str]]:
        grows = bool(costly.added(own[reading.key], said[reading.key]))
        return grows, not in_force[str(reading.key)], not reading.created, age(reading)

    for reading in sorted((one for one in readings if one.key in said), key=order):
        wanted = said[reading.key]
        added = costly.added(own[reading.key], wanted)
        if added and costly.total_after(own[reading.key], wanted) > MAX_WILDCARD_FIRST:
            attached.refuse(_too_many(reading, costly.total, added), AcceptedReason.TOO_MANY_PATTERNS)
        else:
            costly.swap(own[reading.key], wanted)
            own[reading.key] = wanted
    # A list is sorted mostly, which a set of all would lose.
    return tuple(sorted(dict.fromkeys(chain(vanished, *own.values()))))


class _Costly:
    """Counts the patterns that start with a wildcard, each once in however many lists it stands."""

    def __init__(self, lists: Iterable[Iterable[BlacklistEntry]]) -> None:
        self._lists_with: Counter[str] = Counter()
        for entries in lists:
            self._lists_with.update(_wildcard_first(entries))

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._lists_with)

    def added(self, old: Iterable[BlacklistEntry], new: Iterable[BlacklistEntry]) -> int:
        """How many a list brings that are nowhere yet, when it goes from the old entries to the new ones."""
        brought = _wildcard_first(new)
        return len(brought - _wildcard_first(old) - self._lists_with.keys()) if brought else 0

    def total_after(self, old: Iterable[BlacklistEntry], new: Iterable[BlacklistEntry]) -> int:
        """How many there would be then."""
        dropped = _wildcard_first(old) - _wildcard_first(new)
        return self.total + self.added(old, new) - sum(self._lists_with[pattern] == 1 for pattern in dropped)

    def swap(self, old: Iterable[BlacklistEntry], new: Iterable[BlacklistEntry]) -> None:
        """Let a list go from the old entries to the new ones."""
        self._lists_with.update(_wildcard_first(new))
        if dropped := _wildcard_first(old):
            self._lists_with -= Counter(dropped)


def _entries(reading: ObjectReading) -> Iterable[BlacklistEntry]:
    assert isinstance(reading.resource, Blacklist)
    key = str(reading.key)
    for number in reading.resource.spec.numbers:
        pattern = number.pattern.replace("x", "X")  # as `canonical_pattern`; that it is one, the model has seen to
        yield BlacklistEntry(pattern, key, pattern)
    for numbers in reading.resource.spec.ranges:
        for pattern in expand_range(numbers.first, numbers.last):
            yield BlacklistEntry(pattern, key, f"{numbers.first}-{numbers.last}")


def _wildcard_first(entries: Iterable[BlacklistEntry]) -> set[str]:
    return {entry.pattern for entry in entries if entry.pattern[0] in WILDCARDS}


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
