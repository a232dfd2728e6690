"""Segments, their recordings as calls make them, and the ledger, in SQL.

Facts about `save_segments`:
    - It is an upsert of snapshots: writing the same or a later one again is harmless, and a snapshot that was never
      written is made up for by the next.
    - It owns what calls know (times, stretches, decision) and leaves alone what others know: a status beyond closed,
      media, minimum, the ledger's state as it follows from media. A recording that was buried stays buried.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from callkeeper.policy.call import Call, Identity, Party
from callkeeper.policy.numbers import normalize_number
from callkeeper.policy.rules import Rules
from callkeeper.recorder.segment import Recording, Segment
from callkeeper.recorder.store.call_json import call_of, call_text
from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.schema import recording_parties, recording_viewers, recordings, segments, tombstones
from callkeeper.recorder.store.values import (
    KeptDecision,
    LedgerRow,
    LedgerState,
    Status,
    key_of,
    recording_id,
)

_NEVER_UPDATED = {"number", "id", "native_id", "conversation", "parent", "started", "config_revision", "interrupted"}
_STREAMED_ROWS = 1_000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_SAVED = [
    "key", "id", "segment", "conversation", "user", "groups", "cause", "mode", "whole_call", "shared_line", "kind",
    "direction", "scope", "opened", "closed", "status", "clock", "restricted", "stretches",
]  # fmt: skip


def _columns(names: Sequence[str]) -> dict[str, Any]:
    """The columns of rows that travel as one JSON text, by name."""
    return {name: func.json_extract(literal_column("value"), f"$[{place}]") for place, name in enumerate(names)}


def _many(table: Table, names: Sequence[str], only: Callable[[Mapping[str, Any]], ColumnElement[bool]]) -> Insert:
    """Insert however many rows there are in one step of the database.

    Row by row, the writer's thread would give the interpreter away at each of them and wait for it again: with six
    rows to a call and the event loop busy, a commit would take longer than the disk does.
    """
    columns = _columns(names)
    rows = func.json_each(bindparam("rows", type_=Text)).table_valued("value")
    return insert(table).from_select(list(names), select(*columns.values()).select_from(rows).where(only(columns)))


def _every(_: Mapping[str, Any]) -> ColumnElement[bool]:
    # SQLite cannot tell ON CONFLICT from a join's ON behind a SELECT without WHERE.
    return literal_column("1 = 1")


def _unless_buried(columns: Mapping[str, Any]) -> ColumnElement[bool]:
    return ~exists(select(tombstones.c.recording).where(tombstones.c.recording == columns["id"]))


def _where_recording_is(columns: Mapping[str, Any]) -> ColumnElement[bool]:
    return exists(select(recordings.c.key).where(recordings.c.key == columns["recording"]))


_insert_segment = _many(segments, segments.c.keys(), _every)
_excluded_segment = _insert_segment.excluded
_follows_media = (_excluded_segment.recordings <= segments.c.recordings) & or_(
    segments.c.state == LedgerState.RECORDED.value, segments.c.state == LedgerState.FAILED.value
)
SAVE_SEGMENT = _insert_segment.on_conflict_do_update(
    index_elements=[segments.c.number],
    set_={name: _excluded_segment[name] for name in segments.c.keys() if name not in _NEVER_UPDATED}  # noqa: SIM118 - a collection of columns, not a dict
    | {
        # Once media has come or failed to, the state follows from that, until another recording is awaited.
        name: case((_follows_media, segments.c[name]), else_=_excluded_segment[name])
        for name in ("state", "why")
    },
)
_insert_recording = _many(recordings, _SAVED, _unless_buried)
_excluded = _insert_recording.excluded
_ours = or_(recordings.c.status == Status.OPEN.value, recordings.c.status == Status.CLOSED.value)
SAVE_RECORDING = _insert_recording.on_conflict_do_update(
    index_elements=[recordings.c.key],
    set_={
        "kind": _excluded.kind,
        "direction": _excluded.direction,
        "scope": _excluded.scope,
        "stretches": _excluded.stretches,
        "closed": func.coalesce(_excluded.closed, recordings.c.closed),
        "clock": case((recordings.c.status == Status.INTERRUPTED.value, recordings.c.clock), else_=_excluded.clock),
        "status": case((_ours, _excluded.status), else_=recordings.c.status),
    },
)
SAVE_VIEWER, SAVE_PARTY = (
    _many(table, table.c.keys(), _where_recording_is).on_conflict_do_nothing()
    for table in (recording_viewers, recording_parties)
)


class SegmentRowsSql:
    """See `port.SegmentRows`, and what of `port.Writing` concerns segments."""

    _connection: Connection

    def last_number(self) -> int:
        """The highest number a segment has; 0 without any."""
        return int(self._connection.scalar(select(func.coalesce(func.max(segments.c.number), 0))) or 0)

    def ledger(self, start: datetime, end: datetime, after: int, limit: int) -> list[LedgerRow]:
        """See the port."""
        columns = [
            segments.c[name]
            for name in (
                "number", "id", "conversation", "kind", "started", "ended", "interrupted", "outcome", "reason",
                "state", "why", "recordings", "config_revision",
            )
        ]  # fmt: skip
        asked = (
            select(*columns)
            .where(segments.c.started >= micros(start), segments.c.started < micros(end), segments.c.number > after)
            .order_by(segments.c.number)
            .limit(limit)
        )
        return [
            LedgerRow(
                number=row.number,
                segment=row.id,
                conversation=row.conversation,
                kind=row.kind,
                started=instant_of(row.started),
                ended=instant_of(row.ended),
                interrupted=row.interrupted,
                outcome=row.outcome,
                reason=row.reason,
                state=LedgerState(row.state),
                why=row.why,
                recordings=row.recordings,
                config_revision=row.config_revision,
            )
            for row in self._connection.execute(asked)
        ]

    def ledger_totals(self, start: datetime, end: datetime) -> dict[LedgerState, int]:
        """See the port."""
        asked = (
            select(segments.c.state, func.count())
            .where(segments.c.started >= micros(start), segments.c.started < micros(end))
            .group_by(segments.c.state)
        )
        return dict.fromkeys(LedgerState, 0) | {
            LedgerState(state): count for state, count in self._connection.execute(asked)
        }

    def decision_on(self, recording: int) -> KeptDecision | None:
        """See the port."""
        asked = (
            select(recordings.c.user, segments)
            .join(segments, segments.c.number == recordings.c.segment)
            .where(recordings.c.key == recording)
        )
        row = self._connection.execute(asked).first()
        if row is None:
            return None
        # A user who has left is not among the last decisions: what was decided for the segment stands for them.
        mine = next((found for found in json.loads(row.decisions) if found[0] == row.user), None)
        outcome, reason, source = mine[1:] if mine else (row.outcome, row.reason, None)
        return KeptDecision(
            outcome=outcome,
            reason=reason,
            source=source,
            config_revision=row.config_revision,
            directory_revision=row.directory_revision,
        )

    def calls_since(self, start: datetime) -> Iterator[tuple[str, Call]]:
        """See the port."""
        asked = select(segments.c.id, segments.c.native_id, segments.c.conversation, segments.c.call).where(
            segments.c.started >= micros(start), segments.c.call.is_not(None)
        )
        found = self._connection.execution_options(stream_results=True).execute(asked)
        for rows in found.partitions(_STREAMED_ROWS):
            for identifier, native_id, conversation, text in rows:
                yield identifier, call_of(native_id, conversation, text)

    def save_segments(self, saved: Sequence[Segment]) -> None:
        """See the port."""
        rows = _Rows()
        for segment in saved:
            rows.add(segment)
        for statement, values in (
            (SAVE_SEGMENT, rows.segments),
            (SAVE_RECORDING, rows.recordings),
            (SAVE_VIEWER, rows.viewers),
            (SAVE_PARTY, rows.parties),
        ):
            if values:
                self._connection.execute(statement, {"rows": _text(values)})

    def withdraw(self, keys: Sequence[int]) -> None:
        """See the port."""
        if keys:
            own = recordings.c
            not_begun = own.key.in_(keys), own.status == Status.OPEN.value, own.path.is_(None)
            self._connection.execute(delete(recordings).where(*not_begun))

    def interrupt_open(self) -> tuple[int, int]:
        """See the port."""
        run = self._connection.execute
        open_numbers = select(segments.c.number).where(segments.c.ended.is_(None))
        latest = select(segments.c.latest).where(segments.c.number == recordings.c.segment).scalar_subquery()
        cut = run(
            update(recordings)
            .where(recordings.c.status == Status.OPEN.value)
            .values(
                status=Status.INTERRUPTED.value,
                closed=func.max(latest, func.coalesce(recordings.c.last_media, recordings.c.opened)),
                clock=func.max(latest, func.coalesce(recordings.c.last_media, recordings.c.opened)),
            )
        ).rowcount
        # Recordings that had ended in an open segment: their clock waited for its end.
        run(
            update(recordings)
            .where(recordings.c.segment.in_(open_numbers), recordings.c.clock.is_(None))
            .values(clock=func.max(latest, func.coalesce(recordings.c.closed, recordings.c.opened)))
        )
        numbers = [row.number for row in run(open_numbers)]
        self._connection.execute(
            update(segments).where(segments.c.ended.is_(None)).values(ended=segments.c.latest, interrupted=True)
        )
        self.follow(numbers)
        return len(numbers), cut

    def started_before(self, instant: datetime, after: int, limit: int) -> list[tuple[int, bool]]:
        """See the port."""
        own = segments.c
        asked = select(own.number, own.ended.is_not(None)).where(own.number > after, own.started < micros(instant))
        return [
            (number, bool(ended)) for number, ended in self._connection.execute(asked.order_by(own.number).limit(limit))
        ]

    def forget_calls(self, numbers: Sequence[int]) -> None:
        """See the port."""
        if numbers:
            self._connection.execute(_FORGET_CALL, [{"forgotten": number} for number in numbers])

    def follow(self, numbers: Sequence[int]) -> None:
        """Let the ledger's state of these segments follow from their recordings."""
        if numbers:
            self._connection.execute(FOLLOW, [{"followed": number} for number in numbers])


_FORGET_CALL = (
    update(segments)
    .where(segments.c.number == bindparam("forgotten"), segments.c.ended.is_not(None), segments.c.call.is_not(None))
    .values(call=None)
)


def _text(rows: list[list[Any]]) -> str:
    """The rows as one JSON text.

    Raises:
        ValueError: a text in it holds U+0000, which the database would take for its end, or half a surrogate pair.
    """
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError("U+0000 in a text of a segment")
    return text


def _has(*statuses: Status) -> Any:
    # No IN list: those are written anew for each execution, which many rows at once do not allow.
    of_these = or_(*[recordings.c.status == status.value for status in statuses])
    return exists(select(recordings.c.key).where(recordings.c.segment == segments.c.number, of_these))


FOLLOW = (
    update(segments)
    .where(segments.c.number == bindparam("followed"), segments.c.recordings > 0)
    .values(
        state=case(
            (_has(Status.OPEN, Status.CLOSED), LedgerState.EXPECTED.value),
            (_has(Status.INTERRUPTED, Status.FAILED), LedgerState.FAILED.value),
            else_=LedgerState.RECORDED.value,
        ),
        why=case(
            (_has(Status.OPEN), "Open"),
            (_has(Status.CLOSED), "MediaAwaited"),
            (_has(Status.INTERRUPTED), "Interrupted"),
            (_has(Status.FAILED), "NoMedia"),
            else_="MediaComplete",
        ),
    )
)


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
                json.dumps(
                    [
                        [
                            found.user,
                            found.outcome,
                            found.reason,
                            str(found.source) if found.source else None,
                        ]
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
                json.dumps(recording.groups),
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
                json.dumps(
                    [[micros(found.begun), micros(found.ended), found.ended_by] for found in recording.stretches]
                ),
            ]
        )
        for viewer in (f"u:{user}", *[f"g:{group}" for group in recording.groups]):
            self.viewers.append([viewer, opened, key])
        for position, (role, party) in enumerate(recording.parties):
            number, display = shown_party(party)
            self.parties.append([key, position, opened, role, number, display, party.user])


def shown_party(party: Party) -> tuple[str | None, str]:
    """The number a party is searched by, and what is shown of it.

    A number asserted under privacy is neither: a search that finds it would tell it (RFC 3325, section 7).
    """
    if party.identity is Identity.ANONYMOUS:
        return None, "anonymous"
    number = None if party.number is None else normalize_number(party.number)
    return number, number or party.user or ""
