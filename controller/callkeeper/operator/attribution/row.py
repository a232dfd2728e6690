"""One audit row from one change: what the columns and Details say. Numbers only as the mask shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.note import MAX_NAMES, Note
from callkeeper.operator.attribution.versions import PATTERN_LISTS, Facts, Mark, changed_fields
from callkeeper.operator.attribution.who import Who
from callkeeper.reconcile.changes import ShowPattern, list_difference

MAX_FIELDS_TOLD = 40
"""Changed fields whose values one row tells; a kind has a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One row that is due.

    Attributes:
        action: what was done.
        key: to which object.
        recorder: in whose log it is told.
        at: when.
        who: by whom.
        row_key: `book.row_key` of it.
        uid: of the object; empty for refused attempts.
        mark: the object's state after it; None after a deletion and for refused attempts.
        generation: of that state, or the last one.
        before: the state it is reckoned from; None where there was none or it was not seen.
        before_generation: its generation.
        after: the state it led to; None after a deletion, or where it was not seen.
        fields: names of changed fields as a note tells them, where the states were not seen.
        extra: further members of Details.
        settles: names of the notes it is made from.
    """

    action: Action
    key: ObjectKey
    recorder: str
    at: datetime
    who: Who
    row_key: str
    uid: str = ""
    mark: Mark | None = None
    generation: int = 0
    before: Facts | None = None
    before_generation: int = 0
    after: Facts | None = None
    fields: tuple[str, ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    settles: tuple[str, ...] = ()


def make_event(telling: Telling, show: ShowPattern, *, sender: str, sequence: int, app_name: str) -> AuditEvent:
    """The row."""
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=telling.at,
        email=telling.who.actor.email,
        ip_address=telling.who.actor.ip_address,
        app_name=app_name,
        action=telling.action,
        details=details(telling, show),
    )


def details(telling: Telling, show: ShowPattern) -> dict[str, Any]:
    """The row's Details; what does not apply is absent."""
    who = telling.who
    said: dict[str, Any] = {
        "object": str(telling.key),
        "uid": telling.uid,
        "generation": telling.generation,
        "author": who.actor.author,
        "commit": who.actor.commit,
        "appliedBy": who.applied_by,
        "impersonatedBy": who.impersonated_by,
        "fieldManager": who.field_manager,
        "attributedBy": who.evidence.value,
    }
    if telling.action is not Action.REFUSE_SETTINGS:
        said |= _difference(telling, show)
    said |= dict(telling.extra)
    return {name: value for name, value in said.items() if value not in (None, "", 0, [], {})}


def refusal_extra(note: Note, attempts: int) -> tuple[tuple[str, Any], ...]:
    """Further members of Details of a refused attempt."""
    return (
        ("verb", note.verb.value),
        ("code", note.code),
        ("reason", note.reason),
        ("rules", list(note.rules)),
        ("attempts", attempts if attempts > 1 else None),
    )


def _difference(telling: Telling, show: ShowPattern) -> dict[str, Any]:
    before, after = telling.before, telling.after
    if telling.action is Action.CREATE_SETTINGS:
        before = Facts()
    if telling.action is Action.DELETE_SETTINGS:
        after = Facts()
    if before is None or after is None:
        return {"fields": list(telling.fields[:MAX_NAMES])}
    if telling.action is Action.DELETE_SETTINGS and before == Facts():
        return {}  # it was gone before anybody saw it
    both = before.values.keys() | after.values.keys()
    names = [name for name in sorted(both) if before.values.get(name) != after.values.get(name)]
    said: dict[str, Any] = {
        "from": _values(before, names),
        "to": _values(after, names),
        "lists": _lists(before, after, show),
        "annotations": _annotations(before, after),
    }
    if telling.action is Action.UPDATE_SETTINGS:
        said["fields"] = list(changed_fields(before, after)[:MAX_FIELDS_TOLD])
        said["previousGeneration"] = telling.before_generation
    return said


def _values(facts: Facts, names: list[str]) -> dict[str, Any]:
    return {name: facts.values[name] for name in names[:MAX_FIELDS_TOLD] if facts.values.get(name) is not None}


def _lists(before: Facts, after: Facts, show: ShowPattern) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for path in sorted(before.lists.keys() | after.lists.keys()):
        old, new = before.lists.get(path, ()), after.lists.get(path, ())
        shown = show if path.rpartition(".")[2] in PATTERN_LISTS else _as_it_is
        if sorted(old) != sorted(new):
            told[path] = list_difference(old, new, shown)
        elif before.wording.get(path) != after.wording.get(path):
            told[path] = {"comments": True}
    return told


def _annotations(before: Facts, after: Facts) -> dict[str, Any]:
    """Our annotations that changed, as they are now; one that went says so."""
    names = before.annotations.keys() | after.annotations.keys()
    return {
        name: after.annotations.get(name, "(removed)")
        for name in sorted(names)
        if before.annotations.get(name) != after.annotations.get(name)
    }


def _as_it_is(text: str) -> str:
    return text
