"""Notifications posted to a running recorder: decided, repeated, lost and refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.recorder.stage import BLACKLIST, FILTER, Stage, config, stage
from tests.recorder.teams.following import FIXTURES, fixture
from tests.recorder.teams.test_hostile import JSON, mutilated

from callkeeper.policy.config import BlacklistEntry, FilterSection
from callkeeper.policy.directory import Directory, Licence, User, line
from callkeeper.recorder import bounds
from callkeeper.recorder.http.graph_routes import GraphAnswer

ADA = "a0a00000-0000-4000-8000-00000000ada0"
BOB = "b0b00000-0000-4000-8000-00000000b0b0"
OWN = "1f0c7a52-5b1e-4a57-9d0e-6a2f4f0f9c01"
RECORDING = frozenset({Licence.CALL_RECORDING})
TEAM = Directory.of(
    [
        User(id=ADA, email="ada@contoso.example", licences=RECORDING, lines=(line(e164="+390655512001"),)),
        User(id=BOB, email="bob@contoso.example", licences=RECORDING),
    ]
)
ITALY = (BlacklistEntry(pattern="+3902!", object=BLACKLIST, entry="+3902!"),)


@pytest.fixture
def teams(tmp_path: Path) -> Stage:
    return stage(tmp_path, directory=TEAM)


async def post(recorder: Stage, body: Any) -> Any:
    answer = await recorder.ask("ingest", "POST", "/v1/calls:graph", json=body)
    assert answer.status_code == 200, answer.text
    GraphAnswer.model_validate(answer.json())
    segments = {segment["segment"]: segment for segment in answer.json()["segments"]}
    items = answer.json()["items"]
    assert {name for item in items for name in item["segments"]} == segments.keys()
    return [item | {"segments": [segments[name] for name in item["segments"]]} for item in items]


async def played(recorder: Stage, name: str) -> list[Any]:
    """What each request of a fixture is answered with: its last segment."""
    found = []
    for request in fixture(name)["requests"]:
        items = await post(recorder, request)
        found.append([segment for item in items for segment in item["segments"]])
    return [segments[-1] if segments else None for segments in found]


def decided(segment: Any) -> tuple[Any, ...]:
    facts = segment["decisions"][0]["facts"]
    user = {ADA: "ada", BOB: "bob"}[segment["decisions"][0]["user"]]
    return user, segment["outcome"], facts["kind"], facts["scope"], facts["direction"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("peer-to-peer", ("ada", "record", "peerToPeer", "internal", "outbound")),
        ("pstn-inbound", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("pstn-outbound", ("ada", "record", "peerToPeer", "external", "outbound")),
        ("pstn-withheld", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("federated", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("no-tenant", ("ada", "record", "peerToPeer", "internal", "inbound")),
        ("meeting", ("ada", "record", "meeting", "external", "unknown")),
        ("meeting-joined-by-bot", ("ada", "record", "meeting", "external", "unknown")),
        ("group", ("ada", "record", "group", "external", "unknown")),
        ("group-chat", ("ada", "record", "group", "external", "unknown")),
        ("queue", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("forwarded", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("on-behalf-of", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("voicemail", ("ada", "record", "peerToPeer", "internal", "outbound")),
        ("transfer-same-chain", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("transfer-new-chain", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("consultative-replaces", ("ada", "record", "peerToPeer", "external", "inbound")),
        ("park", ("bob", "record", "unparked", "external", "inbound")),
        ("consent-refused", ("ada", "doNotRecord", "peerToPeer", "external", "outbound")),
        ("whole-list", ("ada", "record", "group", "internal", "unknown")),
        ("record-peer-to-peer", ("ada", "record", "peerToPeer", "external", "outbound")),
        ("record-meeting", ("ada", "record", "meeting", "external", "unknown")),
        ("record-deprecated-members", ("ada", "record", "peerToPeer", "internal", "inbound")),
    ],
)
async def test_a_call_is_decided(teams: Stage, name: str, expected: tuple[str, ...]) -> None:
    await teams.program(config())
    assert decided((await played(teams, name))[-1]) == expected


async def test_a_blacklisted_party_that_comes_and_leaves_leaves_a_gap(teams: Stage) -> None:
    await teams.program(config(blacklist=ITALY))
    requests = fixture("group")["requests"]
    requests.append(
        json.loads(
            json.dumps(requests[3]).replace(
                "9a970000-0000-4000-8000-000000000002", "9a970000-0000-4000-8000-000000000003"
            )
        )
    )
    states = []
    for request in requests:
        teams.clock.forward(10)
        (item,) = await post(teams, request)
        states.append({user["user"]: user["state"] for user in item["segments"][0]["users"]}[ADA])
    assert states == ["recording", "recording", "suspended", "suspended", "recording"]


async def test_the_number_asserted_under_privacy_is_matched_and_never_shown(teams: Stage) -> None:
    await teams.program(config(blacklist=ITALY))
    for request in fixture("pstn-withheld")["requests"]:
        answer = await teams.ask("ingest", "POST", "/v1/calls:graph", json=request)
        assert "12345678" not in answer.text
    assert answer.json()["segments"][0]["reason"] == "Blacklisted"


async def test_the_number_of_the_queue_is_matched(teams: Stage) -> None:
    queue = (BlacklistEntry(pattern="+390655512000", object=BLACKLIST, entry="+390655512000"),)
    await teams.program(config(blacklist=queue))
    assert (await played(teams, "queue"))[0]["reason"] == "Blacklisted"


async def test_the_filter_sees_the_direction_of_the_recorded_user_and_not_of_the_bot(teams: Stage) -> None:
    await teams.program(config(filter=FilterSection(inbound=False, object=FILTER)))
    assert (await played(teams, "pstn-inbound"))[0]["outcome"] == "doNotRecord"
    assert (await played(teams, "consent-refused"))[0] is not None


async def test_a_transfer_is_a_new_segment_of_the_conversation(teams: Stage) -> None:
    await teams.program(config())
    first, consult, _, transferred = await played(teams, "transfer-new-chain")
    assert {segment["conversation"] for segment in (first, consult, transferred)} == {first["conversation"]}
    assert transferred["parentSegmentId"] == consult["parentSegmentId"] == first["segment"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
async def test_the_same_request_again_is_answered_the_same(teams: Stage, path: Path) -> None:
    await teams.program(config())
    for request in fixture(path.stem)["requests"]:
        assert (await post(teams, request))[-1] == (await post(teams, request))[-1]


async def test_one_entry_that_cannot_be_read_does_not_keep_the_others_from_being_decided(teams: Stage) -> None:
    await teams.program(config())
    body = fixture("pstn-inbound")["requests"][0]
    body["value"].insert(0, {"resourceUrl": "/communications/calls/x", "resourceData": {"source": "+390299887766"}})
    bad, good = await post(teams, body)
    assert bad == {
        "segments": [],
        "ignored": None,
        "error": {"path": "value[0].resourceData.source", "message": "expected an object"},
    }
    assert good["segments"][0]["outcome"] == "record"


async def test_a_call_another_source_has_started_is_brought_up_to_date(teams: Stage) -> None:
    await teams.program(config())
    request = fixture("pstn-inbound")["requests"][0]
    native_id = request["value"][0]["resourceData"]["id"]
    segment = await teams.segment(nativeId=native_id, conversation="other", called={"user": BOB})
    (item,) = await post(teams, request)
    assert item["segments"][0]["segment"] == segment
    assert decided(item["segments"][0])[0] == "ada"


async def test_a_call_another_source_has_ended_does_not_come_back(teams: Stage) -> None:
    await teams.program(config())
    requests = fixture("group")["requests"]
    (item,) = await post(teams, requests[0])
    await teams.event(item["segments"][0]["segment"], "end")
    for request in requests[1:]:
        (item,) = await post(teams, request)
        assert item["segments"][0]["state"] == "ended"


async def test_a_parent_that_is_another_conversation_elsewhere_is_left_out(teams: Stage) -> None:
    await teams.program(config())
    first, _, _, transfer = fixture("transfer-same-chain")["requests"]
    native_id = first["value"][0]["resourceData"]["id"]
    await teams.segment(nativeId=native_id, conversation="other", called={"user": BOB})
    await post(teams, first)
    (item,) = await post(teams, transfer)
    assert item["segments"][0]["parentSegmentId"] is None


async def test_full_is_answered_so_that_all_of_it_can_be_sent_again(
    teams: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await teams.program(config())
    request = fixture("pstn-inbound")["requests"][0]
    with monkeypatch.context() as patched:
        patched.setattr(bounds, "OPEN_SEGMENTS", 0)
        answer = await teams.ask("ingest", "POST", "/v1/calls:graph", json=request)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/too-many-open-segments")
    assert (await post(teams, request))[0]["segments"][0]["state"] == "open"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": []},
        {"tenants": [], "value": []},
        {"tenants": [OWN], "value": [5]},
        {"tenants": [OWN], "value": [{}] * (bounds.GRAPH_NOTIFICATIONS + 1)},
        {"tenants": [OWN] * (bounds.GRAPH_TENANTS + 1), "value": []},
        {"tenants": [OWN], "value": [], "calls": {"c": {"consent": "perhaps"}}},
        {"tenants": [OWN], "value": [], "calls": {"c": {"parked": True}}},
        {"tenants": [OWN], "value": [], "calls": {"": {}}},
    ],
)
async def test_a_body_that_is_not_the_envelope_is_refused(teams: Stage, body: Any) -> None:
    answer = await teams.ask("ingest", "POST", "/v1/calls:graph", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


async def test_no_number_reaches_the_log(teams: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    await teams.program(config("OnDemand"))
    for path in FIXTURES:
        for request in fixture(path.stem)["requests"]:
            await post(teams, request)
    out = capfd.readouterr()
    assert "12345678" not in out.out + out.err
    assert "555120" not in out.out + out.err


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=mutilated() | JSON)
async def test_whatever_is_posted_is_answered(teams: Stage, values: Any) -> None:
    answer = await teams.ask("ingest", "POST", "/v1/calls:graph", json={"tenants": [OWN], "value": [values]})
    assert answer.status_code == (200 if isinstance(values, dict) else 422), answer.text
