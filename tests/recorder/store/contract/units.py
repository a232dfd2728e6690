"""Units of work: what is committed together, and what is undone alone."""

import pytest
from tests.recorder.store.contract.reading import recordings
from tests.recorder.store.making import ended, event, segment, tombstone

from callkeeper.recorder.store.port import Store, Writing


class UnitContract:
    """Units of work."""

    async def test_what_a_unit_wrote_is_read_and_what_it_returned_comes_back(self, store: Store) -> None:
        assert await store.write(lambda rows: rows.add_event(event())) == 1
        assert await store.read(lambda rows: rows.undelivered(10)) == [(1, event())]

    async def test_a_unit_that_raises_is_undone_alone(self, store: Store) -> None:
        def failing(rows: Writing) -> None:
            rows.set_meta("a", "1")
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await store.write(failing)
        await store.write(lambda rows: rows.set_meta("b", "2"))
        assert await store.read(lambda rows: (rows.meta("a"), rows.meta("b"))) == (None, "2")

    async def test_many_at_once_are_what_one_after_the_other_would_be(self, store: Store) -> None:
        numbers = range(1, 1_001)
        await store.write(lambda rows: rows.save_segments([ended(segment(number)) for number in numbers]))
        buried = [tombstone(found) for found in await recordings(store)]

        def unit(rows: Writing) -> frozenset[str]:
            rows.set_metas({f"m-{number}": f"\u00e9 {number}" for number in numbers})
            rows.set_metas({"m-1": "other"})
            rows.forget_metas([f"m-{number}" for number in numbers if number > 2] + ["none"])
            rows.add_events([event(1), event(2)])
            rows.bury(buried[0])
            return rows.bury_all(buried)

        assert await store.write(unit) == {one.recording for one in buried[1:]}
        assert await store.read(lambda rows: rows.metas([f"m-{number}" for number in numbers])) == {
            "m-1": "other", "m-2": "\u00e9 2"
        }  # fmt: skip
        assert await store.read(lambda rows: rows.undelivered(9)) == [(1, event(1)), (2, event(2))]
        assert await recordings(store) == []
        assert await store.read(lambda rows: [rows.tombstone(one.recording) for one in buried]) == buried
