"""What is known of the cluster: from events and listings, whichever comes first, and never from old news."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.fake_api import FakeApi

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator import listing as listing_module
from callkeeper.operator import paths
from callkeeper.operator.listing import Listing
from callkeeper.operator.metrics import Metrics
from callkeeper.operator.registry import Registry, Seen
from callkeeper.operator.status_writer import StatusWriter

KEY = ObjectKey(kind="Blacklist", namespace="voice", name="never")


def a_document(version, *, generation=1, name="never", uid="u1", pattern="112", status=None, **metadata):
    return {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Blacklist",
        "metadata": {
            "name": name,
            "namespace": "voice",
            "uid": uid,
            "generation": generation,
            "resourceVersion": str(version),
            **metadata,
        },
        "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": pattern}]},
        **({"status": status} if status else {}),
    }


@pytest.fixture
def told():
    registry, seen = Registry(), []
    registry.observers.append(seen.append)
    return registry, seen


def test_old_news_changes_nothing_and_a_status_is_no_change(told):
    registry, seen = told
    registry.observe(a_document(9, pattern="1"))
    registry.observe(a_document(10, generation=2, pattern="2"))
    registry.observe(a_document(9, pattern="1"))
    registry.observe(a_document(100, generation=2, pattern="2", status={"observedGeneration": 2}))
    assert [one.version for one in seen] == [9, 10]
    entry = registry.get(KEY)
    assert entry.version == 100  # as numbers: 100 is newer than 9 and 10
    assert entry.reading.resource.spec.numbers[0].pattern == "2"
    assert b"observedGeneration" in entry.status
    assert registry.take_dirty() == {"voice"}


def test_when_a_namespace_was_written_last_is_known_where_every_object_tells(told):
    registry, _ = told
    assert registry.last_written("voice") is None
    spec, status = {"time": "2026-11-23T10:00:09Z"}, {"time": "2026-11-23T10:00:30Z", "subresource": "status"}
    registry.observe(
        a_document(1, creationTimestamp="2026-11-23T10:00:00Z", managedFields=[spec, status], name="first")
    )
    registry.observe(
        a_document(2, creationTimestamp="2026-11-23T10:00:05Z", managedFields=[{"time": "2026-11-23T10:00:05Z"}])
    )
    assert registry.last_written("voice") == datetime(2026, 11, 23, 10, 0, 9, tzinfo=UTC)
    registry.observe(a_document(3, creationTimestamp="2026-11-23T10:00:00Z", name="of whom nobody tells"))
    assert registry.last_written("voice") is None


async def test_how_long_ago_that_was_is_told_by_the_api_server_and_never_too_much():
    fake = FakeApi()
    async with fake.serving() as api:
        assert api.seconds_since(datetime.now(UTC) - timedelta(seconds=60)) == 0.0  # it has said nothing yet
        fake.put("/api/v1/namespaces/one", {})
        await api.get("/api/v1/namespaces/one")
        assert 57.0 < api.seconds_since(datetime.now(UTC) - timedelta(seconds=60)) < 60.0
        assert api.seconds_since(datetime.now(UTC) + timedelta(seconds=60)) == 0.0


def test_annotations_of_ours_are_a_change_and_those_of_others_none(told):
    registry, seen = told
    registry.observe(a_document(1))
    registry.observe(a_document(2, annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"}))
    assert len(seen) == 1
    registry.observe(a_document(3, annotations={"callkeeper.dev/confirm": "removes<=3"}))
    registry.observe(a_document(4, annotations={"reconcile.fluxcd.io/requestedAt": "now"}))
    assert len(seen) == 3
    assert registry.get(KEY).requested_at == "now"


def test_what_is_gone_is_not_brought_back_by_an_event_on_its_way(told):
    registry, seen = told
    registry.observe(a_document(5))
    registry.gone(KEY, 8, listed=False)
    registry.observe(a_document(7, generation=2))
    assert registry.get(KEY) is None
    registry.observe(a_document(9, uid="u2"))
    assert registry.get(KEY).uid == "u2"
    registry.gone(KEY, 8, listed=True)
    assert registry.get(KEY) is not None, "a list that is older than the object says nothing of it"
    assert [(one.uid, one.deleted) for one in seen] == [("u1", False), ("u1", True), ("u2", False)]


@given(st.permutations([(version, "there") for version in range(1, 6)] + [(6, "gone")]))
def test_whatever_the_order_of_arrival_the_newest_holds(arrivals):
    registry = Registry()
    for version, what in arrivals:
        if what == "gone":
            registry.gone(KEY, version, listed=False)
        else:
            registry.observe(a_document(version, generation=version))
    assert registry.get(KEY) is None


async def test_a_complete_list_proves_what_is_gone(monkeypatch):
    monkeypatch.setattr(listing_module, "SETTLE_SECONDS", 0.01)
    fake, registry = FakeApi(), Registry()
    seen: list[Seen] = []
    registry.observers.append(seen.append)
    base = paths.collection("Blacklist", "voice")
    for number in range(250):
        fake.put(f"{base}/one-{number}", a_document(0, name=f"one-{number}", uid=f"u{number}"))
    async with fake.serving() as api:
        listing = Listing(api, registry, ["voice"])
        running = asyncio.create_task(listing.run())
        await listing.complete.wait()
        assert len(registry) == 250
        fake.remove(f"{base}/one-7")
        changed = a_document(0, name="one-8", uid="u8", generation=2)
        fake.put(f"{base}/one-8", changed)
        fake.gone_pages = 2  # a list that took too long is read anew, and never taken for complete
        asked = len(fake.asked)
        listing.ask()
        async with asyncio.timeout(20):
            while len(registry) == 250 or len(seen) < 252:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert {(one.key.name, one.deleted) for one in seen[250:]} == {("one-7", True), ("one-8", False)}
        fetched = [path for method, path in fake.asked[asked:] if "/one-" in path]
        assert fetched == [f"{base}/one-8"], "only what is not known is read again"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_hours_of_failures_leave_nothing_behind(monkeypatch):
    monkeypatch.setattr(listing_module, "RETRY_SECONDS", 0.001)
    fake, registry = FakeApi(), Registry()
    fake.put(f"{paths.collection('Blacklist', 'voice')}/one", a_document(0, name="one"))
    results = []
    async with fake.serving() as api:
        listing = Listing(api, registry, ["voice"], results.append)
        fake.failing = 503
        running = asyncio.create_task(listing.run())

        async def tasks_until(failures: int) -> list[int]:
            counts = []
            while len(results) < failures:
                counts.append(len(asyncio.all_tasks()))
                await asyncio.sleep(0.01)
            return counts

        async with asyncio.timeout(60):
            await tasks_until(20)
            # How many are under way swings; what is left behind would be there at every moment.
            early, late = await tasks_until(100), await tasks_until(400)
            assert min(late[-10:]) <= max(early)
            assert len(registry) == 0
            fake.failing = None
            await listing.complete.wait()
        assert len(registry) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_status_that_is_there_already_is_not_written_whatever_the_order_of_its_names(told):
    registry, _ = told
    registry.observe(a_document(9, status={"entries": 1, "observedGeneration": 1}))
    server = FakeApi()
    async with server.serving() as api:
        writer = StatusWriter(api, registry, Metrics(), lambda: True)
        assert await writer.write({KEY: ("u1", {"observedGeneration": 1, "entries": 1})}) == ()
        assert server.asked == []
