"""Other objects: listed when needed, once for many questions, left out when they are many or late."""

import asyncio

import pytest

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import read_object
from callkeeper.kinds.terms import API_VERSION
from callkeeper.operator.admission import neighbours as module
from callkeeper.operator.admission.neighbours import FEW, Neighbours
from callkeeper.operator.api import METADATA_ONLY
from callkeeper.operator.errors import ApiUnavailable


def document(name, version="1"):
    return {
        "metadata": {"name": name, "namespace": "voice", "uid": name, "resourceVersion": version},
        "spec": {"recorderRef": {"name": "teams"}, "numbers": []},
    }


class FakeApi:
    """Lists of one kind, and how they were asked for."""

    def __init__(self):
        self.items = [document("a")]
        self.asked = []
        self.seconds = 0.0
        self.more = ""
        self.failing = False

    async def ask(self, method, path, *, parameters, accept, timeout_seconds):  # noqa: ARG002 - the API's
        self.asked.append(accept)
        await asyncio.sleep(self.seconds)
        if self.failing:
            raise ApiUnavailable("away")
        return {"apiVersion": API_VERSION, "metadata": {"continue": self.more}, "items": list(self.items)}


@pytest.fixture
def api():
    return FakeApi()


def names(readings):
    return sorted(one.key.name for one in readings)


async def test_what_changed_in_between_is_seen_and_what_did_not_is_not_fetched_again(api):
    neighbours = Neighbours(api)
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a"]
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a"]
    assert api.asked == ["application/json", METADATA_ONLY]
    api.items.append(document("b"))
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a", "b"]
    assert api.asked[2:] == [METADATA_ONLY, "application/json"]


async def test_many_questions_at_once_are_few_lists(api):
    api.seconds = 0.02
    neighbours = Neighbours(api)
    await neighbours.of("voice", ["Blacklist"])
    found = [await neighbours.of("voice", ["Blacklist"]) for _ in range(30)]
    assert all(names(one) == ["a"] for one in found)
    assert len(api.asked) <= 2 * FEW
    together = await asyncio.gather(*(neighbours.of("voice", ["Blacklist"]) for _ in range(30)))
    assert all(names(one) == ["a"] for one in together)
    assert len(api.asked) <= 2 * FEW + 2


async def test_what_was_let_through_is_known_before_it_is_listed(api):
    neighbours = Neighbours(api)
    for _ in range(FEW + 1):
        await neighbours.of("voice", ["Blacklist"])
    key = ObjectKey(kind="Blacklist", namespace="voice", name="new")
    neighbours.took(read_object({"apiVersion": API_VERSION, "kind": "Blacklist", **document("new")}), key)
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a", "new"]
    neighbours.took(None, key)
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a"]


async def test_too_many_too_late_or_not_to_be_had_is_left_out(api, monkeypatch):
    neighbours = Neighbours(api)
    api.more = "more"
    assert await neighbours.of("voice", ["Blacklist"]) is None
    api.more, api.failing = "", True
    assert await neighbours.of("voice", ["Blacklist"]) is None
    api.failing, api.seconds = False, 0.3
    monkeypatch.setattr(module, "LIST_SECONDS", 0.05)
    assert await neighbours.of("voice", ["Blacklist"]) is None
    assert neighbours.left_out == 3
    await asyncio.sleep(0.4)
    api.seconds = 0.0
    assert names(await neighbours.of("voice", ["Blacklist"])) == ["a"]


async def test_the_lists_that_are_kept_are_bounded(api, monkeypatch):
    monkeypatch.setattr(module, "MAX_LISTS_KEPT", 3)
    neighbours = Neighbours(api)
    for number in range(10):
        await neighbours.of(f"n-{number}", ["Blacklist"])
    assert len(neighbours._kept) == 3
