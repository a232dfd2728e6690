"""The HTTP door: who is let in, what readiness means, and that every metric is on its page."""

from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.door import Door
from callkeeper.operator.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "operator.md"


@pytest.fixture
async def asking(tmp_path):
    """Asks a door whose state the test turns."""
    state = {"why": None, "taken": []}

    def take(body):
        if body != b'{"notes":[]}':
            raise ValueError("no notes")
        state["taken"].append(body)
        return 1

    token = tmp_path / "token"
    token.write_text("the-token\n")
    door = Door(ready=lambda: state["why"], metrics=Metrics().exposition, take_notes=take, changes_token_file=token)
    port = await door.open("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ask(method, path, **sent):
            async with session.request(method, path, **sent) as response:
                return response.status, await response.text()

        yield ask, state, token
    await door.close()


async def test_readiness_says_why_not(asking):
    ask, state, _ = asking
    assert await ask("GET", "/healthz") == (200, "ok\n")
    assert (await ask("GET", "/readyz"))[0] == 200
    state["why"] = "not everything is listed yet"
    assert await ask("GET", "/readyz") == (503, "not everything is listed yet\n")


async def test_notes_are_taken_from_who_shows_the_token(asking):
    ask, state, token = asking
    good, body = {"Authorization": "Bearer the-token"}, b'{"notes":[]}'
    assert (await ask("POST", "/v1/changes", data=body))[0] == 401
    assert (await ask("POST", "/v1/changes", data=body, headers={"Authorization": "Bearer other"}))[0] == 401
    assert (await ask("POST", "/v1/changes", data=b"{}", headers=good))[0] == 422
    assert await ask("POST", "/v1/changes", data=body, headers=good) == (200, '{"taken": 1}')
    token.write_text("")
    assert (await ask("POST", "/v1/changes", data=body, headers={"Authorization": "Bearer "}))[0] == 401
    assert len(state["taken"]) == 1


async def test_every_metric_is_on_its_page(asking):
    ask, *_ = asking
    text = (await ask("GET", "/metrics"))[1]
    page = PAGE.read_text()
    names = {
        family.name + ("_total" if family.type == "counter" else "") for family in text_string_to_metric_families(text)
    }
    ours = {name for name in names if name.startswith("callkeeper_") and not name.endswith("_created")}
    assert len(ours) > 10
    assert sorted(name for name in ours if f"`{name}`" not in page) == []


def test_what_is_not_governed_any_more_leaves_no_series():
    metrics, key = Metrics(), ObjectKey(kind="Recorder", namespace="voice", name="teams")
    metrics.waiting(key)
    metrics.synced.labels("voice", "teams").set(1)
    metrics.reconciles.labels("voice", "teams", "changed").inc()
    metrics.forget(key)
    assert b'recorder="teams"' not in metrics.exposition()
