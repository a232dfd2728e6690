"""The outbox: audit events on their way, numbered, and kept until the audit log has them."""

from tests.recorder.store.making import event, later

from callkeeper.recorder.store.port import Store


class OutboxContract:
    """The outbox."""

    async def test_events_are_numbered_once_and_kept_until_acknowledged(self, store: Store) -> None:
        numbers = [await store.write(lambda rows, n=n: rows.add_event(event(n))) for n in (1, 2, 3)]
        assert numbers == [1, 2, 3]
        await store.write(lambda rows: rows.acknowledge(2))
        assert await store.read(lambda rows: rows.undelivered(10)) == [(3, event(3))]
        size = await store.read(lambda rows: rows.outbox_size())
        assert (size.rows, size.oldest) == (1, later(3))
        await store.write(lambda rows: rows.acknowledge(3))
        assert (await store.read(lambda rows: rows.outbox_size())).rows == 0
        assert await store.write(lambda rows: rows.add_event(event(4))) == 4
        await store.write(lambda rows: rows.acknowledge(100))
        assert await store.write(lambda rows: rows.add_event(event(5))) == 101

    async def test_events_that_were_never_sent_get_new_numbers_in_their_order(self, store: Store) -> None:
        for n in range(1, 6):
            await store.write(lambda rows, n=n: rows.add_event(event(n)))
        assert await store.read(lambda rows: rows.last_event_number()) == 5
        await store.write(lambda rows: rows.renumber_events(after=2, least=4))
        told = [(1, event(1)), (2, event(2)), (4, event(3)), (5, event(4)), (6, event(5))]
        assert await store.read(lambda rows: rows.undelivered(10)) == told
        await store.write(lambda rows: rows.renumber_events(after=6, least=50))
        assert await store.write(lambda rows: rows.add_event(event(6))) == 7
        await store.write(lambda rows: rows.renumber_events(after=0, least=101))
        numbers = [number for number, _ in await store.read(lambda rows: rows.undelivered(10))]
        assert numbers == [101, 102, 104, 105, 106, 107]
        assert await store.write(lambda rows: rows.add_event(event(7))) == 108

    async def test_whoever_watches_the_outbox_hears_of_events_and_of_nothing_else(self, store: Store) -> None:
        heard: list[int] = []
        store.watch_outbox(lambda: heard.append(1))
        await store.write(lambda rows: rows.set_meta("a", "1"))
        assert heard == []
        await store.write(lambda rows: rows.add_event(event()))
        assert heard == [1]
