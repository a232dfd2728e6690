"""What the suite reads of a store, in a word."""

from callkeeper.recorder.store.port import Reading, Store
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.search import EVERYTHING, Search, Viewer


async def recordings(store: Store, search: Search | None = None, viewer: Viewer = EVERYTHING) -> list[KeptRecording]:
    return await store.read(lambda rows: rows.search(search or Search(), viewer, None, 1_000))


def paged(rows: Reading, search: Search, viewer: Viewer, limit: int, most: int) -> list[str]:
    """All pages that look at so many recordings each, together."""
    page = rows.look(search, viewer, None, limit, most)
    found, pages = [one.id for one in page.recordings], 1
    while page.next is not None:
        page = rows.look(search, viewer, page.next, limit, most)
        assert len(page.recordings) <= limit
        found, pages = [*found, *[one.id for one in page.recordings]], pages + 1
        assert pages < 100
    return found


async def ids(store: Store, search: Search | None = None, viewer: Viewer = EVERYTHING) -> list[str]:
    return [found.id for found in await recordings(store, search, viewer)]
