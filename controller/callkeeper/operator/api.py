"""The API server over HTTP: requests with a bound in time, answers as plain JSON, failures as one tree.

Why not the generated client: it is 45 MB of modules for a dozen requests, and it remembers its token. Watching is
Kopf's (`watching`); here is all the rest.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from pydantic_core import from_json

from callkeeper.operator.access import Access, Authorization
from callkeeper.operator.errors import (
    ApiConflict,
    ApiDenied,
    ApiError,
    ApiGone,
    ApiNotFound,
    ApiUnavailable,
)

REQUEST_SECONDS = 30.0
"""The longest a request may take; a page of large objects takes a second."""

CONNECTIONS = 20
"""At once to the API server, some more than statuses are written at once: a lease is renewed meanwhile. Each takes a
handshake and a quarter of a megabyte."""

PAGE_SIZE = 100
"""Objects of one page. An object has 1.5 MB at most, usually a few KB: a page is a few hundred KB."""

UNPROCESSABLE = 422
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Json = dict[str, Any]

_KINDS: dict[int, type[ApiError]] = {
    401: ApiDenied,
    403: ApiDenied,
    404: ApiNotFound,
    409: ApiConflict,
    410: ApiGone,
}


class KubeApi:
    """Speaks to the API server. To be closed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session: aiohttp.ClientSession | None = None
        self._authorization = Authorization(access)
        self._heard: tuple[float, str] | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def seconds_since(self, instant: datetime) -> float:
        """How long ago an instant is at least, by the clock that wrote it: the API server's; 0 where it told no time.

        Args:
            instant: an instant of the API server's, which it cuts to the second.
        """
        if self._heard is None:
            return 0.0
        heard, date = self._heard
        try:
            now = parsedate_to_datetime(date) + timedelta(seconds=time.monotonic() - heard)
        except ValueError:
            return 0.0  # something between here and there
        return max(0.0, (now - instant).total_seconds() - 1.0)

    async def get(self, path: str, *, timeout_seconds: float = REQUEST_SECONDS) -> Json:
        """An object.

        Raises:
            ApiError: see `errors`.
        """
        return await self.ask("GET", path, timeout_seconds=timeout_seconds)

    async def create(self, path: str, document: Json, *, timeout_seconds: float = REQUEST_SECONDS) -> Json:
        """The object as created; raises as `get`."""
        return await self.ask("POST", path, document, timeout_seconds=timeout_seconds)

    async def replace(self, path: str, document: Json, *, timeout_seconds: float = REQUEST_SECONDS) -> Json:
        """The object as replaced; raises as `get`."""
        return await self.ask("PUT", path, document, timeout_seconds=timeout_seconds)

    async def merge(self, path: str, patch: Json) -> Json:
        """The object as patched (RFC 7386); raises as `get`."""
        return await self.ask("PATCH", path, patch, content_type=MERGE_PATCH)

    async def delete(self, path: str) -> None:
        """Delete an object; raises as `get`."""
        await self.ask("DELETE", path)

    async def json_patch(self, path: str, operations: list[Json]) -> Json:
        """The object as patched (RFC 6902); raises as `get`, `ApiConflict` where a test in it does not hold."""
        try:
            return await self.ask("PATCH", path, operations, content_type=JSON_PATCH)
        except ApiError as error:
            if error.status == UNPROCESSABLE:
                raise ApiConflict(str(error), error.status) from error
            raise

    async def pages(self, path: str, *, metadata_only: bool = False, labels: str = "") -> AsyncIterator[Json]:
        """A whole list, page by page, all as of one resource version; raises as `get`, `ApiGone` when it took long.

        The next page is on its way while one is looked at.
        """
        accept = METADATA_ONLY if metadata_only else "application/json"

        def asked(token: str) -> asyncio.Task[Json]:
            parameters = {"limit": str(PAGE_SIZE), "labelSelector": labels, "continue": token}
            parameters = {name: value for name, value in parameters.items() if value}
            return asyncio.create_task(self.ask("GET", path, parameters=parameters, accept=accept))

        following: asyncio.Task[Json] | None = asked("")
        try:
            while following is not None:
                page = await following
                token = page.get("metadata", {}).get("continue") or ""
                following = asked(token) if token else None
                await asyncio.sleep(0)  # it is sent before whoever looks at the page takes the processor
                yield page
        finally:
            if following is not None:
                following.cancel()

    async def ask(
        self,
        method: str,
        path: str,
        document: Json | list[Json] | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        timeout_seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """Send and receive; once more with a token read anew where the first one was refused."""
        body = None if document is None else json.dumps(document, separators=(",", ":")).encode()
        headers = {
            "Accept": accept,
            "Accept-Encoding": "identity",
            **({"Content-Type": content_type} if body is not None else {}),
        }
        status, data = await self._send(method, path, parameters, headers, body, timeout_seconds)
        if status == 401 and self._authorization.refused():  # noqa: PLR2004 - HTTP's numbers
            status, data = await self._send(method, path, parameters, headers, body, timeout_seconds)
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's numbers
            raise _failure(method, path, status, data)
        try:
            value = from_json(data)  # in half the time of the standard library's
        except ValueError as error:
            raise ApiUnavailable(f"{method} {path}: the answer is no JSON; see what is at the API server's address",
                                 status) from error  # fmt: skip
        return value if isinstance(value, dict) else {}

    async def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        headers: dict[str, str],
        body: bytes | None,
        timeout_seconds: float,
    ) -> tuple[int, bytes]:
        url = self._access.info.server.rstrip("/") + path
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._connected().request(
                    method, url, params=parameters, data=body, headers={**headers, **self._authorization.headers()}
                ) as response:
                    if date := response.headers.get("Date"):
                        self._heard = time.monotonic(), date
                    return response.status, await response.read()
        except TimeoutError as error:
            raise ApiUnavailable(f"{method} {path}: no answer within {timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise ApiUnavailable(f"{method} {path}: the API server cannot be reached ({why})") from error

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            info = self._access.info
            tls = info.tls() if info.server.startswith("https:") else True
            connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=tls)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        return self._session


def _failure(method: str, path: str, status: int, data: bytes) -> ApiError:
    try:
        said = str(from_json(data).get("message", ""))[:300]
    except (ValueError, AttributeError):
        said = ""
    kind = _KINDS.get(status, ApiUnavailable if status == 429 or status >= 500 else ApiError)  # noqa: PLR2004 - HTTP's
    return kind(f"{method} {path}: {status}{f' {said}' if said else ''}", status)
