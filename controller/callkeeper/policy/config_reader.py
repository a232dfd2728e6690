"""Reads plain JSON values member by member, and says where one is wrong: `$.policy.overrides[3].mode`.

Each method reads one member of the object it stands on, by the grammar of the kinds, and raises `ConfigError` with the
member's path. Nothing is guessed and nothing is converted: a number is no string, `true` is no number.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from callkeeper.kinds.duration import parse_extra_retention, parse_minimum_retention, parse_retention
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.pattern import PatternError, canonical_pattern

Word = TypeVar("Word", bound=StrEnum)
Parsed = TypeVar("Parsed")

MAX_LIST_ITEMS = 1_000_000
"""Ten Blacklists of the largest size; what a pattern set is measured for."""
MAX_USER_LENGTH = 254
"""The longest e-mail address (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
MAX_OBJECT_LENGTH = 400
"""A kind's name, a namespace (63) and a name (253), with two slashes."""


class ConfigError(ValueError):
    """A config that does not follow the contract.

    Attributes:
        path: JSON path of the member, `$.policy.defaultMode`.
        message: what is wrong with it.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class Reader:
    """Stands on one JSON object."""

    __slots__ = ("_index", "_path", "members")

    def __init__(self, members: Mapping[str, Any], path: str, index: int | None = None) -> None:
        self.members = members
        self._path = path
        self._index = index

    @property
    def path(self) -> str:
        """Where it is; put together when something is wrong, since a list may have 100,000 objects."""
        return self._path if self._index is None else f"{self._path}[{self._index}]"

    @classmethod
    def of(cls, value: object, path: str) -> "Reader":
        """Stand on this value, which must be an object."""
        if not isinstance(value, dict):
            raise ConfigError(path, f"an object is wanted here, not {_named(value)}")
        return cls(value, path)

    def only(self, names: AbstractSet[str]) -> None:
        """Refuse members that are not among these (`version` is always allowed)."""
        if self.members.keys() <= names:
            return
        unknown = sorted(str(name) for name in self.members if name not in names and name != "version")
        if unknown:
            raise ConfigError(self.path, f"unknown member {unknown[0]!r}; known are {', '.join(sorted(names))}")

    def version(self, known: int) -> None:
        """Refuse a section of another version."""
        if self.members.get("version") != known:
            raise ConfigError(f"{self.path}.version", f"version {known} is read here; send the section in that version")

    def optional_object(self, name: str) -> "Reader | None":
        """The member as an object, or None where it is absent."""
        value = self.members.get(name)
        return None if value is None else Reader.of(value, f"{self.path}.{name}")

    def text(self, name: str, *, most: int) -> str:
        """A string of 1 to `most` characters without control characters."""
        value = self._string(name)
        if not 0 < len(value) <= most or not value.isprintable():
            raise ConfigError(f"{self.path}.{name}", f"1 to {most} printable characters are wanted")
        return value

    def boolean(self, name: str) -> bool:
        """`true` or `false`."""
        return bool(self._member(name, bool, "true or false"))

    def percent_step(self, name: str) -> int:
        """A percentage in steps of 5."""
        value = self._member(name, int, "a whole number")
        if isinstance(value, bool) or not 0 <= value <= 100 or value % 5:  # noqa: PLR2004 - a percentage
            raise ConfigError(f"{self.path}.{name}", "0 to 100 in steps of 5 is wanted")
        return int(value)

    def optional_count(self, name: str) -> int | None:
        """A whole number from 0 on, or None where it is absent."""
        if self.members.get(name) is None:
            return None
        value = self._member(name, int, "a whole number")
        if isinstance(value, bool) or value < 0:
            raise ConfigError(f"{self.path}.{name}", "a whole number from 0 on is wanted")
        return int(value)

    def word(self, name: str, words: type[Word]) -> Word:
        """One word of a closed set."""
        value = self._string(name)
        try:
            return words(value)
        except ValueError:
            raise ConfigError(f"{self.path}.{name}", f"one of {', '.join(words)} is wanted") from None

    def user(self, name: str) -> str:
        """A directory id or e-mail address, case-folded."""
        return self.text(name, most=MAX_USER_LENGTH).casefold()

    def object_key(self, name: str) -> str:
        """`kind/namespace/name`."""
        return _object_key(self.text(name, most=MAX_OBJECT_LENGTH), self.path, name)

    def optional_object_key(self, name: str) -> str | None:
        """`kind/namespace/name`, or null where a built-in default stands."""
        return None if self.members.get(name) is None else self.object_key(name)

    def pattern(self, name: str) -> str:
        """A number pattern, made canonical."""
        try:
            return canonical_pattern(self._string(name))
        except PatternError as error:
            raise ConfigError(f"{self.path}.{name}", str(error)) from error

    def retention(self, name: str) -> str:
        """`forever`, `<n>d` or `<n>h`."""
        return self._checked(name, parse_retention)

    def extra_retention(self, name: str) -> str:
        """`disabled`, `<n>d` or `unlimited`."""
        return self._checked(name, parse_extra_retention)

    def minimum_retention(self, name: str) -> str:
        """`none`, `<n>d` or `<n>h`."""
        return self._checked(name, parse_minimum_retention)

    def objects(self, name: str) -> Iterator["Reader"]:
        """The objects of a list."""
        path = f"{self.path}.{name}"
        for index, value in enumerate(self._list(name)):
            yield Reader(value, path, index) if isinstance(value, dict) else Reader.of(value, f"{path}[{index}]")

    def patterns(self, name: str) -> list[str]:
        """A list of number patterns, made canonical."""
        return [_parsed(_text(value, path), path, canonical_pattern) for value, path in self._items(name)]

    def object_keys(self, name: str) -> list[str]:
        """A list of `kind/namespace/name`."""
        return [_object_key(_text(value, path), path) for value, path in self._items(name)]

    def _items(self, name: str) -> Iterator[tuple[object, str]]:
        for index, value in enumerate(self._list(name)):
            yield value, f"{self.path}.{name}[{index}]"

    def _checked(self, name: str, parse: Callable[[str], object]) -> str:
        """The member's own text, once the grammar has taken it."""
        text = self._string(name)
        _parsed(text, f"{self.path}.{name}", parse)
        return text

    def _string(self, name: str) -> str:
        value = self.members.get(name)
        return value if isinstance(value, str) else _text(value, f"{self.path}.{name}")

    def _list(self, name: str) -> list[Any]:
        value = self._member(name, list, "a list")
        if len(value) > MAX_LIST_ITEMS:
            raise ConfigError(f"{self.path}.{name}", f"at most {MAX_LIST_ITEMS:,} entries are read")
        return list(value)

    def _member(self, name: str, kind: type, wanted: str) -> Any:
        value = self.members.get(name)
        if not isinstance(value, kind):
            raise ConfigError(f"{self.path}.{name}", f"{wanted} is wanted here, not {_named(value)}")
        return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(path, f"a string is wanted here, not {_named(value)}")
    return value


def _parsed(text: str, path: str, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(path, str(error)) from error


def _object_key(text: str, *path: str) -> str:
    try:
        return _object_text(text)
    except ValueError:
        raise ConfigError(".".join(path), "kind/namespace/name is wanted here") from None


@lru_cache(maxsize=4096)
def _object_text(text: str) -> str:
    """Read once and kept once, for the thousand entries of one object."""
    return str(ObjectKey.parse(text))


def _named(value: object) -> str:
    """What kind of JSON value this is, never the value itself: it may hold a number of a party."""
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")
