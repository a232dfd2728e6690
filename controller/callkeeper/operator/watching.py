"""Watches every kind in the background, by way of Kopf, and tells the event loop what it sees.

Kopf runs in a thread with an event loop of its own. It ends every task it finds in its loop when it stops, ours must
not be among them. What of a watch reaches it, and where it begins, is `watch_session`'s.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from callkeeper.operator.access import Access
from callkeeper.operator.listing import Listing
from callkeeper.operator.registry import Registry
from callkeeper.operator.watch_session import Json, WatchSession

log = structlog.get_logger()

RESTART_SECONDS = 2.0
"""Kopf gives up where the API server fails in ways it does not expect; it is begun anew after this pause."""

Told = Callable[[str, Mapping[str, Any]], None]
"""Takes an event's type and the object."""


class Watching:
    """Watches in the background until it is stopped."""

    def __init__(
        self, access: Access, namespaces: Sequence[str], *, listing: Listing, registry: Registry, told: Told
    ) -> None:
        """Prepare; call from the event loop that `told` is to be called in.

        Args:
            access: how to reach the API server.
            namespaces: the scope; empty for the whole cluster.
            listing: knows from where to watch.
            registry: knows what is news.
            told: called for every event, also for those that are none.
        """
        self._access = access
        self._namespaces = tuple(namespaces)
        self._listing = listing
        self._registry = registry
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def stop(self) -> None:
        """End; the thread is given two seconds, and dies with the process where that is not enough."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 2.0)

    async def listed(self, path: str) -> int | None:
        """See `watch_session.Cluster`."""
        if path not in self._listing.collections:
            return None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._listing.since(path), self._loop))

    def is_news(self, document: Mapping[str, Any]) -> bool:
        """See `watch_session.Cluster`; one look into a dictionary does not disturb who changes it."""
        return not self._registry.says_the_same(document)

    def tell(self, documents: list[Json]) -> None:
        """See `watch_session.Cluster`."""
        self._loop.call_soon_threadsafe(self._take, documents)

    def _take(self, documents: list[Json]) -> None:
        for document in documents:
            self._told("MODIFIED", document)

    def _run(self) -> None:
        from callkeeper.operator.kopf_watch import watch  # noqa: PLC0415 - loaded late, see there

        def told(kind: str, document: Mapping[str, Any]) -> None:
            self._loop.call_soon_threadsafe(self._told, kind, document)

        def session() -> WatchSession:
            return WatchSession(self._access, self)

        while not self._stop.is_set():
            try:
                asyncio.run(watch(self._access.info.server, session, self._namespaces, told, self._stop))
            except Exception as error:  # noqa: BLE001 - whatever ends Kopf, watching goes on
                log.warning("watching_failed", error=type(error).__name__, message=str(error)[:300])
            self._stop.wait(RESTART_SECONDS)
