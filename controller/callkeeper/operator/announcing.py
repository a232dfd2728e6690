"""Events for people: a recorder or a settings object came into force, or stopped being so. On transitions only.

Facts
    What was in force all along, and what comes into force at its first sight, is no event: a push of a thousand objects
    would make a thousand. What repeats within a minute is not said again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import API_VERSION
from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.errors import ApiError
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType
from callkeeper.reconcile.status import Condition, ObjectStatus

log = structlog.get_logger()

MAX_QUEUED = 1_000
"""Events that wait to be written; more are dropped and counted in the log: conditions say the same."""

AGAIN_SECONDS = 60.0
MAX_NOTE = 1024
"""The API server's own bound of an event's note."""


class Announcer:
    """Writes events one after the other, in the background."""

    def __init__(self, api: KubeApi, identity: str, may_write: Callable[[], bool]) -> None:
        self._api = api
        self._identity = identity[:128]
        self._may_write = may_write
        self._queue: asyncio.Queue[tuple[ObjectKey, dict[str, Any]]] = asyncio.Queue(MAX_QUEUED)
        self._said: dict[tuple[ObjectKey, str], float] = {}

    def compare(self, before: Mapping[str, Any], after: ObjectStatus, uid: str) -> None:
        """Say what changed from the status an object carries to the next, where that is worth an event."""
        conditions = before.get("conditions", ()) if "observedGeneration" in before else ()
        was = next((one for one in conditions if one["type"] == ConditionType.READY.value), None)
        now = after.condition(ConditionType.READY)
        if now is None or not _is_news(was, now, recorder=after.key.kind == "Recorder"):
            return
        good = now.status is ConditionStatus.TRUE
        self._say(after.key, uid, "Normal" if good else "Warning", now.reason.value, now.message)

    async def run(self) -> None:
        """Write what is queued, for ever."""
        while True:
            key, document = await self._queue.get()
            if not self._may_write():
                continue
            try:
                await self._api.create(paths.events(key.namespace), document)
            except ApiError as error:
                log.warning("event_not_written", object=str(key), error=str(error))

    def _say(self, key: ObjectKey, uid: str, kind: str, reason: str, note: str) -> None:
        now = time.monotonic()
        self._said = {one: at for one, at in self._said.items() if now - at < AGAIN_SECONDS}
        if (key, reason) in self._said:
            return
        self._said[key, reason] = now
        instant = datetime.now(UTC)
        document = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{key.name[:200]}.{time.time_ns():x}", "namespace": key.namespace},
            "eventTime": instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "callkeeper.dev/operator",
            "reportingInstance": self._identity,
            "action": "Reconcile",
            "type": kind,
            "reason": reason,
            "note": note[:MAX_NOTE],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
        }
        try:
            self._queue.put_nowait((key, document))
        except asyncio.QueueFull:
            log.warning("event_dropped", object=str(key), reason=reason)


def _is_news(was: Mapping[str, Any] | None, now: Condition, *, recorder: bool) -> bool:
    if was is None:
        return recorder or now.status is not ConditionStatus.TRUE
    return (was["status"], was["reason"]) != (now.status.value, now.reason.value)
