"""Notes of who wrote: from admission reviews, and from events of the API server's audit webhook (audit.k8s.io/v1).

Facts
    A validating admission is asked before the write: of an update it sees the generation as it will be, of a creation
    generation 1 and the uid, and of a patch the whole object.
    Audit: `ResponseComplete` is the one stage that knows the answer. A server-side apply that creates is a `patch` with
    code 201. Of `sourceIPs` only the last is the peer; those before it are what clients claim. A dry run looks like
    success but for its URI. With `generateName` the name is in the answer alone. A deletion answers with the object, or
    with a Status whose details hold the uid; a `deletecollection` with the list of what it deleted.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import CHANGED_BY_ANNOTATION, COMMIT_ANNOTATION, DEFAULT_NAMESPACE, GROUP
from callkeeper.operator.admission.review import Operation, Review, Verdict
from callkeeper.operator.attribution.note import Note, Source, Verb
from callkeeper.operator.attribution.versions import (
    annotations_hash,
    changed_paths,
    our_annotations,
    recorder_of,
)

MAX_BATCH_BYTES = 32 * 1024 * 1024
"""Of a batch of audit events, objects included. The API server sends up to 400 events at once, and what is refused for
its size is lost: `--audit-webhook-batch-max-size` bounds it there."""

MAX_EVENTS = 2_000
"""Events of one batch; the default is 400."""

_KIND_OF = {names.plural: kind for kind, names in NAMES.items()}
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_CREATED = 201
_REFUSED = 400
_NOT_THERE, _LATER = 404, 429


class BatchError(ValueError):
    """A body is no batch of audit events."""


def note_of_review(review: Review, verdict: Verdict, now: datetime) -> Note | None:
    """The note of a question and its answer; None where nothing of ours is written."""
    if review.dry_run or not review.user:
        return None
    document = review.before if review.operation is Operation.DELETE else review.document
    note = _note_of(document, review.namespace, review.name)
    if note is None:
        return None
    fields: tuple[str, ...] = ()
    if review.operation is Operation.UPDATE and verdict.allowed:
        fields = changed_paths(review.before, review.document)
        if not fields:
            return None
    return replace(
        note,
        id=review.uid,
        source=Source.ADMISSION,
        at=now,
        verb=_VERBS[review.operation],
        user=review.user,
        field_manager=review.field_manager,
        fields=fields,
        code=None if verdict.allowed else verdict.code,
        reason="" if verdict.allowed else verdict.reason,
        rules=verdict.rules,
    )


_VERBS = {Operation.CREATE: Verb.CREATE, Operation.UPDATE: Verb.UPDATE, Operation.DELETE: Verb.DELETE}


def notes_of_batch(body: bytes, own_accounts: Collection[str]) -> tuple[Note, ...]:
    """The notes of an EventList; what is not a write of one of our objects by somebody else is left out.

    Args:
        body: as the API server posts it.
        own_accounts: users who are ours, whose writes are none of anybody's business.

    Raises:
        BatchError: it is no EventList.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BatchError(f"the body is not JSON: {str(error)[:100]}") from error
    items = value.get("items") if isinstance(value, Mapping) else None
    if not isinstance(items, list) or value.get("kind") != "EventList":
        raise BatchError("the body is no EventList of audit.k8s.io/v1")
    if len(items) > MAX_EVENTS:
        raise BatchError(f"the batch has {len(items):,} events; at most {MAX_EVENTS:,} are taken")
    return tuple(note for event in items for note in _notes_of_event(_mapping(event), own_accounts))


def _notes_of_event(event: Mapping[str, Any], own_accounts: Collection[str]) -> Iterator[Note]:
    about, verb = _mapping(event.get("objectRef")), _text(event.get("verb"))
    kind = _KIND_OF.get(_text(about.get("resource")))
    if event.get("stage") != "ResponseComplete" or verb not in _WRITES or kind is None:
        return
    if about.get("apiGroup") != GROUP or about.get("subresource"):
        return
    asked = parse_qs(urlsplit(_text(event.get("requestURI"))).query)
    user = _text(_mapping(event.get("user")).get("username"))
    acted_as = _text(_mapping(event.get("impersonatedUser")).get("username"))
    if "All" in asked.get("dryRun", ()) or user in own_accounts or acted_as in own_accounts:
        return
    code = _mapping(event.get("responseStatus")).get("code")
    code = code if isinstance(code, int) else 0
    if code == _LATER or (code == _NOT_THERE and verb in {"delete", "deletecollection"}):
        return
    base = Note(
        id=_text(event.get("auditID")),
        source=Source.AUDIT,
        at=_instant(event.get("requestReceivedTimestamp")),
        verb=_verb(verb, code),
        key=ObjectKey(
            kind=kind,
            namespace=_text(about.get("namespace")) or DEFAULT_NAMESPACE,
            name=_text(about.get("name")),
        ),
        user=acted_as or user,
        impersonated_by=user if acted_as else "",
        address=_peer(event.get("sourceIPs")),
        field_manager=next(iter(asked.get("fieldManager", ())), ""),
    )
    if not base.id or not base.user:
        return
    if code >= _REFUSED:
        yield _refused(base, event, code)
    else:
        yield from _written(base, event, about, kind)


def _refused(base: Note, event: Mapping[str, Any], code: int) -> Note:
    """The request says what was to be written, though it may be a patch."""
    tried = _mapping(event.get("requestObject"))
    reason = _text(_mapping(event.get("responseStatus")).get("reason"))
    name = base.key.name or _text(_mapping(tried.get("metadata")).get("name"))
    recorder = recorder_of({**tried, "kind": base.key.kind})
    return replace(base, key=replace(base.key, name=name), code=code, reason=reason, recorder=recorder)


def _written(base: Note, event: Mapping[str, Any], about: Mapping[str, Any], kind: str) -> Iterator[Note]:
    answered = _mapping(event.get("responseObject"))
    if isinstance(answered.get("items"), list):
        for item in answered["items"]:
            note = _note_of({**_mapping(item), "kind": kind}, base.key.namespace, "")
            if note is not None:
                yield _merged(base, note, f"{base.id}/{note.uid}")
        return
    note = _note_of(answered, base.key.namespace, base.key.name) if answered.get("kind") == kind else None
    if note is not None:
        yield _merged(base, note, base.id)
        return
    uid = _text(_mapping(answered.get("details")).get("uid")) or _text(about.get("uid"))
    yield replace(base, uid=uid)


def _merged(base: Note, note: Note, name: str) -> Note:
    return replace(
        base,
        id=name,
        key=note.key,
        uid=note.uid,
        generation=note.generation,
        resource_version=note.resource_version,
        annotations=note.annotations,
        recorder=note.recorder,
        changed_by=note.changed_by,
        commit=note.commit,
    )


def _note_of(document: Mapping[str, Any], namespace: str, name: str) -> Note | None:
    """What an object itself tells; None where it is none of ours."""
    metadata = _mapping(document.get("metadata"))
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in NAMES:
        return None
    ours = our_annotations(metadata)
    generation, version = metadata.get("generation"), metadata.get("resourceVersion")
    return Note(
        id="-",
        source=Source.ADMISSION,
        at=datetime.fromtimestamp(0, UTC),
        verb=Verb.UPDATE,
        key=ObjectKey(
            kind=kind,
            namespace=_text(metadata.get("namespace")) or namespace or DEFAULT_NAMESPACE,
            name=_text(metadata.get("name")) or name,
        ),
        user="-",
        uid=_text(metadata.get("uid")),
        generation=generation if isinstance(generation, int) else 0,
        resource_version=int(version) if isinstance(version, str) and version.isdecimal() else 0,
        annotations=annotations_hash(ours),
        recorder=recorder_of(document),
        changed_by=ours.get(CHANGED_BY_ANNOTATION, ""),
        commit=ours.get(COMMIT_ANNOTATION, ""),
    )


def _verb(verb: str, code: int) -> Verb:
    if verb.startswith("delete"):
        return Verb.DELETE
    return Verb.CREATE if verb == "create" or code == _CREATED else Verb.UPDATE


def _peer(addresses: Any) -> str:
    return _text(addresses[-1]) if isinstance(addresses, list) and addresses else ""


def _instant(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(_text(text)).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
