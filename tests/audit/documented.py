"""Holds Details to the taxonomy: where a test's fake takes the rows of an emitter, and where emitters write straight.

`hold_straight_rows` watches those that go past the fakes: the store's own rows, the command line's and the collector's
(through `Sender`), and what the recorder's sweeper, gates and upkeep put into the outbox in a transaction of theirs.
"""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from callkeeper.audit.actions import Action
from callkeeper.audit.sender import Sender
from callkeeper.audit.taxonomy import TAXONOMY
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.rows import Rows

_PASSED_ON = {"callkeeper.recorder.outbox_audit", "callkeeper.recorder.upkeep.replaying"}
"""Modules that put rows into the outbox for somebody else, whose fakes hold them."""


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


def hold_straight_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """See that whatever our own code writes past the fakes, while the test lasts, is documented."""
    emit, add_event = Sender.emit, Rows.add_event

    async def held_emit(self: Sender, **event: Any) -> int:
        if _caller() is not None:
            assert_documented(event["action"], event.get("details") or {})
        return await emit(self, **event)

    def held_event(self: Rows, event: Event) -> int:
        if _caller() not in {None, *_PASSED_ON}:
            assert_documented(event.action, event.details)
        return add_event(self, event)

    monkeypatch.setattr(Sender, "emit", held_emit)
    monkeypatch.setattr(Rows, "add_event", held_event)


def _caller() -> str | None:
    """The module of our own code that called what was replaced; None where a test did."""
    name: str = sys._getframe(2).f_globals["__name__"]
    return name if name.startswith("callkeeper.") else None
