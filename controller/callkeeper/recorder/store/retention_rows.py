"""What expiry, holds and removal need, in SQL. The arithmetic is `policy.retention`'s."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.json_rows import all_given, given, insert_all
from callkeeper.recorder.store.recording import KeptRecording, Status
from callkeeper.recorder.store.recording_rows import RecordingRowsSql
from callkeeper.recorder.store.retention import ErasureRequest, ExpiringRecording, KeptHold, Tombstone
from callkeeper.recorder.store.schema import erasure_requests, holds, recordings, tombstones

_STREAMED_ROWS = 1_000
_IN_ONE_QUERY = 500
Holds = dict[str, tuple[KeptHold, ...]]


_TOMBSTONE = tombstones.c.keys()
_BURIED = select(tombstones.c.recording).where(tombstones.c.recording.in_(all_given()))
_BURY = insert_all(tombstones, _TOMBSTONE).on_conflict_do_nothing()
_REMOVE = delete(recordings).where(recordings.c.key.in_(all_given()))


class RetentionRowsSql(RecordingRowsSql):
    """See `port.RetentionRows`, and what of `port.Writing` concerns it."""

    _connection: Connection

    def ended_before(self, instant: datetime, after: tuple[datetime, int] | None, limit: int) -> list[KeptRecording]:
        """See the port."""
        own = recordings.c
        asked = select(own.key).where(own.clock < micros(instant))
        if after is not None:
            clock, key = micros(after[0]), after[1]
            asked = asked.where(own.clock >= clock, or_(own.clock > clock, own.key > key))
        asked = asked.order_by(own.clock, own.key).limit(limit)
        return self.recordings_of(self._connection.scalars(asked).all())

    def unreachable(self, limit: int) -> list[KeptRecording]:
        """See the port."""
        own = recordings.c
        asked = select(own.key).where(own.status == Status.UNREACHABLE.value).order_by(own.opened, own.key)
        return self.recordings_of(self._connection.scalars(asked.limit(limit)).all())

    def expiring(self, *, before: datetime | None = None, since: datetime | None = None) -> Iterator[ExpiringRecording]:
        """See the port."""
        own = recordings.c
        asked = select(own.key, own.id, own.conversation, own.clock, own.minimum_until)
        asked = asked.where(own.status != Status.UNREACHABLE.value)
        if before is not None:
            asked = asked.where(or_(own.clock.is_(None), own.clock < micros(before)))
        if since is not None:
            asked = asked.where(own.clock >= micros(since))
            asked = asked.with_hint(recordings, "INDEXED BY ix_recordings_clock", "sqlite")
        found = self._connection.execution_options(stream_results=True).execute(asked)
        for rows in found.partitions(_STREAMED_ROWS):
            for key, identifier, conversation, clock, minimum_until in rows:
                yield ExpiringRecording(
                    key=key,
                    id=identifier,
                    conversation=conversation,
                    clock=instant_of(clock),
                    minimum_until=instant_of(minimum_until),
                )

    def holds_of(self, conversations: Iterable[str]) -> Holds:
        """See the port."""
        wanted = sorted(set(conversations))
        found: Holds = {}
        for begun in range(0, len(wanted), _IN_ONE_QUERY):
            some = wanted[begun : begun + _IN_ONE_QUERY]
            found |= self._holds(select(holds).where(holds.c.conversation.in_(some)))
        return found

    def all_holds(self) -> Holds:
        """See the port."""
        return self._holds(select(holds))

    def _holds(self, asked: Select[Any]) -> Holds:
        found: dict[str, list[KeptHold]] = defaultdict(list)
        for row in self._connection.execute(asked.order_by(holds.c.placed, holds.c.id)):
            found[row.conversation].append(_hold(row))
        return {conversation: tuple(these) for conversation, these in found.items()}

    def hold(self, identifier: str) -> KeptHold | None:
        """See the port."""
        row = self._connection.execute(select(holds).where(holds.c.id == identifier)).first()
        return None if row is None else _hold(row)

    def add_hold(self, hold: KeptHold) -> None:
        """See the port."""
        self._connection.execute(
            insert(holds).values(
                id=hold.id,
                conversation=hold.conversation,
                owner=hold.owner,
                reason=hold.reason,
                placed=micros(hold.placed),
                released=micros(hold.released),
                released_by=hold.released_by,
            )
        )

    def release_hold(self, identifier: str, *, by: str, at: datetime) -> bool:
        """See the port."""
        released = update(holds).where(holds.c.id == identifier, holds.c.released.is_(None))
        return self._connection.execute(released.values(released=micros(at), released_by=by)).rowcount > 0

    def tombstone(self, recording: str) -> Tombstone | None:
        """See the port."""
        row = self._connection.execute(select(tombstones).where(tombstones.c.recording == recording)).first()
        return None if row is None else _tombstone(row)

    def tombstones_of(self, conversation: str, limit: int) -> list[Tombstone]:
        """See the port."""
        table = tombstones.c
        asked = select(tombstones).where(table.conversation == conversation).order_by(table.key).limit(limit)
        return [_tombstone(row) for row in self._connection.execute(asked)]

    def tombstones_since(self, instant: datetime) -> Iterator[Tombstone]:
        """See the port."""
        table = tombstones.c
        asked = select(tombstones).where(table.removed >= micros(instant)).order_by(table.removed, table.key)
        found = self._connection.execution_options(stream_results=True).execute(asked)
        for rows in found.partitions(_STREAMED_ROWS):
            yield from map(_tombstone, rows)

    def bury(self, tombstone: Tombstone) -> bool:
        """See the port."""
        return bool(self.bury_all((tombstone,)))

    def bury_all(self, buried: Sequence[Tombstone]) -> frozenset[str]:
        """See the port."""
        names = [one.recording for one in buried]
        before = self._connection.scalars(_BURIED, given(names)).all()
        self._connection.execute(_BURY, given(map(_values_of, buried)))
        self._connection.execute(_REMOVE, given(one.key for one in buried))
        return frozenset(names).difference(before)

    def open_erasures(self) -> list[ErasureRequest]:
        """See the port."""
        table = erasure_requests.c
        asked = select(erasure_requests).where(table.executed.is_(None)).order_by(table.requested, table.id)
        return [
            ErasureRequest(
                id=row.id,
                recording=row.recording,
                requested_by=row.requested_by,
                requested=instant_of(row.requested),
                executed=None,
            )
            for row in self._connection.execute(asked)
        ]

    def add_erasure(self, request: ErasureRequest) -> None:
        """See the port."""
        self._connection.execute(
            insert(erasure_requests).values(
                id=request.id,
                recording=request.recording,
                requested_by=request.requested_by,
                requested=micros(request.requested),
                executed=micros(request.executed),
            )
        )
        self._connection.execute(update(recordings).where(recordings.c.id == request.recording).values(restricted=True))

    def execute_erasure(self, identifier: str, *, at: datetime) -> bool:
        """See the port."""
        table = erasure_requests.c
        executed = update(erasure_requests).where(table.id == identifier, table.executed.is_(None))
        return self._connection.execute(executed.values(executed=micros(at))).rowcount > 0


def _values_of(tombstone: Tombstone) -> list[Any]:
    """In the order of `_TOMBSTONE`."""
    value = {name: getattr(tombstone, name) for name in _TOMBSTONE}
    value["groups"] = json.dumps(tombstone.groups)
    for name in ("opened", "closed", "clock", "removed"):
        value[name] = micros(value[name])
    return list(value.values())


def _hold(row: Any) -> KeptHold:
    return KeptHold(
        id=row.id,
        conversation=row.conversation,
        owner=row.owner,
        reason=row.reason,
        placed=instant_of(row.placed),
        released=instant_of(row.released),
        released_by=row.released_by,
    )


def _tombstone(row: Any) -> Tombstone:
    return Tombstone(
        recording=row.recording,
        key=row.key,
        segment=row.segment,
        conversation=row.conversation,
        user=row.user,
        groups=tuple(json.loads(row.groups)),
        opened=instant_of(row.opened),
        closed=instant_of(row.closed),
        clock=instant_of(row.clock),
        sha256=row.sha256,
        bytes=row.bytes,
        removed=instant_of(row.removed),
        removed_by=row.removed_by,
        why=row.why,
        rule=row.rule,
        revision=row.revision,
    )
