"""The table of edge cases on a running recorder: what is recorded of whom, who sees it, and what the ledger says."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import kept, send
from tests.recorder.recordings.kept import recorded, ruled
from tests.recorder.stage import BLACKLIST, DIRECTORY, Stage, config, licensed, stage

from callkeeper.policy.config import BlacklistEntry
from callkeeper.policy.directory import Directory, User, line
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.recording import Status

BERN = {"number": "+41311234567"}
QUEUE = {"number": "7000", "identity": "service"}
WITHHELD = {"number": "+390212345", "identity": "anonymous"}


def forbidding(pattern: str) -> tuple[BlacklistEntry, ...]:
    return (BlacklistEntry(pattern=pattern, object=BLACKLIST, entry=pattern),)


async def listed(recorder: Stage, token: str, **body: Any) -> dict[str, Mapping[str, Any]]:
    """What a search shows, by id."""
    await recorder.recorder.calls.kept()
    answer = await recorder.ask(token, "POST", "/v1/recordings:search", json=body)
    assert answer.status_code == 200, answer.text
    return {item["id"]: item for item in answer.json()["items"]}


async def test_who_transferred_away_loses_access_to_later_segments(recorder: Stage) -> None:
    await recorder.program(config())
    first = await recorder.segment(calling=BERN)
    await recorder.event(first, "end")
    later = await recorder.segment(
        nativeId="n-2", parentSegmentId=first, calling=BERN, called={"user": "bob"}, redirecting={"user": "ada"}
    )
    assert set(await listed(recorder, "user:ada", conversation="c-1")) == {f"{first}-1"}
    assert set(await listed(recorder, "supervisor:sue", conversation="c-1")) == {f"{first}-1"}
    assert set(await listed(recorder, "user:bob", conversation="c-1")) == {f"{later}-1"}
    assert set(await listed(recorder, "auditor", conversation="c-1")) == {f"{first}-1", f"{later}-1"}
    for path in (f"/v1/recordings/{later}-1", f"/v1/recordings/{later}-1/media", f"/v1/calls/{later}"):
        assert (await recorder.ask("user:ada", "GET", path)).status_code == 404
    for verb in ("start", "stop", "pause", "resume"):
        assert (await recorder.event(later, verb, "user:ada")).status_code == 404


async def test_a_recording_belongs_to_who_started_it_and_to_nobody_else_on_the_call(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment(calling={"user": "bob"})
    await recorder.event(segment, "start", "user:ada")
    assert set(await listed(recorder, "user:ada")) == {f"{segment}-1"}
    assert await listed(recorder, "user:bob") == {}
    stopped = await recorder.event(segment, "stop", "user:bob")
    assert [user["user"] for user in stopped.json()["users"]] == ["bob"]
    assert (await kept(recorder, f"{segment}-1")).closed is None
    for token, users in (
        ("user:ada", ["ada"]), ("user:bob", ["bob"]), ("supervisor:sue", ["ada"]), ("auditor", ["ada", "bob"]),
        ("ingest", ["ada", "bob"]),
    ):  # fmt: skip
        one = (await recorder.ask(token, "GET", f"/v1/calls/{segment}")).json()
        (item,) = (await recorder.ask(token, "GET", "/v1/calls")).json()["items"]
        assert one == item
        for part in ("users", "decisions"):
            assert sorted(found["user"] for found in one[part]) == users


def sharing(tmp_path: Path) -> Stage:
    """A recorder whose directory has three owners of one line, of whom one has no licence."""
    owners = [licensed("cat"), licensed("dan"), User(id="fay")]
    shared = [replace(owner, lines=(line(extension="2100"),)) for owner in owners]
    return stage(tmp_path, directory=Directory.of([*DIRECTORY.users.values(), *shared]))


async def test_of_a_shared_line_who_answered_is_recorded_and_without_knowing_every_licensed_owner(
    tmp_path: Path,
) -> None:
    recorder = sharing(tmp_path)
    await recorder.program(config())
    await recorder.segment(calling=BERN, called={"number": "2100"}, connected={"user": "dan"})
    known = await listed(recorder, "administrator")
    assert [(one["user"], one["sharedLine"]) for one in known.values()] == [("dan", False)]
    await recorder.segment(nativeId="n-2", conversation="c-2", calling=BERN, called={"number": "2100"})
    unknown = await listed(recorder, "administrator", conversation="c-2")
    assert sorted((one["user"], one["sharedLine"]) for one in unknown.values()) == [("cat", True), ("dan", True)]
    assert len(await listed(recorder, "user:cat")) == 1


async def test_behind_a_queue_the_agent_is_recorded_inbound_and_the_queues_number_is_matched(recorder: Stage) -> None:
    await recorder.program(config())
    body = {"calling": BERN, "called": QUEUE, "originalCalled": QUEUE, "connected": {"user": "ada"}}
    segment = await recorder.segment(**body)
    (found,) = (await listed(recorder, "user:ada")).values()
    assert (found["user"], found["direction"], found["scope"]) == ("ada", "inbound", "external")
    await recorder.event(segment, "end")
    await recorder.program(config(blacklist=forbidding("7000")))
    assert (await recorder.call(nativeId="n-2", **body)).json()["reason"] == "Blacklisted"


async def test_a_number_asserted_under_privacy_is_matched_and_is_in_no_answer(recorder: Stage) -> None:
    await recorder.program(config(blacklist=forbidding("+39!")))
    assert (await recorder.call(calling=WITHHELD)).json()["reason"] == "Blacklisted"
    await recorder.program(config())
    started = await recorder.call(nativeId="n-2", calling=WITHHELD)
    name = f"{started.json()['segment']}-1"
    await send(recorder, name, made.wav(0.5))
    texts = [started.text]
    for token in ("administrator", "auditor", "user:ada"):
        for form in ("csv", "json"):
            export = await recorder.ask(token, "POST", "/v1/recordings:export", json={"format": form})
            texts.append(export.text)
        assert await listed(recorder, token, number="+390212345") == {}
        texts.append((await recorder.ask(token, "GET", f"/v1/calls/{started.json()['segment']}")).text)
        texts.append((await recorder.ask(token, "GET", f"/v1/recordings/{name}")).text)
    played = await recorder.ask("user:ada", "GET", f"/v1/recordings/{name}/media?download=true")
    texts.append(played.headers["content-disposition"])
    assert "anonymous" in texts[-1]
    assert all("212345" not in text for text in texts)


async def test_each_stretch_on_demand_is_a_recording_of_the_conversation_with_its_own_media(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment()
    for number, seconds in ((1, 0.2), (2, 0.4)):
        await recorder.event(segment, "start", "user:ada")
        recorder.clock.forward(10)
        await recorder.event(segment, "stop", "user:ada")
        recorder.clock.forward(10)
        assert (await send(recorder, f"{segment}-{number}", made.wav(seconds))).status_code == 200
    found = await listed(recorder, "user:ada", conversation="c-1")
    assert sorted((one["cause"], one["media"]["durationSeconds"]) for one in found.values()) == [
        ("started", 0.2),
        ("started", 0.4),
    ]


async def test_deleting_a_user_keeps_the_recordings_for_those_above_them(tmp_path: Path) -> None:
    recorder = stage(tmp_path, directory=None)
    for name, body in (
        ("ada", {"email": "ada@example.com", "licences": ["CallRecording"], "groups": ["sales"]}),
        ("sue", {"email": "sue@example.com", "groups": ["sales"]}),
    ):
        assert (await recorder.ask("administrator", "PUT", f"/v1/users/{name}", json=body)).status_code == 201
    await recorder.program(config())
    name = f"{await recorder.segment()}-1"
    content = made.wav(0.5)
    await send(recorder, name, content)
    assert (await recorder.ask("administrator", "DELETE", "/v1/users/ada")).status_code == 200
    assert (await kept(recorder, name)).status is Status.COMPLETE
    for token in ("administrator", "supervisor:sue"):
        assert set(await listed(recorder, token)) == {name}
        assert (await recorder.ask(token, "GET", f"/v1/recordings/{name}/media")).content == content


async def test_ledger_metrics_and_segments_add_up(recorder: Stage) -> None:
    await recorder.program(config(blacklist=forbidding("+39!")))
    for number in range(6):
        # Two are blacklisted, two recorded, of one the media is awaited, of one it never comes.
        segment = await recorder.segment(nativeId=f"n-{number}", calling=BERN if number > 1 else {"number": "+3906"})
        await recorder.event(segment, "end")
        if number in {2, 3}:
            assert (await send(recorder, f"{segment}-1", made.wav(0.2))).status_code == 200
    await recorder.recorder.calls.kept()
    missing = await kept(recorder, f"{segment}-1")
    await recorder.recorder.parts.store.write(lambda rows: rows.set_status([missing.key], Status.FAILED))
    wanted = {"expected": 1, "recorded": 2, "skipped": 2, "failed": 1}
    answer = (await recorder.ask("auditor", "GET", "/v1/ledger?from=2026-03-01&to=2026-03-02")).json()
    assert answer["totals"] == wanted
    assert len(answer["items"]) == sum(wanted.values())
    assert {item["why"] for item in answer["items"] if item["state"] == "skipped"} == {"Blacklisted"}
    text = (await recorder.ask("auditor", "GET", "/metrics")).text
    counted = dict(re.findall(r'callkeeper_ledger_segments\{state="(\w+)"\} ([0-9.]+)', text))
    assert {state: float(count) for state, count in counted.items()} == wanted
    assert set(counted) == {state.value for state in LedgerState}


async def test_a_call_whose_decision_was_no_has_no_address_that_takes_media(recorder: Stage) -> None:
    await recorder.program(config(blacklist=forbidding("+39!")))
    segment = await recorder.segment()
    assert (await send(recorder, f"{segment}-1", made.wav(0.2))).status_code == 404
    headers = {"Upload-Offset": "0"}
    for path in (f"/v1/calls/{segment}/media", f"/v1/recordings/{segment}/media"):
        answer = await recorder.ask("ingest", "PATCH", path, content=made.wav(0.2), headers=headers)
        assert answer.status_code in {404, 409}
    assert list((recorder.folder / "recorder/media").rglob("*.*")) == []


@pytest.mark.parametrize("token", ["user:ada", "administrator"])
async def test_a_held_recording_says_until_when_it_is_protected(recorder: Stage, token: str) -> None:
    await recorder.program(ruled("90d", "365d"))
    name = await recorded(recorder)
    await recorder.ask("user:ada", "POST", "/v1/conversations/c-1/holds", json={"reason": "case 7"})
    shown = (await recorder.ask(token, "GET", f"/v1/recordings/{name}")).json()
    assert [hold["protectsUntil"] for hold in shown["holds"]] == ["2027-05-30T12:01:00.000000Z"]
    assert (await listed(recorder, token))[name]["held"] is True
