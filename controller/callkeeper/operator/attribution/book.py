"""What was told already: one small book per namespace, kept in the cluster, so that a restart tells nothing twice.

A book holds one line per object that is there (a deletion takes its line out), the last number of each log, the rows
written last, and the keys of what was told lately. It is saved with its rows *before* they are appended: after a crash
the rows found in it are appended again under the same numbers, and the log drops those it has. One save per batch,
none where nothing changed. A line that has no object any more, once everything has been listed, is a deletion nobody
watched.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.versions import Mark

MAX_KEYS_REMEMBERED = 2_048
"""Keys of rows told lately that a book holds, 12 characters each: a note that comes after a failover finds its own."""

MAX_ROWS_A_BATCH = 50
"""Rows written together, 2 KB each at most: they and the lines of 10,000 objects fit into one ConfigMap."""

MAX_BOOK_BYTES = 900 * 1024
"""Of a book as it is kept; the API server takes 1 MiB."""

MASK_KEY_BYTES = 16
"""As `audit.mask` asks for."""

_KEY_DIGITS = 12
_VERSION = 1


class BookError(Exception):
    """A book cannot be read or saved now; what it tells of waits."""


class BookTaken(BookError):  # noqa: N818 - what happened, as its reader says it
    """Somebody else saved this book since it was read: another replica leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The last state of an object that a row told of.

    Attributes:
        key: names it.
        recorder: in whose log.
        mark: the state.
    """

    key: ObjectKey
    recorder: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRow:
    """A row and the log it goes to.

    Attributes:
        recorder: the log is that of this Recorder of the book's namespace.
        event: the row.
    """

    recorder: str
    event: AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What was told of one namespace.

    Attributes:
        objects: by uid.
        sequences: number of the last row, per log.
        rows: the batch saved with this book; in the log, or to be appended again.
        keys: `row_key`s told lately, oldest first.
        mask_key: under which numbers are masked in its rows, so that a number reads the same for ever.
    """

    objects: Mapping[str, Told] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[LoggedRow, ...] = ()
    keys: tuple[str, ...] = ()
    mask_key: bytes = field(default_factory=lambda: secrets.token_bytes(MASK_KEY_BYTES), repr=False)

    def with_keys(self, keys: tuple[str, ...]) -> "Book":
        """The same with these keys told as well."""
        return replace(self, keys=(*self.keys, *keys)[-MAX_KEYS_REMEMBERED:])


class Books(Protocol):
    """Keeps the books. Every method may raise `BookError`."""

    async def load(self) -> Mapping[str, Book]:
        """All of them, by namespace."""
        ...

    async def save(self, namespace: str, book: Book) -> None:
        """Make one durable, whole.

        Raises:
            BookTaken: it is not the one that was loaded or saved here last.
        """
        ...


class BooksInMemory:
    """Books that last as long as this object: for tests, and where nothing durable is to be had."""

    def __init__(self) -> None:
        self.saved: dict[str, bytes] = {}

    async def load(self) -> Mapping[str, Book]:
        """See `Books.load`."""
        return {namespace: read_book(data) for namespace, data in self.saved.items()}

    async def save(self, namespace: str, book: Book) -> None:
        """See `Books.save`."""
        self.saved[namespace] = written_book(book)


def row_key(uid: str, mark: Mark | None, suffix: str = "") -> str:
    """A short key of one row: uid and mark, `deleted` in place of the mark for a deletion."""
    what = "deleted" if mark is None else f"{mark.generation}/{mark.annotations}"
    return sha256(f"{uid}/{what}/{suffix}".encode()).hexdigest()[:_KEY_DIGITS]


def written_book(book: Book) -> bytes:
    """The book as bytes: compressed JSON in base64, which any ConfigMap takes as text.

    Raises:
        BookError: it is larger than can be kept.
    """
    value = {
        "version": _VERSION,
        "objects": [
            [uid, told.key.kind, told.key.namespace, told.key.name, told.recorder, *_mark(told.mark)]
            for uid, told in sorted(book.objects.items())
        ],
        "sequences": dict(sorted(book.sequences.items())),
        "rows": [[row.recorder, _event(row.event)] for row in book.rows],
        "keys": "".join(book.keys),
        "maskKey": book.mask_key.hex(),
    }
    data = base64.b64encode(zlib.compress(json.dumps(value, separators=(",", ":")).encode()))
    if len(data) > MAX_BOOK_BYTES:
        raise BookError(
            f"what was told of {len(book.objects):,} objects takes {len(data):,} bytes, and at most {MAX_BOOK_BYTES:,} "
            "can be kept; use fewer objects a namespace"
        )
    return data


def read_book(data: bytes) -> Book:
    """Read a book back.

    Raises:
        BookError: these bytes are no book.
    """
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(base64.b64decode(data, validate=True), 16 * MAX_BOOK_BYTES)
        return _read(json.loads(text))
    except (ValueError, KeyError, TypeError, IndexError, zlib.error) as error:
        raise BookError(f"what was told before cannot be read: {error}") from error


def _read(value: Any) -> Book:
    if value["version"] != _VERSION:
        raise BookError(f"it is of version {value['version']}, and {_VERSION} is read here")
    keys = value["keys"]
    return Book(
        objects={
            uid: Told(
                key=ObjectKey(kind=kind, namespace=namespace, name=name),
                recorder=recorder,
                mark=Mark(generation=generation, annotations=annotations),
            )
            for uid, kind, namespace, name, recorder, generation, annotations in value["objects"]
        },
        sequences=dict(value["sequences"]),
        rows=tuple(LoggedRow(recorder=recorder, event=_read_event(event)) for recorder, event in value["rows"]),
        keys=tuple(keys[place : place + _KEY_DIGITS] for place in range(0, len(keys), _KEY_DIGITS)),
        mask_key=bytes.fromhex(value["maskKey"]),
    )


def _mark(mark: Mark) -> tuple[int, str]:
    return mark.generation, mark.annotations


def _event(event: AuditEvent) -> list[Any]:
    at = event.at.astimezone(UTC).isoformat()
    return [
        event.sender,
        event.sequence,
        at,
        event.email,
        event.ip_address,
        event.app_name,
        event.action.value,
        dict(event.details),
    ]


def _read_event(value: Any) -> AuditEvent:
    sender, sequence, at, email, address, app_name, action, details = value
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=datetime.fromisoformat(at),
        email=email,
        ip_address=address,
        app_name=app_name,
        action=Action(action),
        details=details,
    )
