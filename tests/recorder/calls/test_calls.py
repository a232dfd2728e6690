"""Calls over HTTP: decisions with their sources, changes under pinned settings, and what users do."""

from typing import Any

import pytest
from tests.recorder.stage import BLACKLIST, DIRECTORY, FILTER, POLICY, Stage, config

from callkeeper.policy.config import BlacklistEntry, FilterSection, RecorderConfig
from callkeeper.policy.config_json import revision, to_json
from callkeeper.policy.directory import Directory, User
from callkeeper.recorder import bounds

ITALY = (BlacklistEntry(pattern="+39!", object=BLACKLIST, entry="+39!"),)
MILAN = {"number": "+390212345"}
BERN = {"number": "+41311234567"}


def state(answer: Any, user: str = "ada") -> Any:
    return {found["user"]: found for found in answer.json()["users"]}[user]


async def on_demand_segment(recorder: Stage, **more: Any) -> str:
    await recorder.program(config("OnDemand", **more))
    return await recorder.segment(calling=BERN)


async def test_a_start_is_answered_with_the_decision_and_where_it_stands(recorder: Stage) -> None:
    await recorder.program(config(blacklist=ITALY))
    answer = await recorder.call()
    body = answer.json()
    assert (answer.status_code, body["outcome"], body["reason"]) == (201, "doNotRecord", "Blacklisted")
    assert body["source"] == {
        "object": BLACKLIST,
        "entry": "+39!",
        "file": "examples/x.yaml",
        "line": 14,
        "column": 16,
    }
    assert body["configRevision"] == revision(config(blacklist=ITALY))
    assert body["directoryRevision"] == DIRECTORY.revision
    assert [step["rule"] for step in body["decisions"][0]["steps"]] == ["config", "consent", "licence", "blacklist"]
    assert "212345" not in answer.text


async def test_without_a_config_nothing_is_recorded(recorder: Stage) -> None:
    body = (await recorder.call()).json()
    assert (body["outcome"], body["reason"], body["configRevision"]) == ("doNotRecord", "NoConfig", "")


async def test_a_call_without_a_recorded_user_says_so(recorder: Stage) -> None:
    await recorder.program(config())
    body = (await recorder.call(called=BERN)).json()
    assert (body["outcome"], body["reason"], body["users"]) == ("doNotRecord", "NoRecordedUser", [])


async def test_the_same_start_again_is_the_same_segment(recorder: Stage) -> None:
    await recorder.program(config())
    first, second = await recorder.call(), await recorder.call()
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = await recorder.call(called={"user": "bob"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/segment-exists")
    assert other.json()["segment"] == first.json()["segment"]


async def test_a_native_id_of_an_ended_segment_starts_a_new_one(recorder: Stage) -> None:
    first = await recorder.segment()
    await recorder.event(first, "end")
    assert await recorder.segment() != first


async def test_end_before_start_is_an_unknown_segment(recorder: Stage) -> None:
    for verb in ("end", "update"):
        answer = await recorder.event("nowhere", verb)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-segment")
    assert recorder.recorder.calls.open_count == 0


async def test_ending_twice_is_answered_the_same(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment()
    first = await recorder.event(segment, "end")
    recorder.clock.forward(5)
    second = await recorder.event(segment, "end")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.json()["state"] == "ended"
    changed = await recorder.event(segment, "update", kind="group")
    assert (changed.status_code, changed.json()["type"]) == (409, "/problems/segment-ended")


async def test_recording_suspends_while_a_blacklisted_party_is_in_and_shows_the_gap(recorder: Stage) -> None:
    await recorder.program(config(blacklist=ITALY))
    segment = await recorder.segment(calling=BERN)
    recorder.clock.forward(10)
    joined = await recorder.event(segment, "update", participants=[MILAN])
    assert (joined.json()["kind"], state(joined)["state"]) == ("group", "suspended")
    recorder.clock.forward(20)
    left = await recorder.event(segment, "update", participants=[])
    assert state(left)["state"] == "recording"
    recorder.clock.forward(30)
    (recording,) = state(await recorder.event(segment, "end"))["recordings"]
    assert [stretch["endedBy"] for stretch in recording["stretches"]] == ["Blacklisted", "SegmentEnded"]
    assert recording["gaps"] == [
        {"from": "2026-03-01T12:00:10.000000Z", "to": "2026-03-01T12:00:30.000000Z", "reason": "Blacklisted"}
    ]
    assert recording["closedAt"] == "2026-03-01T12:01:00.000000Z"


async def test_a_running_segment_keeps_its_settings_and_the_next_takes_those_of_now(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment()
    await recorder.program(config(blacklist=ITALY))
    changed = await recorder.event(segment, "update", consent="given")
    assert state(changed)["state"] == "recording"
    assert changed.json()["configRevision"] == revision(config())
    following = await recorder.call(nativeId="n-2", parentSegmentId=segment)
    assert following.json()["reason"] == "Blacklisted"


async def test_consent_refused_during_the_call_suspends(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment()
    assert state(await recorder.event(segment, "update", consent="refused"))["state"] == "suspended"


async def test_a_user_starts_and_stops_several_times(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    for _ in range(2):
        started = await recorder.event(segment, "start", "user:ada")
        assert (started.status_code, state(started)["state"]) == (200, "recording")
        again = await recorder.event(segment, "start", "user:ada")
        assert again.json() == started.json()
        recorder.clock.forward(5)
        stopped = await recorder.event(segment, "stop", "user:ada")
        assert state(stopped)["state"] == "waiting"
        assert (await recorder.event(segment, "stop", "user:ada")).json() == stopped.json()
        recorder.clock.forward(5)
    assert recorder.audit.actions == ["StartRecording", "StopRecording"] * 2
    causes = [recording["cause"] for recording in state(stopped)["recordings"]]
    assert causes == ["started", "started"]


async def test_a_start_that_the_settings_refuse_is_audited(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder, filter=FilterSection(external=False, object=FILTER))
    answer = await recorder.event(segment, "start", "user:ada")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/start-refused")
    assert answer.json()["reason"] == "FilteredScope"
    ((action, actor, details),) = recorder.audit.rows
    assert (action.value, actor.principal.email) == ("RefuseRecordingStart", "ada@example.com")
    assert (details["segment"], details["user"], details["reason"]) == (segment, "ada", "FilteredScope")


@pytest.mark.parametrize("mode", ["AlwaysOn", "OnDemand"])
async def test_without_an_audit_row_people_are_refused_and_automatic_recording_goes_on(
    recorder: Stage, mode: str
) -> None:
    await recorder.program(config(mode))
    recorder.audit.failing = True
    answer = await recorder.call(calling=BERN)
    assert answer.status_code == 201
    if mode == "AlwaysOn":
        assert state(answer)["state"] == "recording"
        return
    refused = await recorder.event(answer.json()["segment"], "start", "user:ada")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/audit-unavailable")
    assert "not done" in refused.json()["detail"]
    segment = await recorder.ask("ingest", "GET", f"/v1/calls/{answer.json()['segment']}")
    assert state(segment)["state"] == "waiting"


async def test_only_recorded_users_start_and_others_learn_nothing(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    for verb in ("start", "stop"):
        answer = await recorder.event(segment, verb, "user:bob")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-segment")
    assert recorder.audit.rows == []


async def test_an_automatic_recording_is_not_the_users_to_stop(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment()
    assert (await recorder.event(segment, "start", "user:ada")).status_code == 200
    answer = await recorder.event(segment, "stop", "user:ada")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/automatic-recording")
    assert recorder.audit.rows == []


async def test_a_started_recording_suspends_and_resumes(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder, blacklist=ITALY)
    await recorder.event(segment, "start", "user:ada")
    assert state(await recorder.event(segment, "update", participants=[MILAN]))["state"] == "suspended"
    refused = await recorder.event(segment, "start", "user:ada")
    assert refused.json()["reason"] == "Blacklisted"
    assert state(await recorder.event(segment, "update", participants=[]))["state"] == "recording"


async def test_a_party_that_joins_while_the_row_is_written_still_forbids_the_start(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder, blacklist=ITALY)
    calls = recorder.recorder.calls
    party = calls.get(segment).call.calling
    assert party is not None
    milan = type(party)(number="+390212345")
    recorder.audit.meanwhile = lambda: calls.update(segment, {"participants": (milan,)})
    answer = await recorder.event(segment, "start", "user:ada")
    assert answer.json()["type"] == "/problems/start-refused"
    assert recorder.audit.actions == ["StartRecording", "RefuseRecordingStart"]
    assert all(not user.recordings for user in calls.get(segment).users.values())


async def test_a_segment_that_ends_while_the_row_is_written_is_not_started(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    recorder.audit.meanwhile = lambda: recorder.recorder.calls.end(segment)
    answer = await recorder.event(segment, "start", "user:ada")
    assert answer.json()["type"] == "/problems/segment-ended"


async def test_a_transfer_goes_on_recording_where_the_user_stays(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    await recorder.event(segment, "start", "user:ada")
    await recorder.event(segment, "end")
    called = {"called": {"user": "ada"}, "participants": [{"user": "bob"}]}
    following = await recorder.call(nativeId="n-2", parentSegmentId=segment, **called)
    assert state(following)["state"] == "recording"
    assert state(following)["recordings"][0]["cause"] == "inherited"
    assert state(following, "bob")["state"] == "waiting"


async def test_a_start_that_was_stopped_does_not_go_on(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    await recorder.event(segment, "start", "user:ada")
    await recorder.event(segment, "stop", "user:ada")
    following = await recorder.call(nativeId="n-2", parentSegmentId=segment)
    assert state(following)["state"] == "waiting"


async def test_a_retrieval_from_park_inherits_the_direction_and_no_start(recorder: Stage) -> None:
    segment = await on_demand_segment(recorder)
    await recorder.event(segment, "start", "user:ada")
    await recorder.event(segment, "end")
    retrieved = await recorder.call(
        nativeId="n-2", parentSegmentId=segment, kind="unparked", calling={"user": "bob"}, called=BERN
    )
    (decision,) = retrieved.json()["decisions"]
    assert (decision["user"], decision["facts"]["direction"]) == ("bob", "inbound")
    assert state(retrieved, "bob")["state"] == "waiting"


async def test_a_parent_of_another_conversation_is_refused(recorder: Stage) -> None:
    segment = await recorder.segment()
    answer = await recorder.call(nativeId="n-2", conversation="c-2", parentSegmentId=segment)
    assert answer.json()["type"] == "/problems/other-conversation"
    unknown = await recorder.call(nativeId="n-3", parentSegmentId="nowhere")
    assert unknown.json()["type"] == "/problems/unknown-segment"


@pytest.mark.parametrize("mode", ["AlwaysOn", "OnDemand"])
@pytest.mark.parametrize("removed", [True, False])
async def test_a_running_recording_completes_when_its_user_or_licence_goes(
    recorder: Stage, mode: str, removed: bool
) -> None:
    await recorder.program(config(mode, blacklist=ITALY))
    segment = await recorder.segment(calling=BERN)
    await recorder.event(segment, "start", "user:ada")
    without = [user for user in DIRECTORY.users.values() if user.id != "ada"]
    gone = [] if removed else [User(id="ada", email="ada@example.com")]
    recorder.recorder.users.give(Directory.of([*without, *gone]), "users.csv")
    assert state(await recorder.event(segment, "update", consent="given"))["state"] == "recording"
    assert state(await recorder.event(segment, "update", participants=[MILAN]))["state"] == "suspended"
    assert state(await recorder.event(segment, "update", participants=[]))["state"] == "recording"
    if mode == "OnDemand":
        await recorder.event(segment, "stop", "user:ada")
        refused = await recorder.event(segment, "start", "user:ada")
        assert refused.status_code in {404, 409}
    following = await recorder.call(nativeId="n-2", calling=BERN)
    assert following.json()["outcome"] == "doNotRecord"


async def test_who_leaves_is_not_recorded_any_more(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment(participants=[{"user": "bob"}])
    left = await recorder.event(segment, "update", called={"user": "bob"}, participants=[])
    assert state(left)["state"] == "off"
    assert state(left)["recordings"][0]["stretches"][0]["endedBy"] == "Left"
    assert state(left, "bob")["state"] == "recording"


async def test_a_third_party_makes_a_group_unless_the_source_says_otherwise(recorder: Stage) -> None:
    segment = await recorder.segment()
    assert (await recorder.event(segment, "update", participants=[BERN])).json()["kind"] == "group"
    stated = await recorder.call(nativeId="n-2", kind="peerToPeer", participants=[BERN])
    assert stated.json()["kind"] == "peerToPeer"


async def test_null_takes_a_party_away_and_absence_keeps_it(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment(connected={"user": "bob"})
    assert [user["state"] for user in (await recorder.event(segment, "update")).json()["users"]] == ["recording"]
    answer = await recorder.event(segment, "update", connected=None)
    assert {user["user"]: user["state"] for user in answer.json()["users"]} == {"ada": "recording", "bob": "off"}


async def test_a_clock_that_steps_back_makes_no_negative_stretch(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment()
    recorder.clock.forward(-3600)
    body = await recorder.event(segment, "end")
    (stretch,) = state(body)["recordings"][0]["stretches"]
    assert stretch["from"] == stretch["to"] == body.json()["endedAt"]


async def test_too_many_open_segments_are_refused_and_ended_ones_forgotten(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "OPEN_SEGMENTS", 2)
    monkeypatch.setattr(bounds, "ENDED_SEGMENTS", 1)
    first, second = await recorder.segment(nativeId="1"), await recorder.segment(nativeId="2")
    full = await recorder.call(nativeId="3")
    assert (full.status_code, full.json()["type"]) == (503, "/problems/too-many-open-segments")
    assert (await recorder.call(nativeId="2")).status_code == 200
    await recorder.event(first, "end")
    await recorder.event(second, "end")
    assert (await recorder.ask("ingest", "GET", f"/v1/calls/{first}")).status_code == 404
    assert (await recorder.ask("ingest", "GET", f"/v1/calls/{second}")).status_code == 200


async def test_a_segment_has_a_bounded_number_of_recordings(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "RECORDINGS_PER_USER", 1)
    segment = await on_demand_segment(recorder)
    await recorder.event(segment, "start", "user:ada")
    await recorder.event(segment, "stop", "user:ada")
    answer = await recorder.event(segment, "start", "user:ada")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/too-many-recordings")


async def test_segments_are_listed_in_pages_the_latest_first(recorder: Stage) -> None:
    made = [await recorder.segment(nativeId=str(number)) for number in range(5)]
    await recorder.event(made[4], "end")
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await recorder.ask("ingest", "GET", f"/v1/calls?limit=2{cursor}")).json()
        seen += [item["segment"] for item in page["items"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert page["nextCursor"] is None
    assert seen == made[::-1]


async def test_a_check_counts_the_calls_that_would_be_decided_otherwise(recorder: Stage) -> None:
    await recorder.program(config())
    for number in range(25):
        await recorder.segment(nativeId=str(number), calling=MILAN if number else BERN)
    ended = await recorder.segment(nativeId="ended")
    await recorder.event(ended, "end")
    candidate: RecorderConfig = config(blacklist=ITALY)
    before = recorder.recorder.programming.stored
    body = {"owner": "folder:here", "epoch": 1, "config": to_json(candidate)}
    answer = await recorder.ask("settings", "POST", "/v1/config:check", json=body)
    effects = answer.json()["effects"]
    assert (effects["consideredCalls"], effects["changedDecisions"], len(effects["sample"])) == (26, 25, 20)
    assert effects["sample"][0]["after"]["source"] == {"object": BLACKLIST, "entry": "+39!"}
    assert answer.json()["changes"] == ["blacklist"]
    assert answer.json()["revision"] == revision(candidate)
    assert "212345" not in answer.text
    assert recorder.recorder.programming.stored is before
    await recorder.program(candidate)
    back = await recorder.ask("settings", "POST", "/v1/config:check", json=body | {"config": to_json(config())})
    assert back.json()["effects"]["removesBlacklistEntries"] == 1


async def test_the_source_of_a_mode_is_its_policy(recorder: Stage) -> None:
    await recorder.program(config())
    assert (await recorder.call()).json()["source"]["object"] == POLICY
