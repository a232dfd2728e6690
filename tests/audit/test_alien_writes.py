"""Something else writes to a file of an open store, or cuts it: noticed with the next commit, and told."""

import asyncio

import pytest
from tests.audit.making import Clock, event, identifiers, stored

from callkeeper.audit.errors import StoreFailed
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import row
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

SEGMENT = "audit-2026-11-23.csv"


async def until_taken(store: AuditStore, *events: AuditEvent) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await store.append(events)
            except StoreFailed:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("planted", [b"x", b"\r\n", row(event(7, sender="planted")), bytes(10_000)])
async def test_bytes_that_others_add_are_moved_aside_and_no_row_is_lost(tmp_path, planted):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.append([event(1)])
        with (tmp_path / SEGMENT).open("ab") as file:
            file.write(planted)
        with pytest.raises(StoreFailed, match=f"{SEGMENT} has .* bytes where .* something else writes to it"):
            await store.append([event(2)])
        await until_taken(store, event(2))
        await store.append([event(3)])
        assert store.recovery.damaged == ()
    assert [name for name in stored(tmp_path) if name.startswith(("recorder", "planted"))] == [
        "recorder:1",
        "recorder:2",
        "recorder:3",
    ]
    aside = b"".join(path.read_bytes() for path in sorted(tmp_path.glob(f"{SEGMENT}.torn-*")))
    assert planted in aside
    assert verify(tmp_path).sound


async def test_rows_that_others_cut_off_are_missed_at_once(tmp_path):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.append([event(1), event(2)])
        whole = (tmp_path / SEGMENT).read_bytes()
        with (tmp_path / SEGMENT).open("r+b") as file:
            file.truncate(len(whole) - 10)
        with pytest.raises(StoreFailed, match="something else writes to it"):
            await store.append([event(3)])
        await until_taken(store, event(3))
        assert {damage.file for damage in store.recovery.damaged} == {SEGMENT}
    left, aside = (tmp_path / SEGMENT).read_bytes(), (tmp_path / f"{SEGMENT}.torn-1").read_bytes()
    assert left + aside == whole[:-10], "nothing of what was found is lost"
    assert "recorder:3" in identifiers([(tmp_path / "audit-2026-11-23.part-002.csv").read_bytes()])
    found = verify(tmp_path)
    assert not found.sound
    assert {problem.file for problem in found.problems} == {SEGMENT}
