"""The audit collector over HTTP, for whoever leaves rows or programs a log: recorder and operator use this one.

One client per log. It keeps the contract of an audit store in the same process (`sender.Appender`, the audit port of
reconciling): `append` returns when the rows are on disk, a repeat makes no second row, a sender's order is kept.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

import aiohttp
import structlog

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.answers import ExportStatus, LogStatus
from callkeeper.audit.collector.names import LogName
from callkeeper.audit.collector.wire import batch_json, event_json
from callkeeper.audit.compact_json import compact_encoder
from callkeeper.audit.errors import CollectorError, CollectorRefused, CollectorUnavailable, EventError
from callkeeper.audit.event import AuditEvent

log = structlog.get_logger()

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 30.0
"""A batch is on disk in milliseconds; a whole answer that takes half a minute will not come."""

PATIENCE_SECONDS = 10.0
"""How long a call waits, all in all, because the collector asks for it by Retry-After; then it is the caller's turn."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A page of 1,000 marks is under 200 KB."""

MAX_DETAIL = 300
"""Characters of the collector's own words that are passed on."""

MAX_MARKS_PAGES = 10_000
"""Pages of marks that are read: ten million senders; a collector that goes on for ever is none."""

_encode = compact_encoder(ascii_only=True)
_BATCH_ROOM = bounds.BATCH_BYTES - 1024
"""What events may take of a request: the rest holds the sender's id and the frame."""

_ASKS_TO_WAIT = frozenset({429, 503})


class CollectorClient:
    """A log of a collector. For one event loop; to be closed, or used as an asynchronous context."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str | None],
        log_name: str,
        *,
        ssl: SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: base URL of the collector.
            token: gives the bearer token whenever one is needed, or None; may raise an `AuditError`.
            log_name: `namespace/recorder`.
            ssl: whom to trust; the system's authorities by default.
            total_seconds: the longest a whole answer may take.
            patience_seconds: the longest a call waits because it is asked to.

        Raises:
            LogNameError: the name is none (an `AuditError`).
        """
        self._name = LogName.parse(log_name)
        self._base = url.rstrip("/")
        self._log = f"/v1/logs/{self._name}"
        self._token = token
        self._ssl = ssl
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, sock_connect=CONNECT_SECONDS)
        self._patience_seconds = patience_seconds
        self._session: aiohttp.ClientSession | None = None
        self._marks: dict[str, int] = {}
        self._loaded: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def append(self, events: Iterable[AuditEvent]) -> None:
        """Write the events; they are on disk when this returns. Those it has already are dropped there.

        Events of several senders go in one batch a sender, one batch after the other.

        Raises:
            EventError: one of them cannot be said in JSON; none was sent.
            CollectorUnavailable: not all are known to be on disk; send all of them again.
            CollectorRefused: it does not take them.
        """
        for sender, batch in list(_batches(events)):
            answer = await self._ask("POST", f"{self._log}/events", batch_json(sender, batch))
            mark = answer.get("mark")
            if type(mark) is not int:
                raise CollectorUnavailable(f"{self._base} acknowledges without a mark; see that a collector is there")
            self._marks[sender] = max(mark, self._marks.get(sender, 0))
            if answer.get("differing"):
                log.error(
                    "audit_repeats_differ", log=str(self._name), sender=sender, sequences=answer["differing"][:20]
                )

    def mark(self, sender: str) -> int:
        """The highest sequence taken from this sender, as far as this client knows; 0 for a new one.

        Raises:
            CollectorUnavailable: nothing is known of it: `load_marks` has not been called for it. A guess would give
                a number to two events, and the second would be dropped as a repeat.
        """
        if sender in self._marks:
            return self._marks[sender]
        if any(sender.startswith(prefix) for prefix in self._loaded):
            return 0
        raise CollectorUnavailable(f"the mark of {sender} is not known yet: the collector has not been asked")

    async def load_marks(self, prefix: str = "") -> dict[str, int]:
        """Ask for the mark of every sender whose id begins so; `mark` knows them afterwards.

        Raises:
            CollectorError: they cannot be had.
        """
        found: dict[str, int] = {}
        after = ""
        for _ in range(MAX_MARKS_PAGES):
            page = (await self._ask("GET", f"{self._log}/marks", query={"prefix": prefix, "after": after})).get("marks")
            if not isinstance(page, dict) or not all(type(mark) is int for mark in page.values()):
                raise CollectorUnavailable(f"{self._base} answers no marks; see that a collector is there")
            if not page:
                break
            found.update(page)
            after = max(page)
        for sender, mark in found.items():
            self._marks[sender] = max(mark, self._marks.get(sender, 0))
        self._loaded.append(prefix)
        return found

    async def put_settings(
        self,
        *,
        rotation: str = "daily",
        retention: str = "forever",
        application_name: str = "callkeeper",
        compress_closed: bool = False,
    ) -> None:
        """Say how the log is kept (`AuditLog`); in force when this returns.

        Raises:
            CollectorError: they are not in force.
        """
        settings = {
            "rotation": rotation,
            "retention": retention,
            "applicationName": application_name,
            "compressClosed": compress_closed,
        }
        await self._ask("PUT", f"{self._log}/settings", _encode(settings).encode())

    async def status(self) -> LogStatus:
        """How the log is.

        Raises:
            CollectorError: it cannot be had.
        """
        answer = await self._ask("GET", f"{self._log}/status")
        try:
            return LogStatus.from_json(answer)
        except ValueError as error:
            raise self._odd(error) from error

    async def put_export(
        self,
        name: str,
        *,
        start: str,
        end: str,
        requested_by: str,
        email: str | None = None,
        action: str | None = None,
    ) -> ExportStatus:
        """Ask for a file of a range (`AuditExport`); asking again with the same is harmless.

        Args:
            name: of the export, a DNS subdomain; the operator uses the object's UID.
            start: first instant, RFC 3339 or a date.
            end: the instant it ends before.
            requested_by: who asked, for the audit row.
            email: only rows of this address.
            action: only rows of this action.

        Raises:
            CollectorError: it was not taken.
        """
        wanted = {"from": start, "to": end, "email": email, "action": action, "requestedBy": requested_by}
        body = _encode({key: value for key, value in wanted.items() if value is not None}).encode()
        return self._export(await self._ask("PUT", f"{self._log}/exports/{name}", body))

    async def export(self, name: str) -> ExportStatus | None:
        """How an export is; None where there is none of this name.

        Raises:
            CollectorError: it cannot be had.
        """
        answer = await self._ask("GET", f"{self._log}/exports/{name}", absent_ok=True)
        return self._export(answer) if answer else None

    async def delete_export(self, name: str) -> None:
        """Delete an export and its file; harmless when there is none.

        Raises:
            CollectorError: it may still be there.
        """
        await self._ask("DELETE", f"{self._log}/exports/{name}", absent_ok=True)

    def _export(self, answer: Mapping[str, Any]) -> ExportStatus:
        try:
            return ExportStatus.from_json(answer)
        except ValueError as error:
            raise self._odd(error) from error

    def _odd(self, error: ValueError) -> CollectorUnavailable:
        return CollectorUnavailable(
            f"the answer of {self._base} cannot be read ({error}); see that a collector is there"
        )

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        *,
        absent_ok: bool = False,
    ) -> dict[str, Any]:
        """Send and receive, waiting as long as the collector asks, within the bound.

        Raises:
            CollectorError: whatever went wrong.
        """
        left = self._patience_seconds
        while True:
            status, headers, data = await self._once(method, path, body, query)
            if status not in _ASKS_TO_WAIT:
                break
            seconds = _retry_after(headers)
            if seconds is None or seconds > left:
                break
            left -= seconds
            await asyncio.sleep(seconds)
        if status == 404 and absent_ok and _problem(data).get("type") == "/problems/unknown-export":  # noqa: PLR2004 - HTTP's numbers
            return {}
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's numbers
            return _object(data) if data else {}
        raise self._failure(status, data)

    async def _once(
        self, method: str, path: str, body: bytes | None, query: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        token = self._token()
        sent = {"Accept": "application/json"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._connected().request(
                method,
                self._base + path,
                params=query,
                data=body and BytesIO(body),
                headers=sent,
                allow_redirects=False,
            ) as response:
                data = await response.content.read(MAX_ANSWER_BYTES + 1)
                while not response.content.at_eof() and len(data) <= MAX_ANSWER_BYTES:
                    data += await response.content.read(MAX_ANSWER_BYTES + 1 - len(data))
        except TimeoutError as error:
            raise CollectorUnavailable(
                f"{self._base} did not answer within {self._timeout.total:g} s; see that the collector is well"
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise CollectorRefused(
                f"the certificate of {self._base} is not trusted; name its authority (--collector-ca)"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise CollectorUnavailable(
                f"{self._base} cannot be reached ({why}); see that the collector runs"
            ) from error
        if len(data) > MAX_ANSWER_BYTES:
            raise CollectorUnavailable(f"the answer of {self._base} is too large; see that a collector is there")
        return response.status, response.headers, data

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=4, ssl=self._ssl if self._ssl is not None else True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    def _failure(self, status: int, data: bytes) -> CollectorError:
        detail = str(_problem(data).get("detail") or "")[:MAX_DETAIL]
        said = f" ({detail})" if detail else ""
        match status:
            case 401 | 403:
                return CollectorRefused(f"{self._base} refuses the token for {self._name}{said}")
            case 404:
                return CollectorRefused(f"{self._base} knows no such log or address{said}; see that it is a collector")
            case 429 | 500 | 502 | 503 | 504 | 507:
                return CollectorUnavailable(f"{self._base} cannot take it now: {status}{said}")
            case _:
                return CollectorRefused(f"{self._base} does not take this: {status}{said}")


def _batches(events: Iterable[AuditEvent]) -> Iterator[tuple[str, list[bytes]]]:
    """The events by sender, in the order of each, cut to what one request may hold."""
    by_sender: dict[str, list[bytes]] = {}
    for event in events:
        by_sender.setdefault(event.sender, []).append(_encoded(event))
    for sender, texts in by_sender.items():
        batch: list[bytes] = []
        size = 0
        for text in texts:
            if batch and (len(batch) == bounds.BATCH_EVENTS or size + len(text) > _BATCH_ROOM):
                yield sender, batch
                batch, size = [], 0
            batch.append(text)
            size += len(text) + 1
        yield sender, batch


def _encoded(event: AuditEvent) -> bytes:
    try:
        text = _encode(event_json(event)).encode()
        if len(text) > _BATCH_ROOM:
            # A row holds 64 KiB: of Details this long nothing would be left but that they were there.
            text = _encode(event_json(replace(event, details={"truncatedFrom": len(text)}))).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EventError(f"{event.id} {event.action}: details are not plain JSON: {error}") from error
    return text


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None  # noqa: PLR2004 - a day in seconds


def _problem(data: bytes) -> Mapping[str, Any]:
    try:
        return _object(data)
    except CollectorUnavailable:
        return {}


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CollectorUnavailable("the answer is not JSON; see that a collector is there") from error
    if not isinstance(value, dict):
        raise CollectorUnavailable("the answer is no JSON object; see that a collector is there")
    return value
