"""Segments, their recordings as calls make them, and the ledger, in SQL. How segments are written is in `saving`."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, or_, select, update

from callkeeper.policy.call import Call
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.store.call_json import call_of
from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.ledger import LedgerRow, LedgerState
from callkeeper.recorder.store.recording import KeptDecision, Status
from callkeeper.recorder.store.saving import SAVE, parameters_of, preparations
from callkeeper.recorder.store.schema import recordings, segments

_STREAMED_ROWS = 1_000


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
        for statement in preparations():
            self._connection.exec_driver_sql(statement)
        self._connection.exec_driver_sql(SAVE, parameters_of(saved))

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
