"""What was seen of the objects of one namespace: each one's present state, the one before it, and since when.

Every replica keeps them. Which of it was told is in the book, and only who leads looks at that.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import Told
from callkeeper.operator.attribution.versions import Facts, Mark, ObjectVersion, read_facts

MAX_BASES = 500
"""Objects whose state before the present one is kept for telling the difference, while it is not told; who does not
lead tells nothing, and the oldest go."""

MAX_REMOVED_KEPT = 1_000
"""Objects that are gone and not told of yet whose last state is kept; what goes beyond is told without it."""

UNATTACHED = "unattached"
"""The log of an object that names no Recorder, in a namespace without one."""


@dataclass(slots=True, kw_only=True)
class Sighting:
    """One object.

    Attributes:
        version: its present state, or its last one, as it was first seen in it.
        facts: of that state.
        since: monotonic seconds: when that state, or its removal, was first seen.
        removed: whether it is gone.
    """

    version: ObjectVersion
    facts: Facts
    since: float
    removed: bool = False


class Sightings:
    """The objects of one namespace as seen."""

    def __init__(self) -> None:
        self.objects: dict[str, Sighting] = {}
        self._named = dict[ObjectKey, str]()
        self.bases: OrderedDict[str, tuple[Mark, Facts]] = OrderedDict()
        self.dirty: OrderedDict[str, None] = OrderedDict()
        self.gone: OrderedDict[str, None] = OrderedDict()
        self.complete_since: float | None = None

    def observe(self, version: ObjectVersion, document: Mapping[str, Any], now: float) -> bool:
        """Take in a state; whether it is another one than the last."""
        seen = self.objects.get(version.uid)
        if seen is None:
            self.objects[version.uid] = Sighting(version=version, facts=read_facts(document), since=now)
        elif seen.removed or version.resource_version < seen.version.resource_version or _same(seen.version, version):
            return False
        else:
            if version.uid not in self.bases:
                self.bases[version.uid] = (seen.version.mark, seen.facts)
                while len(self.bases) > MAX_BASES:
                    self.bases.popitem(last=False)
            self.objects[version.uid] = Sighting(version=version, facts=read_facts(document), since=now)
        self.dirty[version.uid] = None
        former = self._named.get(version.key)
        if former is not None and former != version.uid:
            self.removed(former, now)  # one of this name can only be there when the former is gone
        self._named[version.key] = version.uid
        return True

    def removed(self, uid: str, now: float) -> ObjectVersion | None:
        """An object is gone; its last state, where it was there."""
        seen = self.objects.get(uid)
        if seen is None or seen.removed:
            return None
        seen.removed, seen.since = True, now
        if self._named.get(seen.version.key) == uid:
            del self._named[seen.version.key]
        self.dirty[uid] = None
        self.gone[uid] = None
        while len(self.gone) > MAX_REMOVED_KEPT:
            self._forget(next(iter(self.gone)))
        return seen.version

    def told(self, uid: str) -> None:
        """The present state was told."""
        self.dirty.pop(uid, None)
        self.bases.pop(uid, None)
        if uid in self.gone:
            self._forget(uid)

    def lines(self) -> dict[str, Told]:
        """What a book holds when everything that is there was told."""
        return {
            uid: Told(key=seen.version.key, recorder=self.log_of(seen.version.recorder), mark=seen.version.mark)
            for uid, seen in self.objects.items()
            if not seen.removed
        }

    def recorders(self) -> list[str]:
        """Names of the Recorders that are there, the oldest first."""
        found = [
            (seen.version.resource_version, seen.version.key.name)
            for seen in self.objects.values()
            if seen.version.key.kind == "Recorder" and not seen.removed
        ]
        return [name for _, name in sorted(found)]

    def has_recorder(self, name: str) -> bool:
        """Whether this Recorder is there."""
        return name in self.recorders()

    def log_of(self, named: str, before: str | None = None) -> str:
        """The Recorder in whose log an object is told that names this one.

        It, where it is there; else where it was told before; else a Recorder of the namespace, so that a name that
        leads nowhere makes no log of its own.
        """
        there = self.recorders()
        if named in there:
            return named
        if before is not None:
            return before
        return there[0] if there else named or UNATTACHED

    def _forget(self, uid: str) -> None:
        self.gone.pop(uid, None)
        self.dirty.pop(uid, None)
        self.bases.pop(uid, None)
        self.objects.pop(uid, None)


def _same(one: ObjectVersion, other: ObjectVersion) -> bool:
    return (one.mark, one.deleting) == (other.mark, other.deleting)
