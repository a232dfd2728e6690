"""The other objects of a namespace, for warnings that need them: listed when they are needed, of the kinds needed.

A cache that watches would hold everything the operator holds, twice more, for warnings. So they are listed on demand,
within a budget, and anew for every question as long as those are few: a person who applies two objects at once is
warned of the conflict. When questions come by the hundred, what was listed within the last second does. Objects whose
versions did not change since the last list are not fetched again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading, read_object
from callkeeper.operator import paths
from callkeeper.operator.api import METADATA_ONLY, Json, KubeApi
from callkeeper.operator.errors import ApiError
from callkeeper.operator.registry import lean

MAX_NEIGHBOURS = 500
"""Objects of one kind in one namespace; where there are more, warnings that need them are left out."""

MAX_LISTS_KEPT = 64
"""Lists of one kind in one namespace, of the last second."""

LIST_SECONDS = 0.4
"""The budget of a question for its lists; a list of a few objects takes some milliseconds."""

FRESH_SECONDS = 1.0
"""How old a list may be when questions come faster than `FEW`."""

FEW = 8
"""Questions a second and list for which it is listed anew."""


@dataclass(slots=True)
class _Kept:
    listed_at: float = float("-inf")
    readings: list[ObjectReading] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)
    under_way: asyncio.Task[list[ObjectReading] | None] | None = None


class Neighbours:
    """Lists objects of our kinds."""

    def __init__(self, api: KubeApi, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet.

        Args:
            api: the API server.
            clock: monotonic seconds.
        """
        self._api = api
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self.left_out = 0

    async def of(self, namespace: str, kinds: Iterable[str]) -> list[ObjectReading] | None:
        """All objects of these kinds in a namespace; None where they are too many, or not there in time."""
        wanted = [self._one(namespace, kind) for kind in kinds]
        try:
            async with asyncio.timeout(LIST_SECONDS):
                found = await asyncio.gather(*wanted)
        except TimeoutError:
            found = [None]
        if any(one is None for one in found):
            self.left_out += 1
            return None
        return [reading for one in found for reading in one or ()]

    def took(self, reading: ObjectReading | None, key: ObjectKey) -> None:
        """An object was let through (None: its deletion): lists that are kept know it."""
        kept = self._kept.get((key.namespace, key.kind))
        if kept is None or kept.readings is None:
            return
        others = [one for one in kept.readings if one.key != key]
        kept.readings = others if reading is None else [*others, reading]

    async def _one(self, namespace: str, kind: str) -> list[ObjectReading] | None:
        kept = self._kept.setdefault((namespace, kind), _Kept())
        self._kept.move_to_end((namespace, kind))
        while len(self._kept) > MAX_LISTS_KEPT:
            self._kept.popitem(last=False)
        now = self._clock()
        kept.asked = [at for at in kept.asked if now - at < 1.0][-FEW:]
        kept.asked.append(now)
        if len(kept.asked) > FEW and now - kept.listed_at < FRESH_SECONDS:
            return kept.readings
        if kept.under_way is None or len(kept.asked) <= FEW:
            kept.under_way = asyncio.create_task(self._list(namespace, kind, kept))
        return await asyncio.shield(kept.under_way)

    async def _list(self, namespace: str, kind: str, kept: _Kept) -> list[ObjectReading] | None:
        try:
            if kept.readings is None or await self._changed(namespace, kind, kept):
                await self._read(namespace, kind, kept)
        except ApiError:
            kept.readings = None
        finally:
            kept.under_way = None
        kept.listed_at = self._clock()
        return kept.readings

    async def _changed(self, namespace: str, kind: str, kept: _Kept) -> bool:
        """Whether a list without content shows other versions than those that are kept."""
        page = await self._page(namespace, kind, METADATA_ONLY)
        return _versions(page) != kept.versions

    async def _read(self, namespace: str, kind: str, kept: _Kept) -> None:
        page = await self._page(namespace, kind, "application/json")
        if page.get("metadata", {}).get("continue"):
            kept.readings = None
            return
        documents = [{"apiVersion": page.get("apiVersion"), "kind": kind, **one} for one in page.get("items") or ()]
        kept.readings = await asyncio.to_thread(lambda: [read_object(lean(one)) for one in documents])
        kept.versions = _versions(page)

    async def _page(self, namespace: str, kind: str, accept: str) -> Json:
        return await self._api.ask(
            "GET",
            paths.collection(kind, namespace),
            parameters={"limit": str(MAX_NEIGHBOURS)},
            accept=accept,
            timeout_seconds=LIST_SECONDS * 4,
        )


def _versions(page: Json) -> dict[str, str]:
    return {
        str(one["metadata"].get("uid")): str(one["metadata"].get("resourceVersion")) for one in page.get("items") or ()
    }
