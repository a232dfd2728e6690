"""Readings in little room: a cluster's objects are kept for days, and most of them are lists of small parts.

Facts
    A pydantic model keeps its fields in a dictionary of its own (184 bytes for two) and a set of those that were given.
    An instance whose fields are set one by one shares the names with all others of its class, and takes a third.
"""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from callkeeper.kinds.reading import ObjectReading

_NO_NAMES: set[str] = set()
"""Nobody asks which fields were given and which are defaults; there are no others than those declared."""

_PLAIN = frozenset({str, type(None), bool, int})
"""Types of what most fields hold."""

_new, _set = object.__new__, object.__setattr__


def compact(reading: ObjectReading) -> ObjectReading:
    """The same reading in less memory; equal to the one given."""
    made = _new(ObjectReading)
    for name in ObjectReading.__slots__:
        _set(made, name, getattr(reading, name))
    _set(made, "resource", _compact(reading.resource))
    return made


def _compact(part: Any) -> Any:
    way = _WAYS.get(type(part)) or _way(type(part))
    return part if way is _as_it_is else way(part)


def _model(part: Any) -> Any:
    made = _new(type(part))
    for name, value in part.__dict__.items():
        _set(made, name, value if type(value) in _PLAIN else _compact(value))
    _set(made, "__pydantic_fields_set__", _NO_NAMES)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


def _tuple(part: tuple[Any, ...]) -> tuple[Any, ...]:
    # Hardly ever of more than one type; asked for each, since nothing says so.
    return tuple([(_WAYS.get(type(one)) or _way(type(one)))(one) for one in part])


def _as_it_is(part: Any) -> Any:
    return part


_WAYS: dict[type, Callable[[Any], Any]] = {}
"""By type, since asking what a part is costs more than all the rest; there are some thirty types."""


def _way(kind: type) -> Callable[[Any], Any]:
    way = _model if issubclass(kind, BaseModel) else _tuple if kind is tuple else _as_it_is
    return _WAYS.setdefault(kind, way)
