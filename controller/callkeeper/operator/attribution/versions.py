"""What counts as a change of an object, and what the row about it needs to know: read from the API server's document.

A change moves the generation (the spec) or Callkeeper's own annotations; status, labels and everybody else's
annotations do not count. The spec is kept as facts: plain values by path, and lists as the texts of their entries, for
telling one state from the next. No entry leaves here but through `row`, which masks numbers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.terms import CHANGED_BY_ANNOTATION, COMMIT_ANNOTATION, DEFAULT_NAMESPACE, OUR_ANNOTATIONS

MAX_VALUE_LENGTH = 200
"""Characters of one plain value that a row tells; an endpoint is the longest there is."""

MAX_ANNOTATION_LENGTH = 512
"""Of one annotation of ours that a row tells; a confirmation takes a hundred."""

MAX_DEPTH = 8
"""Levels of a spec that are told apart; there are three."""

ANNOTATIONS_HASH_DIGITS = 12
"""48 bits tell an object's annotations from the ones before."""

PATTERN_LISTS = frozenset({"numbers", "internalNumbers", "ranges"})
"""Lists of the spec whose entries are telephone numbers."""

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mark:
    """What an accepted change moves.

    Attributes:
        generation: `metadata.generation`.
        annotations: hash of our annotations; empty where there are none.
    """

    generation: int
    annotations: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A spec, as far as rows tell of it.

    Attributes:
        values: what is no list, by path, `guardrails.maxChangedDecisionsPercent`.
        lists: entries of each list, as text, by path.
        wording: per list, what tells apart lists whose entries are the same but for their comments.
        annotations: our annotations.
    """

    values: Mapping[str, Plain] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wording: Mapping[str, int] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One object as the API server showed it.

    Attributes:
        key: names it.
        uid: `metadata.uid`.
        mark: what it is at.
        resource_version: tells a newer one from an older one.
        recorder: the Recorder it says it belongs to (its own name, for a Recorder), or empty.
        deleting: whether it has a deletion timestamp.
        created: when it was made, as the API server says.
        written: when it was last written but for the status, by its field managers, or None.
        manager: who that was, by the tool's own account; empty where unknown.
        changed_by: author its annotation names, or empty.
        commit: likewise the commit.
    """

    key: ObjectKey
    uid: str
    mark: Mark
    resource_version: int
    recorder: str
    deleting: bool = False
    created: datetime | None = None
    written: datetime | None = None
    manager: str = ""
    changed_by: str = ""
    commit: str = ""


def read_version(document: Mapping[str, Any]) -> ObjectVersion | None:
    """What a document of the API server is at; None where it is none of our objects."""
    metadata = _mapping(document.get("metadata"))
    kind, uid, name = document.get("kind"), metadata.get("uid"), metadata.get("name")
    if not isinstance(kind, str) or kind not in KINDS or not isinstance(uid, str) or not isinstance(name, str):
        return None
    generation = metadata.get("generation")
    ours = our_annotations(metadata)
    manager, written = _last_manager(metadata.get("managedFields"))
    return ObjectVersion(
        key=ObjectKey(kind=kind, namespace=str(metadata.get("namespace") or DEFAULT_NAMESPACE), name=name),
        uid=uid,
        mark=Mark(
            generation=generation if isinstance(generation, int) else 0,
            annotations=annotations_hash(ours),
        ),
        resource_version=_whole(metadata.get("resourceVersion")),
        recorder=recorder_of(document),
        deleting=metadata.get("deletionTimestamp") is not None,
        created=_instant(metadata.get("creationTimestamp")),
        written=written,
        manager=manager,
        changed_by=ours.get(CHANGED_BY_ANNOTATION, ""),
        commit=ours.get(COMMIT_ANNOTATION, ""),
    )


def recorder_of(document: Mapping[str, Any]) -> str:
    """The Recorder an object says it belongs to; empty where it does not."""
    if document.get("kind") == "Recorder":
        name = _mapping(document.get("metadata")).get("name")
    else:
        name = _mapping(_mapping(document.get("spec")).get("recorderRef")).get("name")
    return name if isinstance(name, str) else ""


def our_annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The annotations of Callkeeper, of an object's metadata."""
    annotations = metadata.get("annotations")
    if not annotations or not isinstance(annotations, Mapping):
        return {}
    return {
        name: text for name, text in annotations.items() if isinstance(text, str) and name.startswith(OUR_ANNOTATIONS)
    }


def annotations_hash(ours: Mapping[str, str]) -> str:
    """Tells two sets of our annotations apart; empty for none."""
    if not ours:
        return ""
    return sha256(json.dumps(sorted(ours.items())).encode()).hexdigest()[:ANNOTATIONS_HASH_DIGITS]


def read_facts(document: Mapping[str, Any]) -> Facts:
    """The spec and our annotations of a document, for telling what changed. Total: takes whatever stands there."""
    values: dict[str, Plain] = {}
    lists: dict[str, tuple[str, ...]] = {}
    wording: dict[str, int] = {}
    for path, value in _flattened(_mapping(document.get("spec")), ()):
        if isinstance(value, list | tuple):
            name = path.rpartition(".")[2]
            lists[path] = tuple(_entry(name, one) for one in value)
            wording[path] = hash(tuple(_comment(one) for one in value))
        else:
            values[path] = value[:MAX_VALUE_LENGTH] if isinstance(value, str) else value
    ours = our_annotations(_mapping(document.get("metadata")))
    shown = {name: text[:MAX_ANNOTATION_LENGTH] for name, text in ours.items()}
    return Facts(values=values, lists=lists, wording=wording, annotations=shown)


def changed_fields(before: Facts, after: Facts) -> tuple[str, ...]:
    """Paths of the fields that differ, in order; values are not in it."""
    paths = {f"spec.{path}" for path in _differing(before.values, after.values)}
    paths |= {f"spec.{path}" for path in _differing(before.lists, after.lists)}
    paths |= {f"spec.{path}" for path in _differing(before.wording, after.wording)}
    paths |= {f"metadata.annotations.{name}" for name in _differing(before.annotations, after.annotations)}
    return tuple(sorted(paths))


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """As `changed_fields`, of two documents as they stand: for who needs no more, and has 20,000 numbers to compare."""
    old, new = (dict(_flattened(_mapping(one.get("spec")), ())) for one in (before, after))
    ours = [our_annotations(_mapping(one.get("metadata"))) for one in (before, after)]
    paths = {f"spec.{path}" for path in _differing(old, new)}
    return tuple(sorted(paths | {f"metadata.annotations.{name}" for name in _differing(*ours)}))


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            yield name


def _flattened(value: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        path = (*above, str(name))
        if isinstance(inner, Mapping) and len(path) < MAX_DEPTH:
            yield from _flattened(inner, path)
        elif isinstance(inner, str | int | float | bool | list | tuple) or inner is None:
            yield ".".join(path), inner


def _entry(name: str, one: Any) -> str:
    """An entry of a list as text: what it is about, without its comment."""
    if not isinstance(one, Mapping):
        return str(one)
    if "pattern" in one:
        return str(one["pattern"])
    if name == "ranges":
        return f"{one.get('from')}-{one.get('to')}"
    if "user" in one:
        return f"{one['user']}={one.get('mode')}"
    return json.dumps(one, sort_keys=True, default=str)


def _comment(one: Any) -> str:
    return str(one.get("comment", "")) if isinstance(one, Mapping) else ""


def _last_manager(managed: Any) -> tuple[str, datetime | None]:
    """Who last owned fields other than the status, and when."""
    name, last = "", None
    for one in managed if isinstance(managed, Sequence) else ():
        if not isinstance(one, Mapping) or one.get("subresource"):
            continue
        at = _instant(one.get("time"))
        if last is None or (at is not None and at >= last):
            name, last = str(one.get("manager", "")), at
    return name, last


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except ValueError:
        return None


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, str) and value.isdecimal() else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
