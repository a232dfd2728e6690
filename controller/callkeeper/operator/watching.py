"""Kopf's part: it watches every kind and tells what it sees. Nothing else of it is used.

Kopf runs in a thread with an event loop of its own. It ends every task it finds in its loop when it stops, ours must
not be among them; and five thousand first events must not hold up a lease.

Facts
    Only `on.event` handlers: no finalizers, no annotations, no memory of specs. A worker per object lives as long as
    there are events, so that many objects do not wait for few slots. Kopf cannot be told that kinds appear later, as
    that takes rights over all of the cluster: it is started when they are there.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf
import structlog
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from callkeeper.kinds.terms import GROUP, VERSION
from callkeeper.operator.access import Access

log = structlog.get_logger()

RESTART_SECONDS = 2.0
"""Kopf gives up where the API server fails in ways it does not expect; it is begun anew after this pause."""

Told = Callable[[str | None, Mapping[str, Any]], None]
"""Takes an event's type (None: found by a listing of Kopf's) and the object."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing and compares nothing: whole specs in annotations are what breaks large objects."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:  # noqa: ARG002 - Kopf's signature
        return {}

    def fetch(self, *, body: Any) -> Any:  # noqa: ARG002 - Kopf's signature
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Nothing is stored."""


class _Forgetful(ResourceMemories):
    """Remembers nothing of any object: 12 MB of 5,000 that no handler of ours asks for, and what is deleted unseen."""

    async def recall(self, raw_body: Any, **more: Any) -> ResourceMemory:
        """A memory for one event."""
        return await super().recall(raw_body, **{**more, "ephemeral": True})


class Watching:
    """Watches in the background until it is stopped."""

    def __init__(self, access: Access, namespaces: Sequence[str], told: Told) -> None:
        """Prepare; call from the event loop that `told` is to be called in.

        Args:
            access: how to reach the API server.
            namespaces: the scope; empty for the whole cluster.
            told: called for every event.
        """
        self._access = access
        self._namespaces = tuple(namespaces)
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

    def _run(self) -> None:
        # Its warnings may show whole objects, and with them numbers.
        logging.getLogger("kopf").setLevel(logging.ERROR)
        while not self._stop.is_set():
            try:
                asyncio.run(self._watch())
            except Exception as error:  # noqa: BLE001 - whatever ends Kopf, watching goes on
                log.warning("watching_failed", error=type(error).__name__, message=str(error)[:300])
            self._stop.wait(RESTART_SECONDS)

    async def _watch(self) -> None:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        kopf.on.event(GROUP, VERSION, kopf.EVERYTHING, registry=registry)(self._event)
        with contextlib.suppress(asyncio.CancelledError):
            await kopf.operator(
                registry=registry,
                settings=_settings(),
                memories=_Forgetful(),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        return self._access.connection()

    async def _event(self, *, event: Mapping[str, Any], **_: Any) -> None:
        self._loop.call_soon_threadsafe(self._told, event["type"], event["object"])


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = 50
    settings.networking.request_timeout = 30.0
    settings.watching.chunk_size = 100
    settings.persistence.diffbase_storage = _NoDiffBase()
    return settings
