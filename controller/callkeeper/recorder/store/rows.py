"""Every subject on one connection, with the audit events on their way and the small facts: the port, in SQL."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from callkeeper.audit.actions import Action
from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.json_rows import all_given, given, insert_all
from callkeeper.recorder.store.outbox import Event, OutboxSize
from callkeeper.recorder.store.retention_rows import RetentionRowsSql
from callkeeper.recorder.store.schema import meta, outbox
from callkeeper.recorder.store.user_rows import UserRowsSql

# Made once: a sweep runs each of them for every recording, and making one costs more than running it.
_ADD_EVENT = insert(outbox)
_META = select(meta.c.value).where(meta.c.name == bindparam("asked"))
_insert_meta = insert(meta)
_SET_META = _insert_meta.on_conflict_do_update(
    index_elements=[meta.c.name], set_={"value": _insert_meta.excluded.value}
)
_FORGET_META = delete(meta).where(meta.c.name == bindparam("asked"))
_METAS = select(meta.c.name, meta.c.value).where(meta.c.name.in_(all_given()))
_insert_metas = insert_all(meta, ["name", "value"])
_SET_METAS = _insert_metas.on_conflict_do_update(
    index_elements=[meta.c.name], set_={"value": _insert_metas.excluded.value}
)
_FORGET_METAS = delete(meta).where(meta.c.name.in_(all_given()))
_EVENT = ["at", "email", "ip_address", "app_name", "action", "details"]
_ADD_EVENTS = insert_all(outbox, _EVENT)


class Rows(RetentionRowsSql, UserRowsSql):
    """A `port.Writing` over a connection; a `port.Reading` where the connection only reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_added_events = False

    def add_event(self, event: Event) -> int:
        """See the port."""
        added = self._connection.execute(_ADD_EVENT, dict(zip(_EVENT, _values(event), strict=True)))
        self.has_added_events = True
        assert added.inserted_primary_key is not None
        return int(added.inserted_primary_key[0])

    def add_events(self, events: Sequence[Event]) -> None:
        """See the port."""
        if events:
            self._connection.execute(_ADD_EVENTS, given(map(_values, events)))
            self.has_added_events = True

    def undelivered(self, limit: int) -> list[tuple[int, Event]]:
        """See the port."""
        asked = select(outbox).order_by(outbox.c.sequence).limit(limit)
        return [
            (
                row.sequence,
                Event(
                    at=instant_of(row.at),
                    email=row.email,
                    ip_address=row.ip_address,
                    app_name=row.app_name,
                    action=Action(row.action),
                    details=json.loads(row.details),
                ),
            )
            for row in self._connection.execute(asked)
        ]

    def outbox_size(self) -> OutboxSize:
        """See the port."""
        first = self._connection.execute(select(outbox.c.sequence, outbox.c.at).order_by(outbox.c.sequence).limit(1))
        row = first.first()
        if row is None:
            return OutboxSize(rows=0, oldest=None)
        # Numbers are given without gaps and taken away from the front: counting a hundred thousand rows is not needed.
        last = self._connection.scalar(select(func.max(outbox.c.sequence)))
        return OutboxSize(rows=int(last or 0) - row.sequence + 1, oldest=instant_of(row.at))

    def last_event_number(self) -> int:
        """See the port."""
        asked = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(self._connection.scalar(asked, {"name": outbox.name}) or 0)

    def acknowledge(self, sequence: int) -> None:
        """See the port."""
        self._connection.execute(delete(outbox).where(outbox.c.sequence <= sequence))
        self._give_no_lower(sequence)

    def renumber_events(self, *, after: int, least: int) -> None:
        """See the port."""
        above = outbox.c.sequence > after
        first, last = self._connection.execute(
            select(func.min(outbox.c.sequence), func.max(outbox.c.sequence)).where(above)
        ).one()
        if first is None:
            return
        # By way of negative numbers: two events never have the same one in between.
        moved = -(outbox.c.sequence + (least - first))
        self._connection.execute(update(outbox).where(above).values(sequence=moved))
        self._connection.execute(update(outbox).where(outbox.c.sequence < 0).values(sequence=-outbox.c.sequence))
        self._give_no_lower(least + last - first)

    def _give_no_lower(self, sequence: int) -> None:
        """Give the next event a number above this one."""
        run = self._connection.execute
        given = {"name": outbox.name, "sequence": sequence}
        raised = run(text("UPDATE sqlite_sequence SET seq = max(seq, :sequence) WHERE name = :name"), given)
        if raised.rowcount == 0:
            run(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :sequence)"), given)

    def meta(self, name: str) -> str | None:
        """See the port."""
        return self._connection.scalar(_META, {"asked": name})

    def metas(self, names: Sequence[str]) -> dict[str, str]:
        """See the port."""
        found = self._connection.execute(_METAS, given(names))
        return {row.name: row.value for row in found}

    def set_metas(self, values: Mapping[str, str]) -> None:
        """See the port."""
        self._connection.execute(_SET_METAS, given(values.items()))

    def forget_metas(self, names: Sequence[str]) -> None:
        """See the port."""
        self._connection.execute(_FORGET_METAS, given(names))

    def set_meta(self, name: str, value: str) -> None:
        """See the port."""
        self._connection.execute(_SET_META, {"name": name, "value": value})

    def forget_meta(self, name: str) -> None:
        """See the port."""
        self._connection.execute(_FORGET_META, {"asked": name})


def _values(event: Event) -> list[Any]:
    """In the order of `_EVENT`."""
    details = json.dumps(dict(event.details))
    return [micros(event.at), event.email, event.ip_address, event.app_name, event.action.value, details]
