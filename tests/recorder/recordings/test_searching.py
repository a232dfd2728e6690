"""Searching: what narrows, how pages go on, what is audited, and what nobody else gets to see."""

import csv
import io
import json
from typing import Any

import pytest
from tests.recorder.recordings.kept import kept, recorded, ruled, sent, with_media
from tests.recorder.stage import Stage

from callkeeper.audit.actions import Action

BOB = {"called": {"user": "bob"}, "calling": {"number": "+390655512345"}, "conversation": "c-2"}


async def found(stage: Stage, token: str = "administrator", **body: Any) -> list[str]:
    answer = await stage.ask(token, "POST", "/v1/recordings:search", json=body)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.fixture
async def two(recorder: Stage) -> tuple[str, str]:
    await recorder.program(ruled())
    first = await recorded(recorder, "n-1", seconds=30)
    await with_media(recorder, first, seconds=30)
    recorder.clock.forward(3600)
    return first, await recorded(recorder, "n-2", **BOB)


@pytest.mark.parametrize(
    ("body", "which"),
    [
        ({}, "ba"),
        ({"user": "ada"}, "a"),
        ({"user": "ADA@example.com"}, "a"),
        ({"user": "nobody"}, ""),
        ({"number": "tel:+39-06-555-12345"}, "b"),
        ({"number": "+3906555"}, ""),
        ({"conversation": "c-1"}, "a"),
        ({"direction": "inbound"}, "ba"),
        ({"direction": "outbound"}, ""),
        ({"scope": "external"}, "ba"),
        ({"kind": "meeting"}, ""),
        ({"mode": "AlwaysOn"}, "ba"),
        ({"mode": "OnDemand"}, ""),
        ({"status": "complete"}, "a"),
        ({"status": "closed"}, "b"),
        ({"shortestSeconds": 30, "longestSeconds": 30.0}, "a"),
        ({"shortestSeconds": 30.5}, ""),
        ({"from": "2026-03-01T13:00:00Z"}, "b"),
        ({"to": "2026-03-01T13:00:00Z"}, "a"),
        ({"from": "yesterday", "to": "today"}, "ba"),
        ({"held": True}, ""),
        ({"held": False}, "ba"),
    ],
)
async def test_every_filter_narrows(recorder: Stage, two: tuple[str, str], body: dict[str, Any], which: str) -> None:
    names = {"a": two[0], "b": two[1]}
    assert await found(recorder, **body) == [names[letter] for letter in which]


async def test_tags_and_text_in_notes_narrow(recorder: Stage, two: tuple[str, str]) -> None:
    first, second = two
    for name in (first, second):
        await recorder.ask("administrator", "PUT", f"/v1/recordings/{name}/tags/vip")
    await recorder.ask("administrator", "PUT", f"/v1/recordings/{first}/tags/late")
    await recorder.ask("administrator", "POST", f"/v1/recordings/{second}/notes", json={"text": "100% Sure_thing"})
    assert await found(recorder, tags=["vip"]) == [second, first]
    assert await found(recorder, tags=["vip", "late"]) == [first]
    assert await found(recorder, note="sure_") == [second]
    assert await found(recorder, note="sureXthing") == []
    assert await found(recorder, note="100%") == [second]


async def test_pages_go_on_where_the_last_ended_whatever_comes_meanwhile(recorder: Stage) -> None:
    await recorder.program(ruled())
    # Several at the same instant: the order among them is that of their keys.
    names = [await recorded(recorder, f"n-{number}", seconds=0) for number in range(7)]
    seen, cursor, pages = [], None, 0
    while True:
        body = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await recorder.ask("auditor", "POST", "/v1/recordings:search", json=body)).json()
        seen += [item["id"] for item in answer["items"]]
        pages += 1
        cursor = answer["nextCursor"]
        if cursor is None:
            break
        recorder.clock.forward(1)
        await recorded(recorder, f"meanwhile-{pages}", seconds=0)
    assert (seen, pages) == (names[::-1], 3)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "5"},
        {"cursor": "1"},
        {"cursor": "9" * 18 + "-1"},
        {"number": "call me"},
        {"from": "sometime"},
        {"from": "2026-11-28", "to": "2026-11-01"},
        {"from": "2026-11-28T12:00", "to": "2026-11-28T12:00"},
        {"status": "unreachable"},
        {"tags": ["a/b"]},
        {"tags": ["x"] * 11},
        {"shortestSeconds": -1},
        {"note": ""},
        {"note": "x" * 201},
        {"user": "a\x00b"},
        {"who": "ada"},
    ],
)
async def test_what_cannot_be_searched_for_is_refused(recorder: Stage, body: dict[str, Any]) -> None:
    answer = await recorder.ask("administrator", "POST", "/v1/recordings:search", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    if "who" in body:
        assert answer.json()["errors"] == [{"path": "body.who", "message": "there is no such field"}]


async def test_a_search_is_audited_with_its_numbers_masked(recorder: Stage, two: tuple[str, str]) -> None:
    await found(recorder, number="+390655512345", tags=["vip"], held=False)
    action, actor, details = recorder.audit.rows[-1]
    assert (action, actor.principal.id) == (Action.SEARCH_RECORDINGS, "the-administrator")
    assert details["found"] == 0
    assert details["filter"]["tags"] == ["vip"]
    assert details["filter"]["held"] is False
    assert details["filter"]["number"].startswith("…345#")
    assert "0655512345" not in json.dumps(details)
    assert two


@pytest.mark.parametrize(("method", "path"), [("POST", ":search"), ("POST", ":export"), ("GET", "/x-1")])
async def test_without_its_row_nothing_is_answered(recorder: Stage, method: str, path: str) -> None:
    await recorder.program(ruled())
    if method == "GET":
        path = f"/{await recorded(recorder)}"
    recorder.audit.failing = True
    more = {"json": {}} if method == "POST" else {}
    answer = await recorder.ask("administrator", method, f"/v1/recordings{path}", **more)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/audit-unavailable")


@pytest.mark.parametrize(
    ("token", "which"),
    [
        ("administrator", "ba"),
        ("auditor", "ba"),
        ("user:ada", "a"),
        ("user:bob", "b"),
        ("user:eve", ""),
        ("supervisor:sue", "a"),
        ("supervisor:bob", "b"),
        ("supervisor:stranger", ""),
    ],
)
async def test_lists_details_and_exports_show_the_same(
    recorder: Stage, two: tuple[str, str], token: str, which: str
) -> None:
    names = {"a": two[0], "b": two[1]}
    expected = [names[letter] for letter in which]
    assert await found(recorder, token) == expected
    assert await found(recorder, token, conversation="c-1") == [name for name in expected if name == two[0]]
    assert await found(recorder, token, number="+390655512345") == [name for name in expected if name == two[1]]
    for name in two:
        answer = await recorder.ask(token, "GET", f"/v1/recordings/{name}")
        assert answer.status_code == (200 if name in expected else 404)
    exported = await recorder.ask(token, "POST", "/v1/recordings:export", json={"format": "json"})
    assert [item["id"] for item in exported.json()] == expected


async def test_the_list_is_exported_as_csv_that_a_spreadsheet_cannot_run(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder, conversation="=cmd|' /C calc'!A0")
    await recorder.ask("administrator", "PUT", f"/v1/recordings/{one}/tags/@sum(1)")
    for safe, expected in ((True, "'"), (False, "")):
        body = {"spreadsheetSafe": safe}
        answer = await recorder.ask("administrator", "POST", "/v1/recordings:export", json=body)
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
        assert (row["Id"], row["Held"], row["DurationSeconds"]) == (one, "no", "")
        assert row["Conversation"] == expected + "=cmd|' /C calc'!A0"
        assert row["Tags"] == expected + "@sum(1)"
        assert row["Parties"] == "calling +390212345; called ada"
        assert (row["HeldUntil"], row["Playable"]) == ("", "")
    details = [details for action, _, details in recorder.audit.rows if action is Action.SEARCH_RECORDINGS]
    assert details == [{"filter": {}, "export": "csv"}] * 2


async def test_an_export_of_nothing_is_whole(recorder: Stage) -> None:
    answer = await recorder.ask("auditor", "POST", "/v1/recordings:export", json={"format": "json"})
    assert answer.json() == []
    answer = await recorder.ask("auditor", "POST", "/v1/recordings:export", json={"format": "csv"})
    assert answer.text.count("\r\n") == 1


async def test_an_export_is_read_page_by_page(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callkeeper.recorder.recordings.reading.EXPORT_PAGE", 2)
    await recorder.program(ruled())
    names = [await recorded(recorder, f"n-{number}", seconds=0) for number in range(5)]
    answer = await recorder.ask("auditor", "POST", "/v1/recordings:export", json={"format": "json"})
    assert [item["id"] for item in answer.json()] == names[::-1]


async def test_details_say_why_it_was_made_and_when_it_goes(recorder: Stage) -> None:
    await recorder.program(ruled("90d", "unlimited", "30d"))
    one = await recorded(recorder)
    answer = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()
    assert answer["decision"]["reason"] == "AlwaysOn"
    assert answer["decision"]["configRevision"] == recorder.recorder.programming.revision
    assert answer["retention"]["expiresAt"] == "2026-05-30T12:01:00.000000Z"
    assert answer["retention"]["why"] == "Base"
    assert "retention=90d" in answer["retention"]["rule"]
    assert (answer["stretches"][0]["endedBy"], answer["gaps"]) == ("SegmentEnded", [])
    action, actor, details = recorder.audit.rows[-1]
    assert (action, actor.principal.id, details) == (Action.GET_RECORDING_DETAILS, "ada", {"recording": one})


async def test_details_show_the_gaps(recorder: Stage) -> None:
    await recorder.program(ruled(blacklist=()))
    segment = await recorder.segment()
    recorder.clock.forward(10)
    await recorder.event(segment, "update", consent="refused")
    recorder.clock.forward(10)
    await recorder.event(segment, "update", consent="given")
    recorder.clock.forward(10)
    await recorder.event(segment, "end")
    answer = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{segment}-1")).json()
    assert [gap["from"][17:19] + gap["to"][17:19] for gap in answer["gaps"]] == ["1020"]
    assert answer["gaps"][0]["reason"] == "ConsentRefused"


async def test_what_is_removed_is_told_by_its_tombstone_and_only_to_who_could_see_it(
    recorder: Stage, two: tuple[str, str]
) -> None:
    first, _ = two
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{first}")).status_code == 204
    for token in ("user:ada", "supervisor:sue", "auditor", "administrator"):
        answer = await recorder.ask(token, "GET", f"/v1/recordings/{first}")
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/recording-gone")
        (tombstone,) = answer.json()["tombstones"]
        assert (tombstone["why"], tombstone["removedBy"], tombstone["sha256"]) == ("deleted", "ada", "ab" * 32)
    answer = await recorder.ask("user:bob", "GET", f"/v1/recordings/{first}")
    assert answer.json()["type"] == "/problems/unknown-recording"
    assert await kept(recorder, first) is None
    assert [event.email for event in await sent(recorder, Action.DELETE_RECORDING)] == ["ada@example.com"]
