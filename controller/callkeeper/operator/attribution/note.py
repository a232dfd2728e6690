"""A note: what the admission webhook or the API server's audit webhook knew about one write of one object.

Notes travel from `callkeeper webhook` to every operator replica as JSON (`POST /v1/changes`, `{"notes": […]}`). They
hold names of fields, never their values. What is read here came over the wire: everything has a bound.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from callkeeper.audit.event import FIRST_YEAR, LAST_YEAR
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.resource import MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_USER_LENGTH

MAX_NOTES_A_BODY = 500
"""An audit batch holds 400 events by default; a deletecollection makes one note for each object."""

MAX_BODY_BYTES = 2 * 1024 * 1024
"""500 notes of the longest names take a megabyte."""

MAX_USER_BYTES = 1024
"""Kubernetes bounds no user name; a certificate's or a token's is far shorter."""

MAX_SHORT_TEXT = 256
"""Of a field manager, a reason, an address, an id; longer ones are cut."""

MAX_NAMES = 20
"""Names of changed fields, or of rules that found something, that a note holds."""

MAX_COMMIT_LENGTH = 64
"""A SHA-256 in hex."""

MAX_GENERATION = 2**53
"""What every JSON reader holds exactly; an object is not written that often."""

MAX_RESOURCE_VERSION = 2**63 - 1
"""etcd's revisions are signed 64-bit numbers."""


class NoteError(ValueError):
    """A body holds no notes, or one that cannot be read: the message names the place."""


class Source(StrEnum):
    """Where a note comes from: the audit webhook saw the answer, the admission webhook the question only."""

    ADMISSION = "admission"
    AUDIT = "audit"


class Verb(StrEnum):
    """What somebody did or tried. Every write of an object there was before is an update, by patch or not."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One write of one object, or the attempt.

    Attributes:
        id: tells this note from all others and is the same when it comes again: `auditID` or the review's uid, with
            the object's uid where one request wrote several.
        source: where it comes from.
        at: when the request came in.
        verb: what was done or tried.
        key: the object; the name is empty where a request that was refused gave none.
        user: whose rights it was done with, as Kubernetes names them.
        uid: `metadata.uid`, or empty where there is none (refused creations).
        generation: after the write; the last one, for a deletion; 0 where unknown.
        resource_version: after the write, where the answer was seen; 0 where unknown.
        annotations: `versions.annotations_hash` after the write; empty where there are none of ours.
        recorder: `spec.recorderRef.name`, or the Recorder's own name; empty where unknown.
        code: HTTP status of a refusal; None where the write was let through.
        reason: the API server's reason for a refusal, or empty.
        rules: ids of the rules that made the admission webhook refuse.
        impersonated_by: who acted as `user`; empty where nobody did, or where it is not known.
        address: the peer; empty where unknown.
        field_manager: the tool's own name for itself, or empty.
        changed_by: author named by the object's annotation as written; counts for trusted accounts only.
        commit: likewise the commit.
        fields: names of the fields that changed, where both states were seen.
    """

    id: str
    source: Source
    at: datetime
    verb: Verb
    key: ObjectKey
    user: str
    uid: str = ""
    generation: int = 0
    resource_version: int = 0
    annotations: str = ""
    recorder: str = ""
    code: int | None = None
    reason: str = ""
    rules: tuple[str, ...] = ()
    impersonated_by: str = ""
    address: str = ""
    field_manager: str = ""
    changed_by: str = ""
    commit: str = ""
    fields: tuple[str, ...] = field(default=())

    @property
    def refused(self) -> bool:
        """Whether the write was refused."""
        return self.code is not None

    @property
    def stored(self) -> bool:
        """Whether the write is known to have taken place; what admission lets through may still fail."""
        return self.source is Source.AUDIT and self.code is None


def body_of(notes: Iterable[Note]) -> bytes:
    """The body that carries these notes."""
    return json.dumps({"notes": [_written(note) for note in notes]}, separators=(",", ":")).encode()


def notes_of(body: bytes) -> tuple[Note, ...]:
    """Read the notes of a body.

    Raises:
        NoteError: it is no such body, too large, or a note in it cannot be read. None of it counts.
    """
    if len(body) > MAX_BODY_BYTES:
        raise NoteError(f"the body has {len(body):,} bytes; at most {MAX_BODY_BYTES:,} are taken")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoteError(f"the body is not JSON: {error}") from error
    found = value.get("notes") if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        raise NoteError('the body must be an object with a list "notes"')
    if len(found) > MAX_NOTES_A_BODY:
        raise NoteError(f"the body has {len(found):,} notes; at most {MAX_NOTES_A_BODY:,} are taken")
    return tuple(_read(one, f"notes[{index}]") for index, one in enumerate(found))


def _written(note: Note) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": note.id,
        "source": note.source.value,
        "at": note.at.astimezone(UTC).isoformat(),
        "verb": note.verb.value,
        "kind": note.key.kind,
        "namespace": note.key.namespace,
        "name": note.key.name,
        "user": note.user,
        "uid": note.uid,
        "generation": note.generation,
        "resourceVersion": note.resource_version,
        "annotations": note.annotations,
        "recorder": note.recorder,
        "code": note.code,
        "reason": note.reason,
        "rules": list(note.rules),
        "impersonatedBy": note.impersonated_by,
        "address": note.address,
        "fieldManager": note.field_manager,
        "changedBy": note.changed_by,
        "commit": note.commit,
        "fields": list(note.fields),
    }
    return {name: value for name, value in fields.items() if value not in ("", 0, None, [])}


def _read(value: Any, place: str) -> Note:
    if not isinstance(value, Mapping):
        raise NoteError(f"{place} is no object")
    try:
        return Note(
            id=_required(value, "id"),
            source=Source(_required(value, "source")),
            at=_instant(_required(value, "at")),
            verb=Verb(_required(value, "verb")),
            key=ObjectKey(
                kind=_required(value, "kind", MAX_LABEL_LENGTH),
                namespace=_required(value, "namespace", MAX_LABEL_LENGTH),
                name=_text(value, "name", MAX_NAME_LENGTH),
            ),
            user=_required(value, "user", MAX_USER_BYTES),
            uid=_text(value, "uid"),
            generation=_number(value, "generation", MAX_GENERATION) or 0,
            resource_version=_number(value, "resourceVersion", MAX_RESOURCE_VERSION) or 0,
            annotations=_text(value, "annotations"),
            recorder=_text(value, "recorder", MAX_NAME_LENGTH),
            code=_number(value, "code", 599),
            reason=_text(value, "reason"),
            rules=_texts(value, "rules"),
            impersonated_by=_text(value, "impersonatedBy", MAX_USER_BYTES),
            address=_text(value, "address"),
            field_manager=_text(value, "fieldManager"),
            changed_by=_text(value, "changedBy", MAX_USER_LENGTH),
            commit=_text(value, "commit", MAX_COMMIT_LENGTH),
            fields=_texts(value, "fields"),
        )
    except ValueError as error:
        raise NoteError(f"{place}: {error}") from error


def _text(value: Mapping[str, Any], name: str, most: int = MAX_SHORT_TEXT) -> str:
    text = value.get(name, "")
    if not isinstance(text, str):
        raise NoteError(f"{name} is not text")
    return printable(text)[:most]


def _required(value: Mapping[str, Any], name: str, most: int = MAX_SHORT_TEXT) -> str:
    text = _text(value, name, most)
    if not text:
        raise NoteError(f"{name} is missing")
    return text


def _number(value: Mapping[str, Any], name: str, most: int) -> int | None:
    number = value.get(name)
    if number is None:
        return None
    if type(number) is not int or not 0 <= number <= most:
        raise NoteError(f"{name} must be a whole number from 0 to {most}")
    return number


def _texts(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts: Sequence[Any] = value.get(name, ())
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise NoteError(f"{name} is no list of texts")
    return tuple(printable(text)[:MAX_SHORT_TEXT] for text in texts[:MAX_NAMES])


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise NoteError("at has no offset; give UTC")
    if not FIRST_YEAR < at.year < LAST_YEAR:
        raise NoteError(f"at is in the year {at.year}, of which no row can tell")
    return at.astimezone(UTC)


def printable(text: str) -> str:
    """The text without what breaks a line or cannot be written."""
    return text if text.isprintable() else "".join(sign for sign in text if sign.isprintable())
