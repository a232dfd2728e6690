"""Segments on their way into the tables: however many there are, one statement of the database writes them all.

    INSERT INTO saved_segments (segments, recordings, viewers, parties) VALUES (?, ?, ?, ?)

`saved_segments` is a view that every connection which writes has for itself; the rows of each table come as one JSON
text, and a trigger puts them where they belong. Row by row, or table by table, the thread that writes would give the
interpreter away at each step and wait for it again: with an event loop that is busy, most of a commit was that.

Facts:
    - It is an upsert of snapshots: writing the same or a later one again is harmless, and a snapshot that was never
      written is made up for by the next.
    - It owns what calls know (times, stretches, decision) and leaves alone what others know: a status beyond closed,
      media, minimum, the ledger's state as it follows from media. A recording that was buried stays buried.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, case, exists, func, literal_column, or_, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert

from callkeeper.policy.call import Identity, Party
from callkeeper.policy.numbers import normalize_number
from callkeeper.policy.rules import Rules
from callkeeper.recorder.calls.segment import Recording, Segment
from callkeeper.recorder.store.call_json import call_text
from callkeeper.recorder.store.instants import micros
from callkeeper.recorder.store.json_rows import Only, encode, every, insert_all
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.recording import Status, key_of, recording_id
from callkeeper.recorder.store.schema import recording_parties, recording_viewers, recordings, segments, tombstones

SAVE = "INSERT INTO saved_segments (segments, recordings, viewers, parties) VALUES (?, ?, ?, ?)"
_NEVER_UPDATED = {"number", "id", "native_id", "conversation", "parent", "started", "config_revision", "interrupted"}
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_SAVED = [
    "key", "id", "segment", "conversation", "user", "groups", "cause", "mode", "whole_call", "shared_line", "kind",
    "direction", "scope", "opened", "closed", "status", "clock", "restricted", "stretches",
]  # fmt: skip


@cache
def preparations() -> tuple[str, ...]:
    """The statements that give a connection its `saved_segments`; harmless when run again."""
    body = "; ".join(map(_text, (_save_segments(), _save_recordings(), *_save_what_hangs_on_recordings())))
    return (
        "CREATE TEMP VIEW IF NOT EXISTS saved_segments (segments, recordings, viewers, parties) AS SELECT 1, 1, 1, 1",
        f"CREATE TEMP TRIGGER IF NOT EXISTS save_segments INSTEAD OF INSERT ON saved_segments BEGIN {body}; END",
    )


def parameters_of(saved: Iterable[Segment]) -> tuple[str | None, ...]:
    """What `SAVE` takes to write these segments.

    Raises:
        ValueError: a text holds U+0000, which the database would take for its end, or half a surrogate pair.
    """
    rows = _Rows()
    for segment in saved:
        rows.add(segment)
    tables = rows.segments, rows.recordings, rows.viewers, rows.parties
    return tuple([_json(table) if table else None for table in tables])


def shown_party(party: Party) -> tuple[str | None, str]:
    """The number a party is searched by, and what is shown of it.

    A number asserted under privacy is neither: a search that finds it would tell it (RFC 3325, section 7).
    """
    if party.identity is Identity.ANONYMOUS:
        return None, "anonymous"
    number = None if party.number is None else normalize_number(party.number)
    return number, number or party.user or ""


def _save_segments() -> Insert:
    inserted = _many(segments, segments.c.keys(), "segments")
    new = inserted.excluded
    follows_media = (new.recordings <= segments.c.recordings) & or_(
        segments.c.state == LedgerState.RECORDED.value, segments.c.state == LedgerState.FAILED.value
    )
    changed: dict[str, ColumnElement[Any]] = {
        column.name: new[column.name] for column in segments.c if column.name not in _NEVER_UPDATED
    }
    for name in ("state", "why"):
        # Once media has come or failed to, the state follows from that, until another recording is awaited.
        changed[name] = case((follows_media, segments.c[name]), else_=new[name])
    return inserted.on_conflict_do_update(index_elements=[segments.c.number], set_=changed)


def _save_recordings() -> Insert:
    inserted = _many(recordings, _SAVED, "recordings", _unless_buried)
    new, old = inserted.excluded, recordings.c
    ours = or_(old.status == Status.OPEN.value, old.status == Status.CLOSED.value)
    return inserted.on_conflict_do_update(
        index_elements=[old.key],
        set_={
            "kind": new.kind,
            "direction": new.direction,
            "scope": new.scope,
            "stretches": new.stretches,
            "closed": func.coalesce(new.closed, old.closed),
            "clock": case((old.status == Status.INTERRUPTED.value, old.clock), else_=new.clock),
            "status": case((ours, new.status), else_=old.status),
        },
    )


def _save_what_hangs_on_recordings() -> list[Insert]:
    tables = (recording_viewers, "viewers"), (recording_parties, "parties")
    return [
        _many(table, table.c.keys(), column, _where_recording_is).on_conflict_do_nothing() for table, column in tables
    ]


def _many(table: Table, names: Sequence[str], column: str, only: Only = every) -> Insert:
    """Insert the rows that stand in this column of `saved_segments`."""
    return insert_all(table, names, given=literal_column(f"NEW.{column}"), only=only)


def _unless_buried(columns: Mapping[str, Any]) -> ColumnElement[bool]:
    return ~exists(select(tombstones.c.recording).where(tombstones.c.recording == columns["id"]))


def _where_recording_is(columns: Mapping[str, Any]) -> ColumnElement[bool]:
    return exists(select(recordings.c.key).where(recordings.c.key == columns["recording"]))


def _text(statement: Insert) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def _json(rows: list[list[Any]]) -> str:
    text = encode(rows)
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError("U+0000 in a text of a segment")
    return text


class _Rows:
    """The rows of some segments, by table."""

    def __init__(self) -> None:
        self.segments: list[list[Any]] = []
        self.recordings: list[list[Any]] = []
        self.viewers: list[list[Any]] = []
        self.parties: list[list[Any]] = []

    def add(self, segment: Segment) -> None:
        decision, call = segment.decision, segment.call
        ended = micros(segment.ended)
        count = sum([len(user.recordings) for user in segment.users.values()])
        first = decision.decisions[0] if decision.decisions else None
        if count:
            state, why = LedgerState.EXPECTED, "Open" if ended is None else "MediaAwaited"
        else:
            state, why = LedgerState.SKIPPED, decision.reason
        self.segments.append(
            [
                segment.number,
                segment.id,
                call.native_id,
                call.conversation,
                segment.parent,
                call.kind,
                micros(segment.started),
                ended,
                micros(segment.latest),
                False,
                Rules.of(segment.config).revision,
                first.directory_revision if first else "",
                decision.outcome,
                decision.reason,
                state,
                why,
                count,
                call_text(call),
                encode(
                    [
                        [found.user, found.outcome, found.reason, str(found.source) if found.source else None]
                        for found in decision.decisions
                    ]
                ),
            ]
        )
        for name, user in segment.users.items():
            for recording in user.recordings:
                self._add_recording(segment, name, recording, ended)

    def _add_recording(self, segment: Segment, user: str, recording: Recording, ended: int | None) -> None:
        key, opened = key_of(segment.number, recording.ordinal), micros(recording.opened)
        facts = recording.facts
        self.recordings.append(
            [
                key,
                recording_id(segment.id, recording.ordinal),
                segment.number,
                segment.call.conversation,
                user,
                encode(recording.groups),
                recording.cause,
                "AlwaysOn" if recording.automatic else "OnDemand",
                recording.whole_call,
                facts.shared_line,
                facts.kind,
                facts.direction,
                facts.scope,
                opened,
                micros(recording.closed),
                Status.OPEN if recording.closed is None else Status.CLOSED,
                ended,
                False,
                encode([[micros(found.begun), micros(found.ended), found.ended_by] for found in recording.stretches]),
            ]
        )
        for viewer in (f"u:{user}", *[f"g:{group}" for group in recording.groups]):
            self.viewers.append([viewer, opened, key])
        for position, (role, party) in enumerate(recording.parties):
            number, display = shown_party(party)
            self.parties.append([key, position, opened, role, number, display, party.user])
