"""People and retention: what people write on recordings, what protects them, and what is left of them."""

from dataclasses import replace

from tests.recorder.store.contract.reading import ids, recordings
from tests.recorder.store.making import NOW, ended, erasure, filled, hold, later, note, segment, tombstone

from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.store.recording import Status, key_of
from callkeeper.recorder.store.search import EVERYTHING, Search

FAR = later(1_000_000)


class RetentionContract:
    """People and retention."""

    async def test_recordings_being_removed_are_seen_by_nobody_and_found_by_the_sweeper(self, store: Store) -> None:
        await store.write(filled)
        await store.write(lambda rows: rows.set_status([key_of(1, 1)], Status.UNREACHABLE))
        assert await ids(store) == ["segment2-1"]
        assert await store.read(lambda rows: rows.recording("segment1-1", EVERYTHING)) is None
        assert [found.id for found in await store.read(lambda rows: rows.unreachable(10))] == ["segment1-1"]
        ended_ones = await store.read(lambda rows: rows.ended_before(FAR, None, 10))
        assert [found.id for found in ended_ones] == ["segment1-1"]
        assert [one.key for one in await store.read(lambda rows: list(rows.expiring()))] == [key_of(2, 1)]

    async def test_what_expires_is_told_by_when_it_ended(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([ended(segment(1)), ended(segment(2)), segment(3)]))
        parts = [
            await store.read(lambda rows, a=asked: [one.key for one in rows.expiring(**a)])
            for asked in ({"before": later(62)}, {"since": later(62)}, {})
        ]
        assert [sorted(part) for part in parts] == [
            [key_of(1, 1), key_of(3, 1)], [key_of(2, 1)], [key_of(n, 1) for n in (1, 2, 3)]
        ]  # fmt: skip

    async def test_a_buried_recording_leaves_its_tombstone_only(self, store: Store) -> None:
        await store.write(filled)
        (found,) = [one for one in await recordings(store) if one.segment == "segment1"]
        assert [await store.write(lambda rows: rows.bury(tombstone(found))) for _ in range(2)] == [True, False]
        left = await store.read(lambda rows: (rows.tombstone(found.id), rows.notes_of(found.key)))
        assert left == (tombstone(found), [])
        assert await ids(store, Search(tags=("claim",))) == []
        assert len(await store.read(lambda rows: list(rows.tombstones_since(NOW)))) == 2

    async def test_holds_stack_and_are_released_once(self, store: Store) -> None:
        await store.write(filled)
        await store.write(lambda rows: rows.add_hold(hold("hold-2", "c-1")))
        released = [
            await store.write(lambda rows: rows.release_hold("hold-1", by="ada", at=later(9))) for _ in range(2)
        ]
        assert released == [True, False]
        assert await ids(store, Search(held=True)) == ["segment1-1"]
        holds = await store.read(lambda rows: rows.holds_of(["c-1", "c-2"]))
        assert [(one.id, one.released) for one in holds["c-1"]] == [("hold-1", later(9)), ("hold-2", None)]
        assert await store.read(lambda rows: rows.all_holds()) == holds
        assert (await store.read(lambda rows: rows.hold("hold-1"))) == holds["c-1"][0]

    async def test_notes_and_tags_are_added_changed_and_removed(self, store: Store) -> None:
        await store.write(filled)
        key = key_of(1, 1)

        def unit(rows: Writing) -> list[bool]:
            return [
                rows.add_tag(key, "claim", by="bob", at=NOW), rows.add_tag(key, "b", by="bob", at=NOW),
                rows.remove_tag(key, "claim"), rows.remove_tag(key, "claim"), rows.add_tag(99, "b", by="bob", at=NOW),
                rows.edit_note("note-1", "Other", at=later(300)), rows.edit_note("none", "", at=NOW),
            ]  # fmt: skip

        assert await store.write(unit) == [False, True, True, False, False, True, False]
        assert (await recordings(store, Search(tags=("b",))))[0].tags == ("b",)
        changed = replace(note("note-1", key, "Other"), edited=later(300))
        assert await store.read(lambda rows: (rows.notes_of(key), rows.note("note-1"))) == ([changed], changed)
        assert [await store.write(lambda rows: rows.delete_note("note-1")) for _ in range(2)] == [True, False]

    async def test_a_promise_grows_and_never_shrinks(self, store: Store) -> None:
        await store.write(filled)
        for until in (later(4_000), later(6_000)):
            await store.write(lambda rows, at=until: rows.grow_minimum(key_of(1, 1), at))
        assert {one.minimum_until for one in await recordings(store)} == {later(6_000), None}

    async def test_an_erasure_is_registered_restricts_and_is_carried_out_once(self, store: Store) -> None:
        await store.write(filled)
        assert {one.id: one.restricted for one in await recordings(store)} == {"segment1-1": True, "segment2-1": False}
        assert await store.read(lambda rows: rows.open_erasures()) == [erasure("segment1-1")]
        assert [await store.write(lambda rows: rows.execute_erasure("e-1", at=NOW)) for _ in range(2)] == [True, False]
        assert await store.read(lambda rows: rows.open_erasures()) == []
