"""Keeping segments: what calls decide in memory is written behind them, the latest of each segment, many at once.

A decision is taken in memory and its answer waits for the commit that holds it. The store may not hold up a call,
though: while it fails, or is slower than `ANSWER_SECONDS`, calls are answered without it, what was not written stays
here, and it is written when the store takes it again.

Facts:
    - Kept is a snapshot, not an event: of a segment that changed ten times while the store was away one row is written,
      and it is the right one. What waits is therefore bounded by the segments, not by what happens to them.
    - Snapshots are written in the order in which their segments first changed; a later one of a segment never comes
      before an earlier one, because one flush ends before the next begins.
"""

import asyncio

import structlog

from callkeeper.recorder import bounds
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.errors import RowsRefused, StorageFault
from callkeeper.recorder.store.port import Store
from callkeeper.tasks.supervising import failure_of

log = structlog.get_logger()

ANSWER_SECONDS = 0.5
"""How long an answer about a call waits for the disk: a hundred times what a commit takes, and no caller notices."""

AGAIN_SECONDS = 0.5
"""Between attempts while the store fails."""

MOST_SEGMENTS = 1_000
"""Segments in one commit: some 50 ms of writing."""


class SegmentKeeper:
    """Writes segments behind the calls. For one event loop."""

    def __init__(self, store: Store, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._store = store
        self._again_seconds = again_seconds
        self._waiting: dict[int, Segment] = {}
        self._withdrawn: list[int] = []
        self._told: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._overdue = False
        self.failure: str | None = None
        self.failures = 0
        self.lost = 0

    @property
    def backlog(self) -> int:
        """How many segments wait to be written."""
        return len(self._waiting)

    def note(self, segment: Segment) -> None:
        """Have this segment written as it is now."""
        self._waiting[segment.number] = segment
        if len(self._waiting) > bounds.UNWRITTEN_SEGMENTS:
            # The one that waits longest. An open one is noted again when it changes or ends; of one that has ended
            # nothing will be left but what was written before.
            del self._waiting[next(iter(self._waiting))]
            self.lost += 1
        self._begin()

    def withdraw(self, recording: int) -> None:
        """Have the row of a recording taken back that was written and then not begun."""
        self._withdrawn.append(recording)
        self._begin()

    async def kept(self) -> None:
        """Wait until everything noted is written, unless the store cannot: then it returns all the same."""
        if self._task is None or self.failure is not None or self._overdue:
            return
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told.append(told)
        await told

    async def finish(self, seconds: float) -> None:
        """Write what waits, within this time."""
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=seconds)
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._flush(), name="write segments")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is None and (self._waiting or self._withdrawn):
            # Noted after the last look: who waits for it is told with its commit, not now.
            self._begin()
        else:
            self._tell(self._told)

    async def _flush(self) -> None:
        while self._waiting or self._withdrawn:
            numbers = list(self._waiting)[:MOST_SEGMENTS]
            batch = {number: self._waiting.pop(number) for number in numbers}
            withdrawn, self._withdrawn = self._withdrawn, []
            # Of more than one commit takes, nobody is told before the last of it is written.
            told, self._told = ([], self._told) if self._waiting else (self._told, [])
            overdue = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._is_overdue, told)
            try:
                await self._write(tuple(batch.values()), withdrawn)
            except StorageFault as fault:
                self._failed(fault, told)
                self._waiting = batch | self._waiting
                self._withdrawn = withdrawn + self._withdrawn
                await asyncio.sleep(self._again_seconds)
            else:
                self._wrote(told)
            finally:
                overdue.cancel()

    async def _write(self, batch: tuple[Segment, ...], withdrawn: list[int]) -> None:
        """Write these, and take back what was withdrawn.

        Raises:
            StorageFault: the store cannot write now.
        """
        if batch:
            await self._save(batch)
        if withdrawn:
            try:
                await self._store.write(lambda rows: rows.withdraw(withdrawn))
            except Exception as error:  # noqa: BLE001 - what passes is raised again
                _raise_what_passes(error)
                log.error("withdrawal_refused", **failure_of(error).fields)  # noqa: TRY400 - no values

    async def _save(self, batch: tuple[Segment, ...]) -> None:
        """Write these; one that the store will never take is left out, so that it does not stand before the others.

        Raises:
            StorageFault: the store cannot write now.
        """
        try:
            await self._store.save_segments(batch)
        except Exception as error:  # noqa: BLE001 - what passes is raised again
            _raise_what_passes(error)
            if len(batch) == 1:
                self.lost += 1
                log.error("segment_refused", segments=[batch[0].id], **failure_of(error).fields)  # noqa: TRY400 - no values
                return
            for segment in batch:
                await self._save((segment,))

    def _is_overdue(self, told: list[asyncio.Future[None]]) -> None:
        self._overdue = True
        self._tell(told)
        self._tell(self._told)

    def _failed(self, fault: StorageFault, told: list[asyncio.Future[None]]) -> None:
        self.failures += 1
        if self.failure is None:
            log.error("segments_not_written", error=fault.detail)
        self.failure = fault.detail
        self._tell(told)
        self._tell(self._told)

    def _wrote(self, told: list[asyncio.Future[None]]) -> None:
        self._overdue = False
        if self.failure is not None:
            log.info("segments_written_again", waiting=len(self._waiting))
            self.failure = None
        self._tell(told)

    @staticmethod
    def _tell(told: list[asyncio.Future[None]]) -> None:
        for future in told:
            if not future.done():
                future.set_result(None)
        told.clear()


def _raise_what_passes(error: Exception) -> None:
    """Raise a fault of the store; all else is refused for good, or foreseen by nobody and that of one segment."""
    if isinstance(error, StorageFault) and not isinstance(error, RowsRefused):
        raise error
