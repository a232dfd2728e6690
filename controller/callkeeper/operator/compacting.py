"""Readings in little room: a cluster's objects are kept for days, and most of them are lists of small parts.

Facts
    A pydantic model keeps its fields in a dictionary of its own (184 bytes for two) and a set of those that were given.
    An instance whose fields are set one by one shares the names with all others of its class, and takes a third.
"""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from callkeeper.kinds.reading import ObjectReading

_NO_NAMES: set[str] = set()

_SLOTS = (("__pydantic_fields_set__", _NO_NAMES), ("__pydantic_extra__", None), ("__pydantic_private__", None))
"""Nobody asks which fields were given and which are defaults; there are no others than those declared."""

_ATOMS = frozenset({str, int, bool, float, type(None)})
"""Asking whether it is a model costs more than all the rest."""

_set = object.__setattr__


def compact(reading: ObjectReading) -> ObjectReading:
    """The same reading in less memory; equal to the one given."""
    return replace(reading, resource=_compact(reading.resource))


def _compact(part: Any) -> Any:
    if isinstance(part, BaseModel):
        model = type(part)
        made = model.__new__(model)
        for name, value in part.__dict__.items():
            _set(made, name, value if type(value) in _ATOMS else _compact(value))
        for name, empty in _SLOTS:
            _set(made, name, empty)
        return made
    if isinstance(part, tuple):
        return tuple(map(_compact, part))
    return part
