"""Reading members of JSON somebody else wrote: typed, bounded, and a place in the document for whatever is wrong.

A member that is null is absent, as everywhere in Microsoft Graph; members nobody asks for are never looked at, so
depth and size of the rest do not matter. A message names the place and what was expected, never what was there: it
may be a phone number.
"""

import re
from collections.abc import Mapping
from typing import Any

from callkeeper.recorder import bounds

Object = Mapping[str, Any]

# No control characters, as in the recorder's own identifiers, and nothing that cannot be written as UTF-8.
_PLAIN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
_GUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
NO_GUID = "00000000-0000-0000-0000-000000000000"
"""What the platform writes where there is no tenant."""


class GraphError(ValueError):
    """A document that is not what Microsoft Graph's schema says.

    Attributes:
        path: where, `value[0].resourceData.source.identity`.
        message: what was expected there.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


def as_object(value: object, path: str) -> Object:
    """The value, if it is an object.

    Raises:
        GraphError: it is not.
    """
    if not isinstance(value, Mapping):
        raise GraphError(path, "expected an object")
    return value


def as_list(value: object, path: str, most: int) -> list[Any]:
    """The value, if it is a list of at most so many entries.

    Raises:
        GraphError: it is not.
    """
    if not isinstance(value, list):
        raise GraphError(path, "expected a list")
    if len(value) > most:
        raise GraphError(path, f"has more than {most} entries")
    return value


def object_member(parent: Object, name: str, path: str) -> Object | None:
    """The object under this name, or None where there is none.

    Raises:
        GraphError: it is something else.
    """
    value = parent.get(name)
    return None if value is None else as_object(value, f"{path}.{name}")


def list_member(parent: Object, name: str, path: str, most: int = bounds.PARTIES) -> list[Any] | None:
    """The list under this name, or None where there is none.

    Raises:
        GraphError: it is something else, or too long.
    """
    value = parent.get(name)
    return None if value is None else as_list(value, f"{path}.{name}", most)


def text_member(parent: Object, name: str, path: str, longest: int = bounds.IDENTIFIER_CHARACTERS) -> str | None:
    """The text under this name, without surrounding space; None where there is none or an empty one.

    Raises:
        GraphError: it is something else, too long, or holds control characters.
    """
    value = parent.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise GraphError(f"{path}.{name}", "expected a text")
    if len(value) > longest:
        raise GraphError(f"{path}.{name}", f"has more than {longest} characters")
    if not _PLAIN.fullmatch(value):
        raise GraphError(f"{path}.{name}", "holds control characters or lone surrogates")
    return value.strip() or None


def id_member(parent: Object, name: str, path: str, longest: int = bounds.IDENTIFIER_CHARACTERS) -> str | None:
    """The id under this name in its one form, or None.

    Raises:
        GraphError: as `text_member`.
    """
    value = text_member(parent, name, path, longest)
    return None if value is None else one_form(value)


def number_member(parent: Object, name: str, path: str) -> int | None:
    """The whole number under this name, or None.

    Raises:
        GraphError: it is something else.
    """
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphError(f"{path}.{name}", "expected a whole number")
    return value


def flag_member(parent: Object, name: str, path: str) -> bool:
    """The flag under this name; false where there is none.

    Raises:
        GraphError: it is something else.
    """
    value = parent.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise GraphError(f"{path}.{name}", "expected true or false")
    return value


def one_form(identifier: str) -> str:
    """A GUID in small letters with hyphens: Graph writes one id in capitals, and without hyphens, in other places."""
    small = identifier.lower()
    if not _GUID.fullmatch(small):
        return identifier
    digits = small.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
