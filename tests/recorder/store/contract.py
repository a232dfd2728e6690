"""What any store has to do: a suite to be run over each adapter (`class TestSqlite(StoreContract)`).

An adapter's test module gives the fixture `store`, an empty store that is closed afterwards.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.recorder.store.making import (
    MEDIA,
    NOW,
    ON_DEMAND,
    PEOPLE,
    WITHHELD,
    all_recordings,
    ended,
    erasure,
    event,
    filled,
    hold,
    later,
    note,
    segment,
    tombstone,
)

from callkeeper.policy.call import Party
from callkeeper.policy.directory import Licence, User, UserStatus, line
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.recording import KeptRecording, Status, key_of
from callkeeper.recorder.store.search import EVERYTHING, Search, Viewer

FAR = later(1_000_000)


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


class StoreContract:
    """The suite."""

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

    async def test_an_open_segment_is_a_recording_that_is_expected(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(1)]))
        (found,) = await recordings(store)
        assert (found.key, found.id, found.segment) == (key_of(1, 1), "segment1-1", "segment1")
        assert (found.user, found.groups, found.mode, found.status) == ("ada", ("sales", "board"), "AlwaysOn", "open")
        assert (found.opened, found.closed, found.clock, found.media) == (later(1), None, None, None)
        assert [(party.role, party.display) for party in found.parties] == [
            ("calling", "+390212345"),
            ("called", "ada"),
        ]
        (row,) = await store.read(lambda rows: rows.ledger(NOW, FAR, 0, 10))
        assert (row.state, row.why, row.recordings) == (LedgerState.EXPECTED, "Open", 1)

    async def test_a_snapshot_written_again_or_later_is_the_same_recording(self, store: Store) -> None:
        for snapshot in (segment(1), segment(1), ended(segment(1)), ended(segment(1))):
            await store.write(lambda rows, one=snapshot: rows.save_segments([one]))
        (found,) = await recordings(store)
        assert (found.status, found.closed, found.clock) == (Status.CLOSED, later(61), later(61))
        assert found.stretches[0].ended_by == "SegmentEnded"

    async def test_a_snapshot_leaves_alone_what_media_and_people_have_said(self, store: Store) -> None:
        await store.write(filled)
        await store.write(lambda rows: rows.save_segments([ended(segment(1)), ended(segment(4))]))
        found = {one.segment: one for one in await recordings(store)}
        assert found["segment1"].status is Status.COMPLETE
        assert (found["segment1"].media, found["segment1"].tags, found["segment1"].held) == (MEDIA, ("claim",), True)
        assert found["segment1"].minimum_until == later(5_000)
        assert "segment4" not in found, "a buried recording came back"

    async def test_segments_saved_alone_and_many_are_those_that_a_unit_saves(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(1)]))
        await store.save_segments([segment(2)])
        await store.save_segments([segment(number) for number in range(3, 60)])
        first, *others = reversed(await recordings(store))
        assert [(one.key, one.opened) for one in others] == [(key_of(n, 1), later(n)) for n in range(2, 60)]
        assert {(one.user, one.groups, one.parties, one.status) for one in others} == {
            (first.user, first.groups, first.parties, first.status)
        }
        assert len(await ids(store, viewer=Viewer(groups=frozenset({"board"})))) == 59

    @pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", "\ud800"])
    async def test_a_text_that_no_database_takes_is_said_to_be_one(self, store: Store, text: str) -> None:
        for count in (1, 100):
            several = [segment(number, conversation=text) for number in range(1, count + 1)]
            with pytest.raises(ValueError, match=r"U\+0000|surrogates"):
                await store.save_segments(several)
        await store.save_segments([segment(1, conversation="\\u0000")])
        assert len(await ids(store)) == 1

    async def test_the_ledger_says_expected_recorded_skipped_and_failed(self, store: Store) -> None:
        def unit(rows: Writing) -> None:
            rows.save_segments([ended(segment(n)) for n in (1, 2, 3)] + [ended(segment(4, ON_DEMAND))])
            rows.set_media(key_of(2, 1), MEDIA, status=Status.COMPLETE, last_media=later(70))
            rows.set_status([key_of(3, 1)], Status.FAILED)

        await store.write(unit)
        rows = await store.read(lambda rows: rows.ledger(NOW, FAR, 0, 10))
        assert [(row.state.value, row.why) for row in rows] == [
            ("expected", "MediaAwaited"), ("recorded", "MediaComplete"), ("failed", "NoMedia"), ("skipped", "OnDemand")
        ]  # fmt: skip
        assert await store.read(lambda rows: rows.ledger_totals(NOW, FAR)) == dict.fromkeys(LedgerState, 1)
        assert [row.number for row in await store.read(lambda rows: rows.ledger(later(2), later(4), 2, 10))] == [3]
        await store.write(lambda rows: rows.set_status([key_of(2, 1)], Status.UNREACHABLE))
        assert (await store.read(lambda rows: rows.ledger_totals(NOW, FAR)))[LedgerState.RECORDED] == 1

    async def test_what_a_dead_run_left_open_is_interrupted(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(1), ended(segment(2)), segment(3, ON_DEMAND)]))
        assert await store.write(lambda rows: rows.interrupt_open()) == (2, 1)
        assert await store.write(lambda rows: rows.interrupt_open()) == (0, 0)
        found = {one.segment: one for one in await recordings(store)}
        assert (found["segment1"].status, found["segment1"].clock) == (Status.INTERRUPTED, later(1))
        assert found["segment2"].status is Status.CLOSED
        rows = await store.read(lambda rows: rows.ledger(NOW, FAR, 0, 10))
        assert [(row.interrupted, row.why) for row in rows] == [
            (True, "Interrupted"), (False, "MediaAwaited"), (True, "OnDemand")
        ]  # fmt: skip

    async def test_an_interrupted_recordings_clock_begins_with_its_last_media(self, store: Store) -> None:
        def unit(rows: Writing) -> None:
            rows.save_segments([segment(1)])
            rows.set_media(key_of(1, 1), MEDIA, status=Status.OPEN, last_media=later(40))
            rows.interrupt_open()

        await store.write(unit)
        assert [found.clock for found in await recordings(store)] == [later(40)]

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

    async def test_parties_are_those_of_the_time_it_was_captured(self, store: Store) -> None:
        begun = segment(1)
        joined = transitions.change(begun, replace(begun.call, participants=(Party(number="+4930"),)), PEOPLE, later(5))
        left = transitions.change(joined, begun.call, PEOPLE, later(9))
        await store.write(lambda rows: rows.save_segments([left]))
        assert await ids(store, Search(number="+4930")) == ["segment1-1"]

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

    async def test_users_are_kept_changed_and_remembered_when_they_go(self, store: Store) -> None:
        ada, bob = User(id="ada", email="ada@example.com", groups=("sales",)), User(id="bob")
        await store.write(lambda rows: rows.save_users([bob, ada]))
        assert await store.read(lambda rows: rows.users()) == [ada, bob]
        lines = (line(extension="2001", e164="+390612001"),)
        changed = replace(ada, lines=lines, licences=frozenset(Licence), status=UserStatus.DISABLED)
        gone = Retired(at="2026-03-01T00:00:00.000000Z", email="5e")

        def unit(rows: Writing) -> None:
            rows.save_users([changed])
            rows.retire_users({"bob": gone})

        await store.write(unit)
        assert await store.read(lambda rows: (rows.users(), rows.retired_users())) == ([changed], {"bob": gone})
        # Who comes back is a user again, and stays remembered.
        await store.write(lambda rows: rows.save_users([bob]))
        assert await store.read(lambda rows: (rows.users(), rows.retired_users())) == ([changed, bob], {"bob": gone})

    async def test_a_change_of_users_goes_with_the_unit_it_is_in(self, store: Store) -> None:
        def unit(rows: Writing) -> None:
            rows.save_users([User(id="ada")])
            rows.add_event(event(1))
            raise KeyError("no")

        with pytest.raises(KeyError):
            await store.write(unit)
        assert await store.read(lambda rows: (rows.users(), rows.outbox_size().rows)) == ([], 0)

    async def test_whoever_watches_the_outbox_hears_of_events_and_of_nothing_else(self, store: Store) -> None:
        heard: list[int] = []
        store.watch_outbox(lambda: heard.append(1))
        await store.write(lambda rows: rows.set_meta("a", "1"))
        assert heard == []
        await store.write(lambda rows: rows.add_event(event()))
        assert heard == [1]

    async def test_calls_come_back_as_they_were_told_until_they_are_forgotten(self, store: Store) -> None:
        told = [segment(1), segment(2, participants=(WITHHELD,), recorded_users=("ada",))]
        await store.write(lambda rows: rows.save_segments(told))
        assert await store.read(lambda rows: dict(rows.calls_since(NOW))) == {one.id: one.call for one in told}
        await store.write(lambda rows: rows.forget_calls([1, 2]))
        assert len(await store.read(lambda rows: dict(rows.calls_since(NOW)))) == 2, "neither has ended"
        await store.write(lambda rows: rows.save_segments([ended(told[0])]))
        assert await store.read(lambda rows: rows.started_before(later(3), 0, 9)) == [(1, True), (2, False)]
        assert await store.read(lambda rows: rows.started_before(later(2), 0, 9)) == [(1, True)]
        assert await store.read(lambda rows: rows.started_before(later(3), 1, 9)) == [(2, False)]
        await store.write(lambda rows: rows.forget_calls([1, 2]))
        assert await store.read(lambda rows: list(rows.calls_since(NOW))) == [("segment2", told[1].call)]
        assert await store.read(lambda rows: list(rows.calls_since(later(2) + timedelta(microseconds=1)))) == []

    async def test_a_recording_that_was_not_begun_is_taken_back_and_no_other(self, store: Store) -> None:
        await store.write(filled)
        await store.write(lambda rows: rows.withdraw([key_of(1, 1), key_of(2, 1)]))
        assert await ids(store) == ["segment1-1"]

    async def test_stored_media_are_listed_by_key(self, store: Store) -> None:
        await store.write(filled)
        assert await store.read(lambda rows: rows.stored_media(0, 10)) == [(key_of(1, 1), "segment1-1", MEDIA)]
        assert await store.read(lambda rows: rows.stored_media(key_of(1, 1), 10)) == []

    async def test_all_of_a_thousand_recordings_are_found(self, store: Store) -> None:
        await store.write(lambda rows: rows.save_segments([segment(n) for n in range(1, 1_001)]))
        assert len(await store.read(all_recordings)) == 1_000
