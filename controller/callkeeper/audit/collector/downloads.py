"""The log downloaded from the collector: a range of one log, audited in that log before the first byte leaves."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from callkeeper.audit.asked import read_asked
from callkeeper.audit.byte_ranges import Unsatisfiable
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.door import Asked
from callkeeper.audit.collector.logs import Log, Logs
from callkeeper.audit.collector.metrics import Metrics
from callkeeper.audit.collector.names import LogName
from callkeeper.audit.collector.problems import Problem
from callkeeper.audit.download import Download, fix_download, record_download
from callkeeper.audit.download_http import Answer, Conditions, answer_for

log = structlog.get_logger()


class DownloadRoutes:
    """The handler."""

    def __init__(self, logs: Logs, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._logs = logs
        self._metrics = metrics
        self._now = now
        self._under_way = 0

    async def download(self, asked: Asked) -> Response:
        """Fix the range, audit it, send it."""
        parameters = asked.request.query_params.multi_items()
        names = [value for name, value in parameters if name == "log"]
        if len(names) != 1:
            raise Problem(
                "invalid-request",
                "name one log (`log`, on the command line --log): namespace/recorder, such as voice/teams",
            )
        name = asked.allowed(LogName.parse(names[0]))
        now = self._now()
        wanted = read_asked([one for one in parameters if one[0] != "log"], now)
        kept = self._logs.get(name, make=False)
        if self._under_way >= bounds.DOWNLOADS:
            raise Problem("too-busy", f"{bounds.DOWNLOADS} downloads are under way, the most at once")
        self._under_way += 1
        try:
            store = await kept.store()
            download = await asyncio.to_thread(fix_download, kept.folder, wanted, store.chain_head)
            answer = self._answer(download, asked, name)
            if answer.sends:
                await self._record(kept, download, answer, asked, now)
        except BaseException:
            self._done()
            raise
        if answer.sends:
            self._metrics.exported.labels(str(name)).inc(answer.count)
        return _Sent(answer.response(download), self._done)

    def _done(self) -> None:
        self._under_way -= 1

    def _answer(self, download: Download, asked: Asked, name: LogName) -> Answer:
        try:
            return answer_for(download, Conditions.of(asked.request.headers), str(name))
        except Unsatisfiable as error:
            size = download.totals.size
            raise Problem(
                "range-not-satisfiable", f"the export has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
            ) from error

    async def _record(self, kept: Log, download: Download, answer: Answer, asked: Asked, now: datetime) -> None:
        await record_download(
            download,
            await kept.own(),
            at=now,
            email=asked.principal.audit_email,
            ip_address=asked.ip_address,
            offset=answer.offset,
        )


class _Sent(Response):
    """An answer, and what is done when it was sent, or the client has gone or stopped reading."""

    def __init__(self, response: Response, done: Callable[[], None]) -> None:
        super().__init__(status_code=response.status_code)
        self._response = response
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(bounds.SEND_SECONDS):
                await send(message)

        try:
            await self._response(scope, receive, in_time)
        except TimeoutError:
            log.warning("audit_download_stalled", seconds=bounds.SEND_SECONDS)  # the server ends the connection
        finally:
            self._done()
