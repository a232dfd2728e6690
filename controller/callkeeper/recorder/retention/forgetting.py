"""Forgetting who took part in calls: once no check looks back at them, nothing needs to know.

The effects of a candidate config are counted on the calls of the last 30 days (`effects`). What is older is told by the
ledger, which names nobody, and by the recordings, which have their own retention; who took part in a call that was not
recorded is kept nowhere after that.

Facts:
    - How far it came is kept, so that a sweep looks only at what has become too old since the one before.
    - A segment that is open for longer than that is passed by and looked at again: it is written anew when it ends.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter

from callkeeper.recorder import bounds
from callkeeper.recorder.store.port import Reading, Store, Writing

FORGOTTEN = "calls-forgotten"
"""The small fact up to which segment it has been done, and which open ones were passed by."""

BATCH = 200
"""Segments in one transaction: a few milliseconds."""


class Forgetting:
    """Drops who took part in calls that are too old to be looked back at."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def once(self, now: datetime) -> int:
        """Forget what has become too old.

        Returns:
            How many segments were looked at.

        Raises:
            StorageFault: the store cannot be read or written; the next time it goes on from where it came to.
        """
        before, looked_at = now - timedelta(days=bounds.CONSIDERED_DAYS), 0
        while True:
            begun = perf_counter()
            batch = await self._store.read(partial(_Batch.of, before=before))
            if batch.ended or batch.new:
                await self._store.write(batch.forget)
            looked_at += batch.new
            if batch.new < BATCH:
                return looked_at
            # As long as the batch took: half of the time is for others, as in a sweep.
            await asyncio.sleep(perf_counter() - begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Some segments that are too old.

    Attributes:
        ended: their calls are forgotten.
        passed: these are open, and looked at again the next time.
        number: the last one that was looked at.
        new: how many were not looked at before.
    """

    ended: list[int]
    passed: list[int]
    number: int
    new: int

    @classmethod
    def of(cls, rows: Reading, before: datetime) -> "_Batch":
        kept = json.loads(rows.meta(FORGOTTEN) or '{"number": 0, "passed": []}')
        again = [found for one in kept["passed"] for found in rows.started_before(before, one - 1, 1)]
        new = rows.started_before(before, kept["number"], BATCH)
        return cls(
            ended=[number for number, has_ended in (*again, *new) if has_ended],
            passed=[number for number, has_ended in (*again, *new) if not has_ended],
            number=new[-1][0] if new else kept["number"],
            new=len(new),
        )

    def forget(self, rows: Writing) -> None:
        rows.forget_calls(self.ended)
        rows.set_meta(FORGOTTEN, json.dumps({"number": self.number, "passed": self.passed}))
