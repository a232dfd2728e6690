"""What the cluster holds of our kinds, as far as it is known here: level-triggered, in memory.

Events and listings both tell it; the newer one wins, whichever comes first. A change is what has a say in settings: the
spec, annotations of ours, a deletion. Our own status patches are none.

Facts
    Resource versions compare as decimal integers (API conventions since 1.35), also between objects and with the
    version of a list. A complete list proves what is gone: what is not in it and is not newer than it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import KINDS, ObjectReading, read_object
from callkeeper.kinds.terms import GROUP
from callkeeper.operator.compacting import compact
from callkeeper.reconcile.status import ObjectStatus

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
"""The annotation that asks for a reconcile; its value is echoed in `status.lastHandledReconcileAt`."""

UNKNOWN = "unknown"
"""In place of an instant; greater than every one of them."""

MAX_TOMBSTONES = 10_000
"""Objects gone whose last version is remembered, so that an event on its way does not bring them back."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One object as last seen.

    Attributes:
        reading: what it says.
        version: its resource version.
        status: its status, as `status_bytes` renders it.
        known: what `status_values.known_status` read there, so that a push does not read it again and again.
    """

    reading: ObjectReading
    version: int
    status: bytes
    known: ObjectStatus | None = None

    @property
    def uid(self) -> str:
        """Its UID."""
        return self.reading.uid

    @property
    def status_value(self) -> dict[str, Any]:
        """Its status, as plain JSON values."""
        value: dict[str, Any] = from_json(self.status)
        return value

    @property
    def requested_at(self) -> str | None:
        """The value of the annotation that asks for a reconcile."""
        return self.reading.annotations.get(REQUESTED_AT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A version of an object that is new here.

    Attributes:
        key: the object.
        uid: its UID.
        version: the resource version.
        document: as the API server told it; of a deletion the last state known, where it is known.
        deleted: whether it is gone.
        listed: whether it was found by a listing, so that it may have happened long ago.
    """

    key: ObjectKey
    uid: str
    version: int
    document: Mapping[str, Any] | None
    deleted: bool = False
    listed: bool = False


class Registry:
    """All objects known, by namespace."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[ObjectKey, Entry]] = defaultdict(dict)
        self._gone: dict[ObjectKey, int] = {}
        self._written: dict[str, str] = {}
        self._dirty: set[str] = set()
        self.changed: Callable[[], None] = lambda: None
        """Called when a namespace becomes dirty."""
        self.observers: list[Callable[[Seen], None]] = []
        """Told of every new version that is a change, in the order they become known."""

    def __len__(self) -> int:
        return sum(len(objects) for objects in self._objects.values())

    def get(self, key: ObjectKey) -> Entry | None:
        """The object as last seen."""
        return self._objects.get(key.namespace, {}).get(key)

    def namespaces(self) -> tuple[str, ...]:
        """Those with objects."""
        return tuple(sorted(name for name, objects in self._objects.items() if objects))

    def entries(self, namespace: str) -> Mapping[ObjectKey, Entry]:
        """All objects of a namespace."""
        return self._objects.get(namespace, {})

    def last_written(self, namespace: str) -> datetime | None:
        """When an object of a namespace was written last, statuses aside, by the API server's clock; None: unknown."""
        text = self._written.get(namespace, UNKNOWN)
        return None if text == UNKNOWN else datetime.fromisoformat(text)

    def take_dirty(self) -> set[str]:
        """Namespaces with changes since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def mark(self, namespace: str) -> None:
        """Have a namespace looked at again, though nothing changed."""
        self._dirty.add(namespace)
        self.changed()

    def observe(self, document: Mapping[str, Any], *, listed: bool = False) -> None:
        """Take in an object as it is, or was: old news changes nothing."""
        key, metadata = key_of(document), document.get("metadata") or {}
        version = int(metadata.get("resourceVersion") or 0)
        known = self.get(key)
        if key.kind not in KINDS or version <= (known.version if known else self._gone.get(key, -1)):
            return
        status = status_bytes(document.get("status"))
        if known is not None and _identity(metadata) == _identity_of(known.reading):
            known.version = version
            if known.status != status:
                known.status, known.known = status, None
            return
        self._gone.pop(key, None)
        reading = compact(read_object(lean(document)))
        entry = Entry(reading=reading, version=version, status=status)
        self._objects[key.namespace][key] = entry
        self._written[key.namespace] = max(_written(metadata), self._written.get(key.namespace, ""))
        self._tell(Seen(key=key, uid=entry.uid, version=version, document=document, listed=listed))

    def says_the_same(self, document: Mapping[str, Any]) -> bool:
        """Whether an object says what it is known to say, whatever its status and version."""
        known = self.get(key_of(document))
        return known is not None and _identity(document["metadata"]) == _identity_of(known.reading)

    def gone(self, key: ObjectKey, version: int, document: Mapping[str, Any] | None = None, *, listed: bool) -> None:
        """Take in that an object was deleted at a version."""
        known = self.get(key)
        if known is not None and known.version > version:
            return
        self._gone[key] = max(version, self._gone.get(key, 0))
        while len(self._gone) > MAX_TOMBSTONES:
            del self._gone[next(iter(self._gone))]
        if known is not None:
            del self._objects[key.namespace][key]
            self._tell(Seen(key=key, uid=known.uid, version=version, document=document, deleted=True, listed=listed))

    def complete(self, kind: str, namespace: str | None, there: Iterable[ObjectKey], version: int) -> None:
        """Take in that a complete list, as of a version, held these and no others."""
        present = set(there)
        scope = self.namespaces() if namespace is None else (namespace,)
        for name in scope:
            for key in [key for key in self.entries(name) if key.kind == kind and key not in present]:
                self.gone(key, version, listed=True)

    def _tell(self, seen: Seen) -> None:
        self._dirty.add(seen.key.namespace)
        for observer in self.observers:
            observer(seen)
        self.changed()


def key_of(document: Mapping[str, Any]) -> ObjectKey:
    """Which object it is."""
    metadata = document.get("metadata") or {}
    return ObjectKey(
        kind=str(document.get("kind", "")), namespace=metadata.get("namespace") or "", name=metadata.get("name") or ""
    )


def lean(document: Mapping[str, Any]) -> dict[str, Any]:
    """What has a say in settings, without what the API server and other tools keep in the object.

    Its metadata was checked by the API server, whose release may know fields that ours does not.
    """
    metadata = document.get("metadata") or {}
    kept = ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp")
    return {
        "apiVersion": document.get("apiVersion"),
        "kind": document.get("kind"),
        "metadata": {name: metadata[name] for name in kept if name in metadata}
        | {"annotations": _annotations(metadata)},
    } | ({"spec": document["spec"]} if "spec" in document else {})


def _written(metadata: Mapping[str, Any]) -> str:
    """When it was written last, in the one form the API server has for that, so that texts compare as instants."""
    fields = [one.get("time", UNKNOWN) for one in metadata.get("managedFields") or () if "subresource" not in one]
    return max((metadata.get("creationTimestamp") or UNKNOWN, *fields)) if fields else UNKNOWN


def status_bytes(status: Mapping[str, Any] | None) -> bytes:
    """A status in a form to keep in little room; the API server's own order of names, so that its echoes are equal."""
    return to_json(status or {})


def _annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    annotations = metadata.get("annotations") or {}
    return {name: text for name, text in annotations.items() if name.startswith(f"{GROUP}/") or name == REQUESTED_AT}


_Identity = tuple[str, int, bool, Mapping[str, str]]


def _identity(metadata: Mapping[str, Any]) -> _Identity:
    """Equal for two versions of an object that say the same."""
    deleting = metadata.get("deletionTimestamp") is not None
    return metadata.get("uid") or "", metadata.get("generation") or 0, deleting, _annotations(metadata)


def _identity_of(reading: ObjectReading) -> _Identity:
    return reading.uid, reading.generation, reading.deleting, reading.annotations
