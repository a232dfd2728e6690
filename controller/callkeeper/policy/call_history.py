"""Reads past calls, a row each, as any telephony platform's report can be brought into.

Facts about the format:
    - CSV with the columns of `COLUMNS` in any order, named in the first row; none must be there, others are left alone.
    - A party is a number, a `tel:` or `sip:` URI, an e-mail address (a user by reference) or the word `anonymous`; an
      identity column beside it says what the signalling knows more.
    - `user` and `participants` hold several, separated by `;`. Who is recorded when `user` is empty, the parties say.
    - An empty cell is the default of `Call`. A row without `id` is called after its line, one without `conversation` is
      a conversation of its own.

No message repeats a cell: it may hold a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from callkeeper.policy.call import Call, CallKind, Consent, Direction, Identity, Party
from callkeeper.policy.numbers import normalize_number

COLUMNS = (
    "id",
    "conversation",
    "user",
    "caller",
    "callee",
    "kind",
    "direction",
    "consent",
    "original_called",
    "redirecting",
    "connected",
    "participants",
    "caller_identity",
    "callee_identity",
    "connected_identity",
)
"""The columns that are read."""

ANONYMOUS = "anonymous"
"""In place of a number: the caller withheld it."""

MAX_CELL = 4096
"""Characters in a cell: some 100 participants."""

Word = TypeVar("Word", bound=StrEnum)

_KINDS: Mapping[str, CallKind] = {"": CallKind.PEER_TO_PEER} | {word.value: word for word in CallKind}
_DIRECTIONS: Mapping[str, Direction | None] = {"": None} | {word.value: word for word in Direction}
_CONSENTS: Mapping[str, Consent] = {"": Consent.NOT_ASKED} | {word.value: word for word in Consent}
_IDENTITIES: Mapping[str, Identity | None] = {"": None} | {word.value: word for word in Identity}


class CallHistoryError(ValueError):
    """A header or a row that cannot be read.

    Attributes:
        column: the column's name, or empty when it is about the whole row.
        message: what is wrong and what to write instead.
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(f"{column}: {message}" if column else message)
        self.column = column
        self.message = message


@lru_cache(maxsize=32_768)
def party_of(text: str, identity: Identity | None = None) -> Party | None:
    """The party a person or a report means by this text; None when it is empty and nothing is known of its identity.

    Args:
        text: a number, a URI, an e-mail address (a user by reference), or `anonymous`.
        identity: what the signalling says of it, when somebody knows.

    Raises:
        CallHistoryError: the text is none of these.
    """
    text = text.strip()
    if not text:
        return None if identity is None else Party(identity=identity)
    if text.casefold() == ANONYMOUS:
        return Party(identity=Identity.ANONYMOUS if identity is None else identity)
    if normalize_number(text) is not None or text.casefold().startswith(("tel:", "sip:", "sips:")):
        return Party(number=text, identity=Identity.UNKNOWN if identity is None else identity)
    if "@" in text:
        return Party(user=text, identity=Identity.USER if identity is None else identity)
    raise CallHistoryError("", f"neither a number nor a URI, an e-mail address or `{ANONYMOUS}`")


@dataclass(frozen=True, slots=True)
class CallRows:
    """Reads the rows under one header.

    Attributes:
        header: every column of the file.
        unused: those that are none of `COLUMNS`.
    """

    header: tuple[str, ...]
    unused: tuple[str, ...]
    _places: Mapping[str, int]

    @classmethod
    def under(cls, header: Sequence[str]) -> "CallRows":
        """Prepare for rows under this header.

        Raises:
            CallHistoryError: a column is there twice, or none of `COLUMNS` is there.
        """
        names = tuple(name.strip() for name in header)
        places = {name: place for place, name in enumerate(names) if name in COLUMNS}
        for name in places:
            if names.count(name) > 1:
                raise CallHistoryError(name, "the column is there more than once")
        if not places:
            raise CallHistoryError("", f"the first row names none of the columns {', '.join(COLUMNS)}")
        return cls(names, tuple(name for name in names if name not in places), places)

    def call(self, cells: Sequence[str], name: str, users: tuple[str, ...] = ()) -> Call:
        """Read one row.

        Args:
            cells: of the row; fewer than the header are filled up with empty ones.
            name: what the call is called when it has no id, such as `line-7`.
            users: who is recorded when the row does not say.

        Raises:
            CallHistoryError: a cell cannot be read; names its column.
        """
        if len(cells) > len(self.header):
            message = f"{len(cells)} cells under {len(self.header)} columns; put quotes around a cell with a comma"
            raise CallHistoryError("", message)
        row = {column: cells[place].strip() for column, place in self._places.items() if place < len(cells)}
        cell = row.get
        native_id = cell("id") or name
        return Call(
            native_id=native_id,
            conversation=cell("conversation") or native_id,
            kind=_word(row, "kind", _KINDS),
            calling=_party(row, "caller", "caller_identity"),
            called=_party(row, "callee", "callee_identity"),
            original_called=_party(row, "original_called"),
            redirecting=_party(row, "redirecting"),
            connected=_party(row, "connected", "connected_identity"),
            participants=_participants(row),
            recorded_users=_items(row, "user") or users,
            direction=_word(row, "direction", _DIRECTIONS),
            consent=_word(row, "consent", _CONSENTS),
        )


Value = TypeVar("Value")


def _word(row: Mapping[str, str], column: str, words: Mapping[str, Value]) -> Value:
    try:
        return words[row.get(column, "")]
    except KeyError:
        known = ", ".join(word for word in words if word)
        raise CallHistoryError(column, f"not one of {known}") from None


def _party(row: Mapping[str, str], column: str, identity_column: str = "") -> Party | None:
    text = row.get(column)
    identity = _word(row, identity_column, _IDENTITIES) if identity_column in row else None
    return _read_party(text or "", column, identity) if text or identity is not None else None


def _read_party(text: str, column: str, identity: Identity | None = None) -> Party | None:
    if len(text) > MAX_CELL:
        raise CallHistoryError(column, f"more than {MAX_CELL} characters")
    try:
        return party_of(text, identity)
    except CallHistoryError as error:
        raise CallHistoryError(column, error.message) from None


def _participants(row: Mapping[str, str]) -> tuple[Party, ...]:
    parties = (_read_party(text, "participants") for text in _items(row, "participants"))
    return tuple(party for party in parties if party is not None)


def _items(row: Mapping[str, str], column: str) -> tuple[str, ...]:
    text = row.get(column)
    if not text:
        return ()
    if len(text) > MAX_CELL:
        raise CallHistoryError(column, f"more than {MAX_CELL} characters")
    return tuple(part.strip() for part in text.split(";") if part.strip())
