"""Segments: what is kept of them and of their recordings as calls go on, and what the ledger says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.recorder.store.contract.reading import ids, recordings
from tests.recorder.store.making import MEDIA, NOW, ON_DEMAND, PEOPLE, WITHHELD, ended, filled, later, segment

from callkeeper.policy.call import Party
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.store.recording import Status, key_of
from callkeeper.recorder.store.search import Search, Viewer

FAR = later(1_000_000)


class SegmentContract:
    """Segments."""

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

    async def test_parties_are_those_of_the_time_it_was_captured(self, store: Store) -> None:
        begun = segment(1)
        joined = transitions.change(begun, replace(begun.call, participants=(Party(number="+4930"),)), PEOPLE, later(5))
        left = transitions.change(joined, begun.call, PEOPLE, later(9))
        await store.write(lambda rows: rows.save_segments([left]))
        assert await ids(store, Search(number="+4930")) == ["segment1-1"]

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
