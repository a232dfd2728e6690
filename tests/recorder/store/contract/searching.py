"""Searching: what is found of recordings, in which pages, and by whom."""

from dataclasses import replace

import pytest
from tests.recorder.store.contract.reading import ids, paged, recordings
from tests.recorder.store.making import MEDIA, NOW, WITHHELD, all_recordings, ended, filled, later, note, segment

from callkeeper.policy.call import Party
from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.store.recording import Status, key_of
from callkeeper.recorder.store.search import EVERYTHING, Search, Viewer


class SearchContract:
    """Searching."""

    async def test_pages_go_back_in_time_without_gap_or_repetition(self, store: Store) -> None:
        same = [replace(segment(n), number=n) for n in range(1, 8)]
        await store.write(lambda rows: rows.save_segments(same))
        seen: list[str] = []
        after = None
        while page := await store.read(lambda rows, at=after: rows.search(Search(), EVERYTHING, at, 3)):
            seen += [found.segment for found in page]
            after = (page[-1].opened, page[-1].key)
        assert seen == [f"segment{n}" for n in range(7, 0, -1)]

    @pytest.mark.parametrize(
        ("search", "expected"),
        [
            (Search(), {1, 2}), (Search(user="ada"), {1}), (Search(number="+390212345"), {1, 2}),
            (Search(number="+39"), set()), (Search(conversation="c-2"), {2}), (Search(segment="segment2"), {2}),
            (Search(direction="inbound"), {1, 2}), (Search(direction="outbound"), set()), (Search(kind="group"), set()),
            (Search(scope="external"), {1, 2}), (Search(mode="AlwaysOn"), {1, 2}), (Search(mode="OnDemand"), set()),
            (Search(status=Status.COMPLETE), {1}), (Search(status=Status.OPEN), {2}), (Search(tags=("claim",)), {1}),
            (Search(tags=("claim", "b")), set()), (Search(held=True), {1}), (Search(held=False), {2}),
            (Search(note="said h"), {1}), (Search(note="said%"), set()), (Search(shortest=60_000_000), {1}),
            (Search(longest=59_000_000), set()), (Search(opened_from=later(2)), {2}), (Search(opened_to=later(2)), {1}),
            (Search(number="+390212345", user="bob", kind="peerToPeer", opened_from=NOW), {2}),
        ],
        ids=repr,
    )  # fmt: skip
    async def test_a_search_narrows(self, store: Store, search: Search, expected: set[int]) -> None:
        await store.write(filled)
        found = await ids(store, search)
        assert sorted(found) == sorted(f"segment{n}-1" for n in expected)

    @pytest.mark.parametrize("viewer", [EVERYTHING, Viewer(user="ada"), Viewer(groups=frozenset({"sales", "board"}))])
    async def test_pages_that_look_at_little_are_together_what_a_search_finds(
        self, store: Store, viewer: Viewer
    ) -> None:
        def unit(rows: Writing) -> None:
            # Four at the same instant, and some that fit none of what is asked.
            same = [replace(segment(number), started=later(9), latest=later(9)) for number in range(1, 5)]
            rows.save_segments([*same, *[ended(segment(number)) for number in range(5, 9)]])
            rows.save_segments([segment(9, called=Party(user="bob")), segment(10)])
            for number in (2, 6, 10):
                rows.add_tag(key_of(number, 1), "claim", by="ada", at=later(70))
                rows.add_note(note(f"note-{number}", key_of(number, 1), f"about claim {number}"))
                rows.add_note(note(f"more-{number}", key_of(number, 1), "Claimed again"))
                rows.set_media(key_of(number, 1), MEDIA, status=Status.COMPLETE, last_media=later(61))

        await store.write(unit)
        for search in (
            Search(), Search(status=Status.COMPLETE), Search(status=Status.CLOSED), Search(shortest=1),
            Search(user="ada"), Search(user="bob"), Search(number="+390212345", shortest=1), Search(tags=("claim",)),
            Search(direction="outbound"), Search(scope="internal"), Search(opened_from=later(6), opened_to=later(10)),
            Search(conversation="c-6"), Search(note="x"), Search(note="claim"), Search(note="CLAIM 6"),
            Search(note="again", kind="peerToPeer"), Search(segment="segment6", shortest=1), Search(held=True),
        ):  # fmt: skip
            expected = await ids(store, search, viewer)
            for limit, most in ((1, 1), (2, 3), (100, 2), (100, 100)):
                assert (
                    await store.read(lambda rows, s=search, n=limit, m=most: paged(rows, s, viewer, n, m)) == expected
                )

    @pytest.mark.parametrize("asked", ["ärger", "ÄRGER", "strasse", "50%_", "ΌΣΟΣ"])
    async def test_a_note_is_found_without_regard_to_case_in_any_script(self, store: Store, asked: str) -> None:
        def unit(rows: Writing) -> None:
            filled(rows)
            rows.add_note(note("note-2", key_of(2, 1), "Ärger in der Straße, 50%_ όσος"))

        await store.write(unit)
        assert await ids(store, Search(note=asked)) == ["segment2-1"]

    @pytest.mark.parametrize(
        "search",
        [
            Search(), Search(number="+390212345"), Search(conversation="c-1"), Search(held=True), Search(user="ada"),
            Search(tags=("claim",)), Search(note="hello"),
        ],
        ids=repr,
    )  # fmt: skip
    async def test_nobody_sees_more_than_they_may_whatever_they_search(self, store: Store, search: Search) -> None:
        await store.write(filled)
        everything = set(await ids(store, search))
        own = {"segment1-1"} & everything
        assert set(await ids(store, search, Viewer(user="ada"))) == own
        assert set(await ids(store, search, Viewer(groups=frozenset({"sales", "board"})))) == own
        assert set(await ids(store, search, Viewer(user="eve", groups=frozenset({"legal"})))) == set()
        assert set(await ids(store, search, Viewer())) == set()
        who = (Viewer(user="ada"), Viewer(user="bob"), Viewer(groups=frozenset({"sales"})), EVERYTHING, Viewer())
        seen = [await store.read(lambda rows, by=by: rows.recording("segment1-1", by)) for by in who]
        assert [one is not None for one in seen] == [True, False, True, True, False]

    async def test_a_withheld_number_is_neither_shown_nor_found(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(1, calling=WITHHELD)]))
        assert await ids(store, Search(number="+39066")) == []
        assert (await recordings(store))[0].parties[0].display == "anonymous"

    async def test_stored_media_are_listed_by_key(self, store: Store) -> None:
        await store.write(filled)
        assert await store.read(lambda rows: rows.stored_media(0, 10)) == [(key_of(1, 1), "segment1-1", MEDIA)]
        assert await store.read(lambda rows: rows.stored_media(key_of(1, 1), 10)) == []

    async def test_all_of_a_thousand_recordings_are_found(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(n) for n in range(1, 1_001)]))
        assert len(await store.read(all_recordings)) == 1_000
