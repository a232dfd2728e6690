import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.making import NOON, Clock, event, identifiers, read_csv, seconds

from callkeeper.audit import merge, routing, scan
from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.download import fix_download, record_download
from callkeeper.audit.export import Totals, export_range, prepare
from callkeeper.audit.row import HEADER, date_text, row
from callkeeper.audit.select import Selection
from callkeeper.audit.sender import Sender
from callkeeper.audit.store import AuditStore

MIDNIGHT = NOON + timedelta(hours=12)
# Instants around two midnights, dense enough that equal Dates, late rows and day borders all happen.
INSTANTS = st.builds(
    lambda day, second, half: MIDNIGHT + timedelta(days=day, seconds=second, microseconds=half * 500_000),
    st.integers(-1, 1),
    st.integers(-4, 4),
    st.integers(0, 1),
)
BATCHES = st.lists(st.lists(st.tuples(st.integers(0, 3), INSTANTS), min_size=1, max_size=6), min_size=1, max_size=12)


def fill(folder: Path, batches: list[list[tuple[int, datetime]]]) -> bytes:
    """Append the batches one after the other and return what a naive sort says an export of everything is."""
    numbers = [0] * 4
    rows: list[bytes] = []

    async def run() -> None:
        async with AuditStore.open(folder, now=Clock(MIDNIGHT + timedelta(days=9))) as store:
            for batch in batches:
                events = []
                for sender, at in batch:
                    numbers[sender] += 1
                    email = "ada@example.com" if sender % 2 else "Eve@Example.com"
                    action = Action.LOGIN if at.microsecond else Action.LOGOUT
                    text = "x" * (at.second * 7)
                    events.append(
                        event(
                            numbers[sender], sender=f"s{sender}", at=at, email=email, action=action, details={"x": text}
                        )
                    )
                await store.append(events)
                rows.extend(text for text, _, _ in routing._in_order([(row(one), one.sender, 0) for one in events]))

    asyncio.run(run())
    return b"".join(sorted(rows, key=lambda line: line[:19]))


def naive(everything: bytes, start: datetime, end: datetime) -> bytes:
    lines = everything.splitlines(keepends=True)
    return b"".join(
        line
        for line in lines
        if start <= datetime.strptime(line[:19].decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) < end
    )


@given(batches=BATCHES, start=INSTANTS, end=INSTANTS)
@settings(max_examples=150, deadline=None)
def test_an_export_is_what_a_naive_filter_and_sort_say(batches, start, end):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Tiny chunks and bisection steps, so that every border falls somewhere.
        patch.setattr(scan, "CHUNK_BYTES", 150)
        patch.setattr(merge, "CHUNK_BYTES", 150)
        patch.setattr(merge, "_BISECT_BYTES", 130)
        everything = fill(Path(folder), batches)
        fixed = prepare(Path(folder), start, end)
        data = b"".join(fixed.chunks())
        assert data == HEADER + naive(everything, start, end)
        assert fixed.totals() == Totals(rows=data.count(b"\n") - 1, size=len(data))
        for selection, wanted in (
            (Selection(email="ADA@example.com"), lambda one: one[1] == "ada@example.com"),
            (Selection(email="eve@example.com"), lambda one: one[1] == "Eve@Example.com"),
            (Selection(actions=(Action.LOGIN,)), lambda one: one[4] == "Login"),
            (
                Selection(email="ada@example.com", actions=(Action.LOGIN, Action.PLAY_RECORDING)),
                lambda one: one[1] == "ada@example.com" and one[4] == "Login",
            ),
        ):
            some = prepare(Path(folder), start, end, selection)
            rows = read_csv(b"".join(some.chunks()))
            assert rows[1:] == [one for one in read_csv(data)[1:] if wanted(one)]
            assert some.totals().rows == len(rows) - 1


def test_an_export_of_nothing_is_the_header_line(tmp_path):
    assert b"".join(export_range(tmp_path, NOON, MIDNIGHT)) == HEADER
    fill(tmp_path, [[(0, NOON)]])
    assert b"".join(export_range(tmp_path, seconds(1), MIDNIGHT)) == HEADER
    assert b"".join(export_range(tmp_path, MIDNIGHT, NOON)) == HEADER


def test_a_range_is_half_open_and_dates_are_whole_seconds(tmp_path):
    fill(tmp_path, [[(0, NOON), (0, seconds(1)), (0, seconds(2))]])
    half = timedelta(microseconds=500_000)
    assert identifiers(export_range(tmp_path, NOON, seconds(2))) == ["s0:1", "s0:2"]
    assert identifiers(export_range(tmp_path, NOON + half, seconds(2) + half)) == ["s0:2", "s0:3"]


def test_a_range_may_be_given_with_any_offset(tmp_path):
    fill(tmp_path, [[(0, NOON)]])
    start = datetime.fromisoformat("2026-11-23T14:00:00+02:00")
    assert identifiers(export_range(tmp_path, start, start + timedelta(seconds=1))) == ["s0:1"]


@pytest.mark.parametrize("tail", [b"2026-11-23 12:00:09", b"2026-11-23 12:00:09 +0000 UTC,a,b,c,Login,x", b"\0" * 100])
def test_a_row_being_written_is_left_out(tmp_path, tail):
    fill(tmp_path, [[(0, NOON), (0, seconds(1))]])
    with (tmp_path / "audit-2026-11-23.csv").open("ab") as file:
        file.write(tail)
    assert identifiers(export_range(tmp_path, NOON, MIDNIGHT)) == ["s0:1", "s0:2"]


def test_a_fixed_range_stays_as_it_was_while_the_store_grows(tmp_path):
    fill(tmp_path, [[(0, NOON)]])
    fixed = prepare(tmp_path, NOON - timedelta(hours=1), MIDNIGHT)
    fill(tmp_path, [[(1, seconds(1)), (2, seconds(-1)), (1, seconds(2))]])
    assert identifiers(fixed.chunks()) == ["s0:1"]
    assert fixed.totals().rows == 1


def test_a_day_passes_through_as_stored(tmp_path):
    fill(tmp_path, [[(0, seconds(number)) for number in range(3000)]])
    stored = (tmp_path / "audit-2026-11-23.csv").read_bytes()
    assert b"".join(export_range(tmp_path, NOON.replace(hour=0), MIDNIGHT)) == stored


def test_many_late_runs_are_merged_with_few_open_files(tmp_path):
    fill(tmp_path, [[(0, seconds(-number))] for number in range(300)])
    assert len(list(tmp_path.glob("*late*"))) == 299
    found = identifiers(export_range(tmp_path, NOON - timedelta(hours=1), MIDNIGHT))
    assert found == [f"s0:{number}" for number in range(300, 0, -1)]


def test_many_late_rows_between_two_rows_come_in_bounded_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "CHUNK_BYTES", 4000)
    late = [(0, seconds(5))] * 500
    fill(tmp_path, [[(1, NOON)], [(1, seconds(10))], [(2, seconds(20))], late, [(3, seconds(-10))] * 300])
    pieces = list(export_range(tmp_path, NOON - timedelta(hours=1), MIDNIGHT))
    assert max(map(len, pieces)) < 12_000
    assert identifiers(pieces)[:2] == ["s3:1", "s3:2"]
    assert len(identifiers(pieces)) == 803


@pytest.mark.parametrize("email", ['we"ird,one@example.com', "jürgen@example.com", "a.b+c@example.com", "O'Neil (x)"])
def test_an_address_is_found_whatever_it_holds_and_whatever_its_case(tmp_path, email):
    async def run() -> None:
        async with AuditStore.open(tmp_path, now=Clock()) as store:
            await store.append([event(1, email=email.upper()), event(2, email=email + "x"), event(3, email=email)])
            await store.append([event(4, email="x", app_name=email, details={"who": email})])

    asyncio.run(run())
    selection = Selection(email=email)
    assert identifiers(prepare(tmp_path, NOON, MIDNIGHT, selection).chunks()) == ["recorder:1", "recorder:3"]


async def test_a_download_is_audited_with_range_rows_bytes_and_chain_and_is_not_part_of_itself(tmp_path):
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.append([event(1), event(2, email="eve@example.com")])
        selection = Selection(email="ada@example.com", actions=(Action.START_RECORDING,))
        head = store.chain_head
        asked = AskedExport(start=NOON.replace(hour=0), end=MIDNIGHT, selection=selection)
        download = fix_download(tmp_path, asked, head)
        who = {"at": NOON, "email": "aud@example.com", "ip_address": "192.0.2.9"}
        await record_download(download, Sender(store, "recorder-api"), **who)
        data = b"".join(download.chunks())
    assert download.totals == Totals(rows=1, size=len(data))
    last = read_csv((tmp_path / "audit-2026-11-23.csv").read_bytes())[-1]
    assert last[1:5] == ["aud@example.com", "192.0.2.9", "callkeeper", "DownloadCsvAudit"]
    assert json.loads(last[5]) == {
        "id": "recorder-api:1",
        "actions": ["StartRecording"],
        "bytes": len(data),
        "chain": head,
        "email": "ada@example.com",
        "from": "2026-11-23T00:00:00Z",
        "rows": 1,
        "to": "2026-11-24T00:00:00Z",
    }
    assert identifiers([data]) == ["recorder:1"]


def test_date_texts_sort_as_time_does():
    assert date_text(datetime(1970, 1, 1, tzinfo=UTC)) < date_text(datetime(9998, 1, 1, tzinfo=UTC))
