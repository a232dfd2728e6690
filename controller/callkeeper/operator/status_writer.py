"""Writes statuses: at most one patch an object and reconcile, none where the object carries that status already."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.errors import ApiConflict, ApiError, ApiNotFound
from callkeeper.operator.metrics import Metrics
from callkeeper.operator.registry import Entry, Registry

log = structlog.get_logger()

AT_ONCE = 16
"""Patches under way: the API server takes a thousand a second or more, and other clients want to be served too."""

TRIES = 3
"""Against somebody who writes the same object again and again; the next reconcile comes anyway."""

Json = dict[str, Any]


class StatusWriter:
    """Brings statuses to the API server."""

    def __init__(self, api: KubeApi, registry: Registry, metrics: Metrics, may_write: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            api: the API server.
            registry: knows what statuses the objects carry.
            metrics: counts patches.
            may_write: whether this replica leads at this instant.
        """
        self._api = api
        self._registry = registry
        self._metrics = metrics
        self._may_write = may_write
        self._limit = asyncio.Semaphore(AT_ONCE)

    @property
    def backlog(self) -> bool:
        """Whether statuses wait to be written."""
        return self._limit.locked()

    async def write(self, statuses: Mapping[ObjectKey, tuple[str, Json]]) -> tuple[ObjectKey, ...]:
        """Write those that differ from what the objects carry.

        Args:
            statuses: by object, the UID it was made for and the whole status.

        Returns:
            Those that could not be written now; the caller tries again.
        """
        differing = [
            (key, uid, value)
            for key, (uid, value) in statuses.items()
            if (entry := self._registry.get(key)) is not None and entry.uid == uid and not _says(entry, value)
        ]
        done = await asyncio.gather(*(self._write(key, uid, value) for key, uid, value in differing))
        return tuple(key for (key, _, _), written in zip(differing, done, strict=True) if not written)

    async def _write(self, key: ObjectKey, uid: str, value: Json) -> bool:
        async with self._limit:
            try:
                for _ in range(TRIES):
                    entry = self._registry.get(key)
                    if entry is None or entry.uid != uid or _says(entry, value):
                        return True
                    if not self._may_write():
                        return False
                    await self._patch(key, entry, value)
            except ApiNotFound:
                return True  # it is gone
            except ApiError as error:
                self._metrics.patches.labels("failed").inc()
                log.warning("status_not_written", object=str(key), error=str(error))
            return False

    async def _patch(self, key: ObjectKey, entry: Entry, value: Json) -> None:
        """Patch, or learn what somebody else wrote: a change of the object itself brings a reconcile of its own."""
        try:
            written = await self._api.merge(paths.status(key), _difference(entry, value))
        except ApiConflict:
            self._metrics.patches.labels("conflict").inc()
            written = await self._api.get(paths.one(key))
        else:
            self._metrics.patches.labels("written").inc()
        self._registry.observe(written)


def _says(entry: Entry, value: Json) -> bool:
    """Whether an object carries that status already, in whatever order of names."""
    return entry.status_value == value


def _difference(entry: Entry, value: Json) -> Json:
    """From what the object carries to this, and only if it carries that still (RFC 7386: null removes)."""
    before = entry.status_value
    fields = {name: one for name, one in value.items() if before.get(name) != one}
    gone = dict.fromkeys(name for name in before if name not in value)
    return {"metadata": {"resourceVersion": str(entry.version)}, "status": {**fields, **gone}}
