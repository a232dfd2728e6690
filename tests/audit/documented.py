"""Holds Details to the taxonomy, wherever a test's fake takes the rows of an emitter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.taxonomy import TAXONOMY


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None


_IS = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "list of text": lambda value: isinstance(value, list | tuple) and all(isinstance(one, str) for one in value),
    "instant": _is_instant,
}


def assert_documented(action: Action, details: Mapping[str, Any]) -> None:
    """Every field is one the taxonomy lists for this action, of the type it says; and the action counts as emitted."""
    entry = TAXONOMY[action]
    assert entry.emitted, f"{action} is emitted; say so in the taxonomy"
    types = {name: kind for name, kind, _ in entry.details}
    for name, value in details.items():
        assert name in types, f"{action}: the taxonomy lists no field {name!r}; it lists {sorted(types)}"
        assert _IS[types[name]](value), f"{action}: {name} is said to be {types[name]} and is {value!r}"
