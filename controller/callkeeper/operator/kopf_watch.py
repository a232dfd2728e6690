"""Kopf, set up to watch every kind and to do nothing else. The only module that imports it, and it is loaded late.

Facts
    Only `on.event` handlers: no finalizers, no annotations, no memory of specs. A worker per object lives as long as
    there are events, so that many objects do not wait for few slots. Kopf cannot be told that kinds appear later, as
    that takes rights over all of the cluster: it is started when they are there.
    Loading it takes a tenth of a second of processor time and 4 MiB, which the webhook does without.
"""

import contextlib
import logging
import threading
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from callkeeper.kinds.terms import GROUP, VERSION
from callkeeper.operator.watch_session import WatchSession


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


async def watch(
    server: str,
    session: Callable[[], WatchSession],
    namespaces: Sequence[str],
    told: Callable[[str, Mapping[str, Any]], None],
    stop: threading.Event,
) -> None:
    """Watch until stopped, or until Kopf gives up.

    Args:
        server: base URL of the API server.
        session: makes what is spoken to it through; again after it refused who speaks.
        namespaces: the scope; empty for the whole cluster.
        told: takes an event's type and the object.
        stop: ends it.
    """

    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=cast("Any", session()))

    async def seen(*, event: Mapping[str, Any], **_: Any) -> None:
        told(event["type"], event["object"])

    # Its warnings may show whole objects, and with them numbers.
    logging.getLogger("kopf").setLevel(logging.ERROR)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(login)
    kopf.on.event(GROUP, VERSION, kopf.EVERYTHING, registry=registry)(seen)
    with contextlib.suppress(CancelledError):
        await kopf.operator(
            registry=registry,
            settings=_settings(),
            memories=_Forgetful(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop,
        )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = 50
    settings.networking.request_timeout = 30.0
    settings.persistence.diffbase_storage = _NoDiffBase()
    return settings
