"""The person behind a write, and the answer to `reconcile`'s question who changed an object last.

A trusted GitOps account writes in somebody's name: the author that the object's annotations name is who changed it.
Anybody can set an annotation, so that it counts for trusted accounts only, and only where the account wrote the state
that carries it: whoever deletes an object is not who stamped it.
"""

import re
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.resource import MAX_USER_LENGTH
from callkeeper.operator.attribution.note import MAX_COMMIT_LENGTH, Note, Source, Verb
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.versions import ObjectVersion
from callkeeper.reconcile.attribution import Actor

UNATTRIBUTED = "system:unattributed"
"""Who changed an object, where nobody told. Names no component, for it was none of ours."""

MAX_REMOVED_REMEMBERED = 5_000
"""Objects that are gone whose last writer can still be asked for; a namespace goes with all it holds."""

_AUTHOR = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{MAX_USER_LENGTH}}}")
_COMMIT = re.compile(rf"[0-9a-fA-F]{{7,{MAX_COMMIT_LENGTH}}}")


class Evidence(StrEnum):
    """How it is known who wrote."""

    AUDIT = "audit"
    ADMISSION = "admission"
    MANAGED_FIELDS = "managedFields"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who made one write.

    Attributes:
        actor: as `reconcile` takes it; author and commit where a trusted account named them.
        evidence: how that is known.
        applied_by: the trusted account, where the actor is the author it named; else empty.
        impersonated_by: who acted as the actor; else empty.
        field_manager: the tool's own name for itself, or empty.
    """

    actor: Actor
    evidence: Evidence
    applied_by: str = ""
    impersonated_by: str = ""
    field_manager: str = ""


def who_wrote(note: Note | None, version: ObjectVersion | None, trusted: Collection[str]) -> Who:
    """Who made the write that a note and an object's state tell of; either may be missing."""
    if note is None:
        manager = version.manager if version is not None else ""
        evidence = Evidence.MANAGED_FIELDS if manager else Evidence.NOTHING
        return Who(actor=Actor(email=UNATTRIBUTED), evidence=evidence, field_manager=manager)
    evidence = Evidence.AUDIT if note.source is Source.AUDIT else Evidence.ADMISSION
    actor, applied_by = Actor(email=note.user, ip_address=note.address), ""
    if note.user in trusted and note.verb is not Verb.DELETE and not note.refused:
        author = note.changed_by if _AUTHOR.fullmatch(note.changed_by) else None
        commit = note.commit.lower() if _COMMIT.fullmatch(note.commit) else None
        if author is not None:
            applied_by = note.user
        actor = Actor(email=author or note.user, ip_address=note.address, author=author, commit=commit)
    return Who(
        actor=actor,
        evidence=evidence,
        applied_by=applied_by,
        impersonated_by=note.impersonated_by,
        field_manager=note.field_manager or (version.manager if version is not None else ""),
    )


class ClusterAttribution:
    """Implements `reconcile.attribution.Attribution` from notes and from the objects themselves.

    What was once known about an object's present state is remembered as long as the state lasts, since notes go.
    Read from worker threads, so that it locks.
    """

    def __init__(self, notes: ChangeNotes, *, trusted: Collection[str] = ()) -> None:
        """Know nobody yet.

        Args:
            notes: the notes that came.
            trusted: accounts whose annotations name the author, `system:serviceaccount:argocd:…`.
        """
        self.trusted = frozenset(trusted)
        self._notes = notes
        self._lock = Lock()
        self._versions: dict[ObjectKey, ObjectVersion] = {}
        self._removed: OrderedDict[ObjectKey, ObjectVersion] = OrderedDict()
        self._known: dict[ObjectKey, tuple[ObjectVersion, Who]] = {}

    def observe(self, version: ObjectVersion) -> None:
        """An object is there, in this state."""
        with self._lock:
            before = self._versions.get(version.key)
            self._removed.pop(version.key, None)
            if before is not None and (before.uid, before.mark) == (version.uid, version.mark):
                return  # the state as it was first seen is closest to the write
            self._versions[version.key] = version
            self._known.pop(version.key, None)

    def removed(self, version: ObjectVersion) -> None:
        """An object is gone; this was its last state."""
        with self._lock:
            there = self._versions.get(version.key)
            if there is not None and there.uid != version.uid:
                return  # another one of that name is there already
            self._versions.pop(version.key, None)
            self._known.pop(version.key, None)
            self._removed[version.key] = version
            while len(self._removed) > MAX_REMOVED_REMEMBERED:
                gone, _ = self._removed.popitem(last=False)
                self._known.pop(gone, None)

    def actor(self, key: ObjectKey) -> Actor:
        """See `Attribution.actor`."""
        with self._lock:
            version, removed = self._versions.get(key), self._removed.get(key)
            known = self._known.get(key)
        state = version or removed
        if state is None:
            return Actor(email=UNATTRIBUTED)
        if known is not None and (known[0].uid, known[0].mark) == (state.uid, state.mark):
            return known[1].actor
        if version is not None:
            note = self._notes.of_write(version.uid, version.mark, version.resource_version)
        else:
            note = self._notes.of_deletion(state.uid)
        who = who_wrote(note, state, self.trusted)
        if note is not None:
            self.remember(state, who)
        return who.actor

    def remember(self, version: ObjectVersion, who: Who) -> None:
        """This is who brought the object to this state."""
        with self._lock:
            there = self._versions.get(version.key) or self._removed.get(version.key)
            if there is not None and (there.uid, there.mark) == (version.uid, version.mark):
                self._known[version.key] = (version, who)

    def fingerprint(self, key: ObjectKey) -> str:
        """See `Attribution.fingerprint`."""
        with self._lock:
            version = self._versions.get(key)
        if version is None:
            return ""
        return f"{version.uid}:{version.mark.generation}:{version.mark.annotations}"
