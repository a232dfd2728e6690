"""Lists every kind in full, page by page, and tells the registry: the truth that events are corrected by.

The first listing reads whole objects; later ones read metadata only, and those objects whose version is not known yet.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.terms import API_VERSION
from callkeeper.operator import paths
from callkeeper.operator.api import Json, KubeApi
from callkeeper.operator.errors import ApiError, ApiGone, ApiNotFound
from callkeeper.operator.registry import Registry, key_of

log = structlog.get_logger()

RELIST_SECONDS = 60.0
"""How long a deletion that no event told of may go unseen."""

SETTLE_SECONDS = 0.5
"""After a watch began anew, its listing comes event by event; ours follows once."""

RETRY_SECONDS = 2.0
MAX_FETCHES = 16
"""Objects fetched one by one at once."""


class Listing:
    """Lists, now and again."""

    def __init__(
        self,
        api: KubeApi,
        registry: Registry,
        namespaces: Sequence[str],
        told: Callable[[str], None] = lambda _result: None,
    ) -> None:
        """Prepare.

        Args:
            api: the API server.
            registry: told what there is.
            namespaces: the scope; empty for the whole cluster.
            told: called with `complete` or `failed` after each.
        """
        self._api = api
        self._told = told
        self._registry = registry
        scopes: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self.collections = {paths.collection(kind, scope): (kind, scope) for kind in KINDS for scope in scopes}
        """Kind and scope of what is listed, by path."""
        self._versions: dict[str, int] = {}
        self._rounds = 0
        self._taken: dict[str, int] = {}
        self._over = asyncio.Condition()
        self._asked = asyncio.Event()
        self.complete = asyncio.Event()
        """Every kind was listed in full at least once."""
        self._completed = float("-inf")

    @property
    def age_seconds(self) -> float:
        """How long ago everything was listed; infinite before the first time."""
        return time.monotonic() - self._completed

    def ask(self) -> None:
        """A watch began anew: list soon."""
        self._asked.set()

    async def since(self, path: str) -> int:
        """The version as of which a collection was listed in full: watched from there, nothing is missed.

        Asked again for the same one, it waits for another listing: whoever watched lost the thread.
        """
        async with self._over:
            while self._rounds == self._taken.get(path, 0):
                if self._rounds:
                    self.ask()
                await self._over.wait()
            self._taken[path] = self._rounds
            return self._versions[path]

    async def run(self) -> None:
        """List at the start, whenever asked, and every minute, for ever."""
        while True:
            try:
                await self.once()
            except ApiError as error:
                log.warning("listing_failed", error=str(error))
                self._told("failed")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._note()
            try:
                async with asyncio.timeout(RELIST_SECONDS):
                    await self._asked.wait()
                    await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                pass
            self._asked.clear()

    async def _note(self) -> None:
        self.complete.set()
        self._completed = time.monotonic()
        self._told("complete")
        async with self._over:
            self._rounds += 1
            self._over.notify_all()

    async def once(self) -> None:
        """List every kind in full.

        Raises:
            ApiError: a list could not be read to its end; what it told so far is kept.
        """
        first = not self.complete.is_set()
        await asyncio.gather(*(self._list(path, whole=first) for path in self.collections))

    async def _list(self, path: str, *, whole: bool) -> None:
        for _ in range(2):
            try:
                return await self._list_once(path, whole=whole)
            except ApiGone:
                continue  # it took so long that its version is not kept any more
        return await self._list_once(path, whole=whole)

    async def _list_once(self, path: str, *, whole: bool) -> None:
        kind, scope = self.collections[path]
        there: set[ObjectKey] = set()
        unknown: list[ObjectKey] = []
        version = 0
        async for page in self._api.pages(path, metadata_only=not whole):
            version = int(page["metadata"]["resourceVersion"])
            for item in page.get("items") or []:
                document = {**item, "apiVersion": API_VERSION, "kind": kind}
                key = key_of(document)
                there.add(key)
                if whole:
                    self._registry.observe(document, listed=True)
                elif self._is_news(key, document):
                    unknown.append(key)
            # A page of large objects takes a while to read; leases are renewed in between.
            await asyncio.sleep(0)
        self._registry.complete(kind, scope, there, version)
        limit = asyncio.Semaphore(MAX_FETCHES)
        await asyncio.gather(*(self._fetch(key, limit) for key in unknown))
        self._versions[path] = version

    def _is_news(self, key: ObjectKey, document: Json) -> bool:
        known = self._registry.get(key)
        return known is None or known.version < int(document["metadata"]["resourceVersion"])

    async def _fetch(self, key: ObjectKey, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                self._registry.observe(await self._api.get(paths.one(key)), listed=True)
            except ApiNotFound:
                return  # deleted in between; its event or the next listing says so
