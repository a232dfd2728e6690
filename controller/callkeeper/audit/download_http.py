"""A download as an HTTP answer: file name, entity tag, the part that is asked for, and its bytes, read ahead.

For every door the log is downloaded through; who may, and the audit row, are the door's business.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time

from starlette.responses import Response, StreamingResponse

from callkeeper.audit.byte_ranges import asked_span
from callkeeper.audit.download import Download

CSV = "text/csv; charset=utf-8"
_WHOLE, _PART, _SAME = 200, 206, 304
_NAMEABLE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a request says about what it has already.

    Attributes:
        span: `Range`.
        if_range: `If-Range`.
        if_none_match: `If-None-Match`.
    """

    span: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Conditions":
        """Those of a request."""
        return cls(
            span=headers.get("range"),
            if_range=headers.get("if-range"),
            if_none_match=headers.get("if-none-match"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is to be answered.

    Attributes:
        status: 200, 206 (a part) or 304 (the same as before).
        headers: of the answer.
        offset: the first byte that is sent.
        count: how many are.
    """

    status: int
    headers: Mapping[str, str]
    offset: int = 0
    count: int = 0

    @property
    def sends(self) -> bool:
        """Whether anything of the log leaves: then the download must be audited first."""
        return self.status in {_WHOLE, _PART}

    def response(self, download: Download) -> Response:
        """The answer itself; nothing is read before it is sent."""
        if not self.sends:
            return Response(status_code=self.status, headers=dict(self.headers))
        chunks = _first(download.chunks(self.offset), self.count)
        return StreamingResponse(ahead(chunks), self.status, headers=dict(self.headers), media_type=CSV)


def answer_for(download: Download, conditions: Conditions, log: str = "") -> Answer:
    """What is to be answered to a request for this download.

    Args:
        download: fixed and counted.
        conditions: of the request.
        log: name of the log, for the file's name; empty where there is but one.

    Raises:
        Unsatisfiable: the part that is asked for lies behind the end.
    """
    size, tag = download.totals.size, f'"{download.export.tag}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes" if download.resumable else "none",
        "Content-Disposition": f'attachment; filename="{file_name(download, log)}"',
        # Rows name people: they are not left behind in the caches of browsers and proxies.
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if conditions.if_none_match is not None and tag in conditions.if_none_match:
        return Answer(status=_SAME, headers=headers)
    span = asked_span(conditions.span, conditions.if_range, size, tag) if download.resumable else None
    if span is None:
        return Answer(status=_WHOLE, headers={**headers, "Content-Length": str(size)}, count=size)
    headers["Content-Range"] = f"bytes {span.first}-{span.first + span.count - 1}/{size}"
    headers["Content-Length"] = str(span.count)
    return Answer(status=_PART, headers=headers, offset=span.first, count=span.count)


def file_name(download: Download, log: str = "") -> str:
    """What the file is called: the log and the range, `audit-voice-teams-2026-10-01-to-2026-11-01.csv`."""
    export = download.export
    name = "-".join(filter(None, ("audit", log, _shown(export.start), "to", _shown(export.end))))
    return _NAMEABLE.sub("-", name) + ".csv"


async def ahead(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, each read in a thread while the one before is being sent."""
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(None, next, chunks, None)
    while (chunk := await reading) is not None:
        reading = loop.run_in_executor(None, next, chunks, None)
        try:
            yield chunk
        except BaseException:
            # Whoever read has gone; the thread must be out of the generator before it is thrown away.
            await asyncio.wait((reading,))
            raise


def _first(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The first so many bytes; a file that has shrunk meanwhile ends the answer short, and the client sees that."""
    for chunk in chunks:
        if len(chunk) >= count:
            yield chunk[:count]
            return
        count -= len(chunk)
        yield chunk


def _shown(instant: datetime) -> str:
    at = instant.astimezone(UTC)
    return at.date().isoformat() if at.time() == time() else at.strftime("%Y-%m-%dT%H%M%SZ")
