"""The HTTP session Kopf is given: it begins to watch where our own listing ended, and is shown what is news.

Kopf lists everything before it watches, and runs a task for each object of that list and for each event of its own
status. Both tell nothing here: objects were listed already, statuses are what we wrote. With 5,000 objects that was a
fifth of the processor time of a first pass and 45 MiB.

Facts
    Kopf takes a session of one's own (`kopf.AiohttpSession`). It calls `request`, reads `status`, `json()` of a list
    and `content.iter_chunked()` of a watch, one JSON object a line, and goes on from the last version it saw: what is
    kept from it is replaced by a bookmark.
    All of this is called in Kopf's thread and loop; `Cluster` says what of it is asked elsewhere.
"""

import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp

from callkeeper.operator.access import Access, Authorization
from callkeeper.operator.errors import ApiUnavailable

OK = 200

Json = dict[str, Any]


class Cluster(Protocol):
    """What is known of the cluster; asked from Kopf's thread."""

    async def listed(self, path: str) -> int | None:
        """The version as of which a collection is known in full, to watch it from; None for any other path.

        Asked again for the same collection, it waits for a list made since.
        """
        ...

    def is_news(self, document: Mapping[str, Any]) -> bool:
        """Whether a version of an object differs from what is known in more than its status."""
        ...

    def tell(self, documents: list[Json]) -> None:
        """Take in versions of objects that are no news."""
        ...


class WatchSession:
    """As much of `aiohttp.ClientSession` as Kopf uses. To be made in the loop it is used in, and to be closed."""

    def __init__(self, access: Access, cluster: Cluster) -> None:
        connection = access.info
        self._server = connection.server.rstrip("/")
        self._authorization = Authorization(access)
        self._cluster = cluster
        tls = connection.tls() if self._server.startswith("https:") else True
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls))

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Sent with every request."""
        return self._session.headers

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._session.closed

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def request(self, *, method: str, url: str, headers: Mapping[str, str] | None, **more: Any) -> Any:
        """The response, or what stands for one.

        Raises:
            aiohttp.ClientError: as of a session.
        """
        path, _, query = url.removeprefix(self._server).partition("?")
        watches = "watch=true" in query
        if not watches and (version := await self._cluster.listed(path)) is not None:
            return _Listed(version)
        try:
            authorization = self._authorization.headers()
        except ApiUnavailable as error:
            raise aiohttp.ClientConnectionError(str(error)) from error
        response = await self._session.request(method, url, headers={**(headers or {}), **authorization}, **more)
        return _News(response, self._cluster) if watches and response.status == OK else response


class _Listed:
    """The answer to a list, without what is in it: that is known."""

    status = OK

    def __init__(self, version: int) -> None:
        self._version = version

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def json(self) -> Json:
        """An empty list."""
        return {"metadata": {"resourceVersion": str(self._version)}, "items": []}


class _News:
    """A watch's response that shows what is news; it stands for its own `content`."""

    def __init__(self, response: aiohttp.ClientResponse, cluster: Cluster) -> None:
        self._response = response
        self._cluster = cluster
        self.status = response.status
        self.content = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._response.__aexit__(kind, error, traceback)

    def close(self) -> None:
        """Close the connection; who reads is told that the stream ended."""
        self._response.close()

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """The lines with news, and bookmarks in place of all others."""
        parts: list[bytes] = []
        async for data in self._response.content.iter_chunked(size):
            head, newline, rest = data.rpartition(b"\n")
            if not newline:
                parts.append(data)  # a large object arrives in many pieces
                continue
            lines = b"".join((*parts, head)).split(b"\n")
            parts = [rest] if rest else []
            if shown := self._sifted(lines):
                yield shown

    def _sifted(self, lines: list[bytes]) -> bytes:
        shown, quiet, last = [], list[Json](), None
        for line in filter(None, lines):
            event = json.loads(line)
            document = event["object"]
            if event["type"] in {"ADDED", "MODIFIED"} and not self._cluster.is_news(document):
                quiet.append(document)
                last = _bookmark(document)
            else:
                shown.append(line)
                last = None
        if quiet:
            self._cluster.tell(quiet)
        return b"".join(line + b"\n" for line in (*shown, *([last] if last else [])))


def _bookmark(document: Json) -> bytes:
    return b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%d"}}}' % int(
        document["metadata"]["resourceVersion"]
    )
