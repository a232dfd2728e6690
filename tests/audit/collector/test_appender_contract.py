"""What every `Appender` keeps, the store in this process and the collector over HTTP alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audit.collector.served import LOG, collector
from tests.audit.making import NOON, event, proven_rows, read_csv, stored

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import EventError
from callkeeper.audit.row import row
from callkeeper.audit.sender import Appender, Sender
from callkeeper.audit.store import AuditStore

WAYS = ["in process", "over HTTP"]


@asynccontextmanager
async def opened(way: str, base: Path) -> AsyncIterator[tuple[Appender, Path]]:
    """The appender, ready, and the folder its rows go to."""
    folder = base / "logs" / LOG
    if way == "in process":
        async with AuditStore.open(folder) as store:
            yield store, folder
    else:
        async with collector(base) as running, running.client() as client:
            await client.load_marks()
            yield client, folder


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_acknowledged_is_on_disk_in_order(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        await appender.append([event(1), event(2), event(3)])
        assert stored(folder) == ["recorder:1", "recorder:2", "recorder:3"]
        assert appender.mark("recorder") == 3
        assert appender.mark("nobody") == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_repeat_makes_no_second_row_also_after_a_restart(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        await appender.append([event(1), event(2)])
        await appender.append([event(1), event(2), event(3)])
        await appender.append([event(2)])
    async with opened(way, tmp_path) as (appender, folder):
        assert appender.mark("recorder") == 3
        await appender.append([event(2), event(3), event(4)])
        assert stored(folder) == [f"recorder:{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("way", WAYS)
async def test_numbers_may_be_skipped_and_senders_mixed(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        await appender.append([event(5), event(1, sender="b/one"), event(9), event(2, sender="b/one")])
        assert (appender.mark("recorder"), appender.mark("b/one")) == (9, 2)
        assert sorted(stored(folder)) == ["b/one:1", "b/one:2", "recorder:5", "recorder:9"]


@pytest.mark.parametrize("way", WAYS)
async def test_many_at_once_are_all_there_and_in_order(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        tasks = [appender.append([event(number, sender=f"s{lane}") for number in range(1, 2501)]) for lane in range(2)]
        await asyncio.gather(*tasks)
        for lane in range(2):
            mine = [name for name in stored(folder) if name.startswith(f"s{lane}:")]
            assert mine == [f"s{lane}:{number}" for number in range(1, 2501)]
    assert proven_rows(folder)[0] == 5000


@pytest.mark.parametrize("way", WAYS)
async def test_a_late_row_and_one_from_the_future_are_taken(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        await appender.append([event(1, at=NOON)])
        await appender.append([event(2, at=NOON - timedelta(days=3))])
        await appender.append([event(3, at=NOON + timedelta(days=20_000))])
        assert sorted(stored(folder)) == ["recorder:1", "recorder:2", "recorder:3"]
        text = b"".join(path.read_bytes() for path in folder.glob("*.csv"))
        assert text.count(b"claimedAt") == 1


@pytest.mark.parametrize("way", WAYS)
async def test_what_cannot_become_a_row_is_refused_and_none_of_its_company_taken(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        with pytest.raises(EventError, match="recorder:2"):
            await appender.append([event(1), event(2, details={"x": float("nan")})])
        assert appender.mark("recorder") == 0
        assert stored(folder) == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_sender_numbers_on_from_the_mark(way, tmp_path):
    async with opened(way, tmp_path) as (appender, folder):
        await appender.append([event(7)])
        sender = Sender(appender, "recorder")
        await sender.emit(at=NOON, email="a", ip_address="", action=Action.LOGIN)
        assert stored(folder) == ["recorder:7", "recorder:8"]


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\r\n\t\0\"',;=+-@\x7f\x85\u2028\u202e\u200b\ufeff\ud800\udfff\\{}[]"),
        st.characters(),
    ),
    max_size=40,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=20))
def test_hostile_text_makes_the_same_bytes_over_http(texts, tmp_path_factory):
    events = [
        event(number, email=email, ip_address=address, app_name=name, details={text: text, "n": [text, {"x": text}]})
        for number, (email, address, name, text) in enumerate(texts, start=1)
        if text != "id"
    ]

    async def run() -> bytes:
        async with opened("over HTTP", tmp_path_factory.mktemp("log")) as (appender, folder):
            await appender.append(events)
            return (folder / "audit-2026-11-23.csv").read_bytes() if events else b""

    data = asyncio.run(run())
    if events:
        assert data.partition(b"\r\n")[2] == b"".join(row(one) for one in events)
        assert len(read_csv(data)) == len(events) + 1
