"""The minimum that ended recordings were promised, written down so that no later rule takes it away.

Facts:
    - `minimumRetention` may grow and never shrinks for a recording that was kept under it (`policy.retention`).
    - How far the writing came is kept with the minimum it was for: only what ended since is looked at.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from callkeeper.policy.retention import NOTHING, grown_minimum
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.search import Place

PROMISED = "promised-minimum"
"""The small fact that says up to where minimum retention was written down, and which."""

PROMISES = 100
"""Recordings looked at in one go, and written in one transaction."""


class Promising:
    """Writes promises down, as a part of each sweep."""

    def __init__(self, store: Store, programming: Programming, clock: Clock) -> None:
        self._store = store
        self._programming = programming
        self._clock = clock

    async def once(self, rule: Rule) -> None:
        """Write down what the rule promises to the recordings that ended since the last time.

        Raises:
            StorageFault: the store cannot be read or written.
        """
        minimum = rule.terms.minimum
        if minimum == NOTHING:
            return
        after = _promised(await self._store.read(lambda rows: rows.meta(PROMISED)), minimum)
        now, begun = self._clock.now(), after
        while True:
            async with self._programming.steady() as stored:
                page = await self._store.read(partial(_ended, before=now, after=after))
                if not page or Rule.of(stored).terms.minimum != minimum:
                    break
                wanted = _promises(page, rule)
                if wanted:
                    await self._store.write(partial(_write_promises, promises=wanted))
            after = place_of(page[-1])
        if after is not None and after != begun:
            kept = json.dumps({"minimum": minimum.total_seconds(), "clock": after[0].isoformat(), "key": after[1]})
            await self._store.write(lambda rows: rows.set_meta(PROMISED, kept))


def place_of(recording: KeptRecording) -> Place:
    """Where a recording stands among those that have ended, by their clocks."""
    assert recording.clock is not None
    return recording.clock, recording.key


def _ended(rows: Reading, before: datetime, after: Place | None) -> list[KeptRecording]:
    return rows.ended_before(before, after, PROMISES)


def _promised(kept: str | None, minimum: timedelta) -> Place | None:
    value = None if kept is None else json.loads(kept)
    if value is None or value["minimum"] != minimum.total_seconds():
        return None
    return datetime.fromisoformat(value["clock"]), value["key"]


def _promises(page: Sequence[KeptRecording], rule: Rule) -> list[tuple[int, datetime]]:
    found = []
    for recording in page:
        until = grown_minimum(ended_at=recording.clock, rule=rule.terms, minimum_until=recording.minimum_until)
        if until is not None and until != recording.minimum_until:
            found.append((recording.key, until))
    return found


def _write_promises(rows: Writing, promises: Iterable[tuple[int, datetime]]) -> None:
    for recording, until in promises:
        rows.grow_minimum(recording, until)
