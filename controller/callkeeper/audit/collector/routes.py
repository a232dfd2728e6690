"""What the collector answers: taking events, and what senders and the operator ask about a log.

Each handler is parse, call, answer. Which roles may ask is in `operations`, how it is documented in `openapi`.
"""

import asyncio

from starlette.responses import JSONResponse, Response

from callkeeper.audit.checkpoints import last_checkpoint
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.answers import LogStatus
from callkeeper.audit.collector.bodies import Budget, declared_size, read_body
from callkeeper.audit.collector.door import Asked
from callkeeper.audit.collector.logs import RESERVED, Logs, LogUnavailable, UnknownLog
from callkeeper.audit.collector.metrics import Metrics
from callkeeper.audit.collector.problems import Problem
from callkeeper.audit.collector.settings import read_settings, settings_json
from callkeeper.audit.collector.wire import read_batch, read_json
from callkeeper.audit.layout import list_store

_IN_LOOP_BYTES = 256 * 1024
"""A body up to this, some 1,300 usual events, is parsed where it is, in a few milliseconds: two threads that take turns
at it need a tenth longer for all. A larger one is parsed in a thread, so that others are heard."""


class LogRoutes:
    """The handlers."""

    def __init__(self, logs: Logs, metrics: Metrics) -> None:
        self._logs = logs
        self._metrics = metrics
        self._budget = Budget(bounds.BYTES_IN_FLIGHT, metrics.in_flight)

    async def take_events(self, asked: Asked) -> Response:
        """Write a batch; answered when all of it is on disk."""
        name = asked.log_name()
        size = declared_size(asked.request, bounds.BATCH_BYTES)
        async with self._budget.spend(size):
            data = await read_body(asked.request, bounds.BATCH_BYTES)
            batch = read_batch(data) if len(data) <= _IN_LOOP_BYTES else await asyncio.to_thread(read_batch, data)
            if batch.sender in RESERVED or not asked.principal.may_send_as(batch.sender):
                raise Problem("forbidden", "this principal may not send under this sender's id")
            taken = await self._logs.get(name, make=True).append(batch.sender, batch.events)
        log = str(name)
        self._metrics.rows.labels(log).inc(taken.fresh)
        self._metrics.repeats.labels(log, "same").inc(taken.repeats.same)
        self._metrics.repeats.labels(log, "differing").inc(len(taken.repeats.differing))
        answer: dict[str, object] = {"mark": taken.mark}
        if taken.repeats.differing:
            answer["differing"] = list(taken.repeats.differing[: bounds.DIFFERING_SHOWN])
        return JSONResponse(answer)

    async def marks(self, asked: Asked) -> Response:
        """What is on disk of each sender, a page at a time."""
        name = asked.log_name()
        query = asked.request.query_params
        prefix, after = query.get("prefix", ""), query.get("after", "")
        try:
            log = self._logs.get(name, make=False)
        except UnknownLog:
            # A sender asks before it has ever sent.
            return JSONResponse({"marks": {}})
        marks = await (await log.store()).marks(prefix)
        page = sorted(sender for sender in marks if sender > after)[: bounds.MARKS_PAGE]
        return JSONResponse({"marks": {sender: marks[sender] for sender in page}})

    async def put_settings(self, asked: Asked) -> Response:
        """Put settings of a log in force."""
        name = asked.log_name()
        declared_size(asked.request, bounds.BODY_BYTES)
        settings = read_settings(read_json(await read_body(asked.request, bounds.BODY_BYTES)))
        await self._logs.get(name, make=True).apply(settings)
        return JSONResponse(settings_json(settings))

    async def status(self, asked: Asked) -> Response:
        """How a log is."""
        log = self._logs.get(asked.log_name(), make=False)
        listing, checkpoint = await asyncio.to_thread(lambda: (list_store(log.folder), last_checkpoint(log.folder)))
        oldest = min((name.day for name in listing.segments), default=None)
        line = None if checkpoint is None else checkpoint.text
        try:
            store = await log.store()
        except LogUnavailable:
            status = LogStatus(failure=log.failure, oldest=oldest, checkpoint=line)
        else:
            status = LogStatus(
                rows=store.head.total.rows,
                head=store.chain_head,
                disk=log.disk_state,
                failure=log.failure,
                oldest=oldest,
                checkpoint=line,
                signing_failure=store.signing_failure,
            )
        return JSONResponse(status.to_json())
