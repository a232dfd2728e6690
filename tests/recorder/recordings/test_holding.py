"""Legal holds over HTTP: who places and releases them, when they are refused, what they protect."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from tests.recorder.recordings.kept import kept, recorded, ruled
from tests.recorder.stage import Stage

from callkeeper.recorder.clock import instant_text

HOLDS = "/v1/conversations/c-1/holds"


async def place(stage: Stage, token: str = "user:ada", reason: str = "case 7") -> str:
    answer = await stage.ask(token, "POST", HOLDS, json={"reason": reason})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def released(stage: Stage, hold: str, token: str) -> int:
    return (await stage.ask(token, "POST", f"{HOLDS}/{hold}:release")).status_code


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:ada", 201), ("supervisor:sue", 201), ("administrator", 201), ("user:bob", 404), ("auditor", 403)],
)
async def test_who_sees_a_recording_of_the_conversation_may_hold_it(recorder: Stage, token: str, status: int) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    answer = await recorder.ask(token, "POST", HOLDS, json={"reason": "case 7"})
    assert answer.status_code == status
    found = await kept(recorder, one)
    assert found is not None
    assert found.held is (status == 201)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": "a\nb"}])
async def test_a_hold_needs_a_reason(recorder: Stage, body: dict[str, str]) -> None:
    await recorder.program(ruled())
    await recorded(recorder)
    answer = await recorder.ask("user:ada", "POST", HOLDS, json=body)
    assert answer.json()["type"] == "/problems/invalid-request"


@pytest.mark.parametrize(
    ("extra", "ended", "until"),
    [("365d", True, timedelta(days=90 + 365)), ("unlimited", True, None), ("365d", False, None)],
)
async def test_every_list_shows_until_when_a_recording_is_held(
    recorder: Stage, extra: str, ended: bool, until: timedelta | None
) -> None:
    await recorder.program(ruled("90d", extra))
    other = await recorded(recorder, "n-2", conversation="c-2", seconds=0)
    one = await recorded(recorder, seconds=0) if ended else f"{await recorder.segment()}-1"
    await place(recorder)
    assert await kept(recorder, one) is not None
    details = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()
    listed = (await recorder.ask("user:ada", "POST", "/v1/recordings:search", json={})).json()["items"]
    exported = (await recorder.ask("user:ada", "POST", "/v1/recordings:export", json={"format": "json"})).json()
    expected = None
    if until is not None:
        expected = instant_text(datetime.fromisoformat(details["closedAt"]) + until)
    assert details["holds"][0]["protectsUntil"] == expected
    for items in (listed, exported, [details]):
        shown = {item["id"]: (item["held"], item["heldUntil"]) for item in items}
        assert shown[one] == (True, expected)
        assert shown.get(other, (False, None)) == (False, None)
    answer = await recorder.ask("user:ada", "POST", "/v1/recordings:export", json={"format": "csv"})
    cells = {row["Id"]: (row["Held"], row["HeldUntil"]) for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert cells == {one: ("yes", expected or "without end"), other: ("no", "")}


async def test_holds_stack_and_the_last_release_ends_the_protection(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    first = await place(recorder)
    recorder.clock.forward(1)
    second = await place(recorder, "administrator")
    assert await released(recorder, first, "user:ada") == 200
    refused = await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")
    assert (refused.status_code, refused.json()["reason"]) == (409, "Held")
    assert await released(recorder, second, "administrator") == 200
    details = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()
    assert (details["held"], [hold["releasedBy"] for hold in details["holds"]]) == (False, ["ada", "the-administrator"])
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")).status_code == 204


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:ada", 200), ("administrator", 200), ("supervisor:sue", 403), ("user:bob", 404)],
)
async def test_a_hold_is_released_by_who_placed_it_and_by_administrators(
    recorder: Stage, token: str, status: int
) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    hold = await place(recorder)
    assert await released(recorder, hold, token) == status
    found = await kept(recorder, one)
    assert found is not None
    assert found.held is (status != 200)


async def test_releasing_again_changes_nothing_and_leaves_no_row(recorder: Stage) -> None:
    await recorder.program(ruled())
    await recorded(recorder)
    hold = await place(recorder)
    for _ in range(2):
        answer = await recorder.ask("user:ada", "POST", f"{HOLDS}/{hold}:release")
        assert (answer.status_code, answer.json()["releasedAt"]) == (200, "2026-03-01T12:01:00.000000Z")
        recorder.clock.forward(60)
    assert recorder.audit.actions == ["PlaceHold", "ReleaseHold"]
    assert await released(recorder, "another", "user:ada") == 404
    other = await recorder.ask("user:ada", "POST", f"/v1/conversations/c-9/holds/{hold}:release")
    assert other.json()["type"] == "/problems/unknown-hold"


async def test_a_hold_that_would_protect_nothing_is_refused_and_audited(recorder: Stage) -> None:
    await recorder.program(ruled(extra="disabled"))
    await recorded(recorder)
    answer = await recorder.ask("user:ada", "POST", HOLDS, json={"reason": "case 7"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/holds-disabled")
    assert recorder.audit.rows[-1][2] == {"conversation": "c-1", "reason": "holds-disabled"}
    assert recorder.audit.actions[-1] == "RefuseHold"


async def test_before_any_config_a_hold_is_refused(recorder: Stage) -> None:
    answer = await recorder.ask("administrator", "POST", HOLDS, json={"reason": "case 7"})
    assert answer.json()["type"] == "/problems/unknown-conversation"


async def test_a_hold_after_base_expiry_is_taken_while_the_recording_is_there(recorder: Stage) -> None:
    await recorder.program(ruled("1h", "365d"))
    one = await recorded(recorder)
    recorder.clock.forward(2 * 3600)
    await place(recorder)
    assert (await recorder.recorder.sweeper.once()).expired == 0
    assert await kept(recorder, one) is not None
    answer = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()
    assert answer["holds"][0]["protectsUntil"] == answer["retention"]["expiresAt"] == "2027-03-01T13:01:00.000000Z"


async def test_a_hold_comes_too_late_after_extra_retention_or_removal(recorder: Stage) -> None:
    await recorder.program(ruled("1h", "1d"))
    one = await recorded(recorder)
    recorder.clock.forward(25 * 3600)
    late = await recorder.ask("user:ada", "POST", HOLDS, json={"reason": "case 7"})
    assert (late.status_code, late.json()["recordings"]) == (410, [one])
    assert (await recorder.recorder.sweeper.once()).expired == 1
    gone = await recorder.ask("user:ada", "POST", HOLDS, json={"reason": "case 7"})
    assert (gone.status_code, gone.json()["tombstones"][0]["recording"]) == (410, one)
    stranger = await recorder.ask("user:bob", "POST", HOLDS, json={"reason": "case 7"})
    assert stranger.json()["type"] == "/problems/unknown-conversation"
    assert recorder.audit.actions == ["RefuseHold", "RefuseHold"]


async def test_an_open_call_can_be_held(recorder: Stage) -> None:
    await recorder.program(ruled())
    segment = await recorder.segment()
    await recorder.recorder.calls.kept()
    await place(recorder)
    answer = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{segment}-1")).json()
    assert (answer["retention"]["why"], answer["holds"][0]["protectsUntil"]) == ("Open", None)


async def test_without_a_row_nothing_is_held_or_released(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    hold = await place(recorder)
    recorder.audit.failing = True
    assert await released(recorder, hold, "user:ada") == 503
    assert (await recorder.ask("user:ada", "POST", HOLDS, json={"reason": "x"})).status_code == 503
    recorder.audit.failing = False
    details = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()
    assert [hold["releasedAt"] for hold in details["holds"]] == [None]
