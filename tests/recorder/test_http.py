"""The edge: every error a problem document, every input bounded, nothing private in logs and metrics."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.recorder.stage import BLACKLIST, Stage, config, stage

from callkeeper.policy.call import CallKind, Consent, Direction, Identity
from callkeeper.policy.config import BlacklistEntry
from callkeeper.policy.config_json import to_json
from callkeeper.recorder import bounds
from callkeeper.recorder.api_document import PATH, api_documents
from callkeeper.recorder.app import openapi
from callkeeper.recorder.http import answers
from callkeeper.recorder.http.json_bodies import deeper_than
from callkeeper.recorder.http.problems import TYPES

ROOT = Path(__file__).parents[2]
NUMBER = "+390298765432"


def problem(answer: Any, name: str) -> None:
    status, title = TYPES[name]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["title"], body["status"]) == (f"/problems/{name}", title, status)
    assert body["detail"]
    assert body["next"]


async def test_an_unknown_address_is_a_problem(recorder: Stage) -> None:
    for path in ("/v1", "/v1/config/", "/v1/calls/%2e%2e/config", "/openapi.json", "/docs", "/v1//calls"):
        problem(await recorder.ask("administrator", "GET", path), "not-found")


async def test_an_address_that_is_nearly_one_is_answered_with_those_there_are(recorder: Stage) -> None:
    answer = await recorder.ask("administrator", "GET", "/v1/recordings")
    problem(answer, "not-found")
    assert answer.json()["detail"] == "there is nothing at this address"
    assert answer.json()["next"].startswith("there is POST /v1/recordings:export, POST /v1/recordings:search, ")


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(recorder: Stage) -> None:
    answer = await recorder.ask("administrator", "DELETE", "/v1/config")
    problem(answer, "method-not-allowed")
    assert answer.headers["allow"] == "GET, PUT"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'"\\ud800"', b"[" * 31 + b"}", b'{"nativeId": NaN}', b"{} {}"],
)
async def test_what_is_no_json_is_a_problem(recorder: Stage, content: bytes) -> None:
    answer = await recorder.ask(
        "ingest", "POST", "/v1/calls", content=content, headers={"Content-Type": "application/json"}
    )
    problem(answer, "malformed-json" if content else "invalid-request")


@pytest.mark.parametrize("levels", [bounds.JSON_DEPTH + 1, 199, 500, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_json_that_is_nested_too_deeply_is_a_problem(
    recorder: Stage, levels: int, opening: bytes, closing: bytes
) -> None:
    content = opening * levels + b"1" + closing * levels
    headers = {"Content-Type": "application/json"}
    problem(await recorder.ask("ingest", "POST", "/v1/calls", content=content, headers=headers), "json-too-deep")


@pytest.mark.parametrize("inner", [b"1", b'"[[[["', b"[{}]" + b", [], {}" * 40])
async def test_json_at_the_bound_of_nesting_is_read_and_then_does_not_fit(recorder: Stage, inner: bytes) -> None:
    levels = bounds.JSON_DEPTH - (2 if inner.startswith(b"[{") else 0)
    content = b"[" * levels + inner + b"]" * levels
    headers = {"Content-Type": "application/json"}
    problem(await recorder.ask("ingest", "POST", "/v1/calls", content=content, headers=headers), "invalid-request")


@given(
    st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)), st.integers(0, 6)
)
def test_depth_is_what_a_recursive_reading_counts(value: Any, levels: int) -> None:
    def depth(found: Any) -> int:
        if isinstance(found, dict):
            found = list(found.values())
        return 1 + max(map(depth, found), default=0) if isinstance(found, list) else 0

    assert deeper_than(levels, value) is (depth(value) > levels)


async def test_a_body_that_is_not_declared_as_json_is_a_problem(recorder: Stage) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await recorder.ask("ingest", "POST", "/v1/calls", content=b"{}", headers={"Content-Type": media_type})
        problem(answer, "unsupported-media-type")


@pytest.mark.parametrize(
    "change",
    [
        {"nativeId": ""},
        {"nativeId": "x" * 257},
        {"nativeId": "a\nb"},
        {"nativeId": 7},
        {"conversation": None},
        {"kind": "Group"},
        {"consent": True},
        {"calling": "+39"},
        {"calling": {"number": "1" * 257}},
        {"calling": {"user": ""}},
        {"calling": {"nummer": "1"}},
        {"participants": [{}] * 1001},
        {"recordedUsers": "ada"},
        {"direction": "sideways"},
        {"native_id": "snake"},
        {"extra": 1},
    ],
)
async def test_a_call_that_does_not_fit_is_a_problem_with_its_place(recorder: Stage, change: dict[str, Any]) -> None:
    answer = await recorder.call(**change)
    problem(answer, "invalid-request")
    assert answer.json()["errors"][0]["path"].startswith("body")
    assert len(answer.json()["errors"]) <= 20


async def test_an_error_does_not_repeat_what_was_sent(recorder: Stage) -> None:
    answer = await recorder.call(calling={"number": NUMBER, "user": 7, "identity": NUMBER})
    problem(answer, "invalid-request")
    assert "98765432" not in answer.text


async def test_a_body_is_cut_off_at_its_bound_whether_its_length_is_told_or_not(recorder: Stage) -> None:
    told = await recorder.ask("ingest", "POST", "/v1/calls", content=b" " * (bounds.BODY_BYTES + 1))
    problem(told, "body-too-large")
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * bounds.BODY_BYTES:
            sent += 65_536
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    problem(await recorder.ask("ingest", "POST", "/v1/calls", content=chunks(), headers=headers), "body-too-large")
    assert sent <= bounds.BODY_BYTES + 65_536


async def test_a_config_may_be_larger(recorder: Stage) -> None:
    padded = json.dumps({"owner": "o", "epoch": 1, "config": to_json(config())}).encode() + b" " * bounds.BODY_BYTES
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    assert (await recorder.ask("settings", "PUT", "/v1/config", content=padded, headers=headers)).status_code == 200


async def test_a_long_address_is_a_problem(recorder: Stage) -> None:
    problem(await recorder.ask("auditor", "GET", f"/v1/users?search={'x' * 9000}"), "uri-too-long")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"search={'x' * 201}", "overridden=perhaps"])
async def test_a_query_out_of_bounds_is_a_problem(recorder: Stage, query: str) -> None:
    problem(await recorder.ask("auditor", "GET", f"/v1/users?{query}"), "invalid-request")


@pytest.mark.parametrize(
    "change", [{"epoch": -1}, {"epoch": 2**53}, {"epoch": "1"}, {"epoch": True}, {"takeOver": "yes"}, {"owner": ""}]
)
async def test_an_envelope_that_does_not_fit_is_a_problem(recorder: Stage, change: dict[str, Any]) -> None:
    problem(await recorder.put(config(), **change), "invalid-request")


@pytest.mark.parametrize("value", [{"policy": []}, {"policy": {"version": 2}}, {"x": 1}, {"blacklist": {"entries": 1}}])
async def test_a_config_that_is_none_is_a_problem(recorder: Stage, value: dict[str, Any]) -> None:
    problem(await recorder.put(value), "invalid-config")


async def test_a_fault_of_ours_is_a_problem_and_its_log_line_names_the_place_alone(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError(NUMBER)

    monkeypatch.setattr(recorder.recorder.calls, "start", fail)
    with structlog.testing.capture_logs() as lines:
        answer = await recorder.call()
    problem(answer, "internal-error")
    (line,) = lines
    assert (line["event"], line["error"], line["route"]) == ("request_failed", "RuntimeError", "/v1/calls")
    assert NUMBER not in answer.text + str(lines)


async def test_no_number_token_or_pattern_is_in_logs_or_metrics(
    recorder: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    entry = BlacklistEntry(pattern=NUMBER, object=BLACKLIST, entry=NUMBER)
    with structlog.testing.capture_logs() as lines:
        await recorder.program(config("OnDemand", blacklist=(entry,)))
        for number in range(50):
            party = {"number": NUMBER if number % 2 else "+390211111111"}
            segment = await recorder.segment(nativeId=f"{NUMBER}-{number}", conversation=NUMBER, calling=party)
            for verb, token in (("start", "user:ada"), ("update", "ingest"), ("stop", "user:ada"), ("end", "ingest")):
                await recorder.event(segment, verb, token)
        await recorder.call(calling={"number": NUMBER, "bad": 1})
        await recorder.ask(NUMBER, "GET", "/v1/calls")
        await recorder.put({"blacklist": {"version": 1, "entries": [{"pattern": f"{NUMBER}Y"}]}})
    metrics = (await recorder.ask("auditor", "GET", "/metrics")).text
    shown = capsys.readouterr()
    everything = f"{lines}{caplog.text}{shown.out}{shown.err}{metrics}{recorder.audit.rows}"
    assert "recording_started" in everything
    for private in ("98765432", "0211111111", "user:ada"):
        assert private not in everything


async def test_metrics_count_decisions_puts_and_requests(recorder: Stage) -> None:
    await recorder.program(config())
    await recorder.put(config())
    await recorder.put(config(), owner="cluster:x")
    recorder.clock.forward(90)
    await recorder.segment()
    text = (await recorder.ask("settings", "GET", "/metrics")).text
    for line in (
        'callkeeper_decisions_total{outcome="record",reason="AlwaysOn"} 1.0',
        "callkeeper_open_segments 1.0",
        "callkeeper_config_age_seconds 90.0",
        'callkeeper_config_puts_total{result="changed"} 1.0',
        'callkeeper_config_puts_total{result="unchanged"} 1.0',
        'callkeeper_config_puts_total{result="owner-conflict"} 1.0',
        'callkeeper_request_duration_seconds_count{method="POST",route="/v1/calls",status="201"} 1.0',
    ):
        assert line in text


async def test_ready_says_what_is_wrong(recorder: Stage) -> None:
    ready = await recorder.ask(None, "GET", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    recorder.audit.failing = True
    unready = await recorder.ask(None, "GET", "/readyz")
    assert (unready.status_code, unready.json()["checks"]["audit"]) == (503, "rows cannot be written")
    assert (await recorder.ask(None, "GET", "/livez")).status_code == 200


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("action=AddNote", {"AddNote"}),
        ("action=AddNote&action=DeleteNote", {"AddNote", "DeleteNote"}),
        ("area=notes%20and%20tags", {"AddNote", "UpdateNote", "DeleteNote"}),
    ],
)
async def test_the_audit_log_is_downloaded_by_one_action_or_several(
    recorder: Stage, query: str, wanted: set[str]
) -> None:
    answer = await recorder.ask("auditor", "GET", f"/v1/audit?from=yesterday&to=today&{query}")
    assert answer.status_code == 200, answer.text
    (row,) = recorder.audit.rows
    assert wanted <= set(row[2]["actions"])
    problem(await recorder.ask("auditor", "GET", "/v1/audit?from=yesterday&to=today&action=Nothing"), "invalid-request")


async def test_the_audit_log_is_downloaded_after_its_row(recorder: Stage) -> None:
    answer = await recorder.ask("auditor", "GET", "/v1/audit?from=yesterday&to=today")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("Date,Email,IpAddress,AppName,ActionType,Details")
    assert recorder.audit.actions == ["DownloadCsvAudit"]
    recorder.audit.failing = True
    problem(await recorder.ask("auditor", "GET", "/v1/audit?from=yesterday&to=today"), "audit-unavailable")
    for query in ("", "?from=now", "?from=today&to=yesterday", "?from=sometime&to=now"):
        problem(await recorder.ask("auditor", "GET", f"/v1/audit{query}"), "invalid-request")


async def test_the_audit_log_is_verified_for_who_may_read_it_and_that_is_audited(recorder: Stage) -> None:
    answer = await recorder.ask("auditor", "POST", "/v1/audit:verify", json={})
    assert answer.json() == {"sound": True, "chain": "the head", "rows": 0, "problems": 0, "against": 0}
    assert recorder.audit.actions == ["VerifyAudit"]
    for body in ({"against": ["callkeeper-checkpoint v1 nothing"]}, {"publicKeys": ["no key"]}, {"more": 1}):
        problem(await recorder.ask("auditor", "POST", "/v1/audit:verify", json=body), "invalid-request")
    problem(await recorder.ask("user:ada", "POST", "/v1/audit:verify", json={}), "forbidden")
    recorder.audit.failing = True
    problem(await recorder.ask("auditor", "POST", "/v1/audit:verify", json={}), "audit-unavailable")


async def test_answers_are_what_the_document_says(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment()
    await recorder.event(segment, "start", "user:ada")
    body = {"owner": "folder:here", "epoch": 1, "config": to_json(config())}
    for model, token, method, path in (
        (answers.ConfigAnswer, "settings", "GET", "/v1/config"),
        (answers.EffectiveAnswer, "user:ada", "GET", "/v1/config"),
        (answers.CheckAnswer, "settings", "POST", "/v1/config:check"),
        (answers.SegmentAnswer, "ingest", "GET", f"/v1/calls/{segment}"),
        (answers.SegmentsAnswer, "ingest", "GET", "/v1/calls"),
        (answers.SegmentAnswer, "ingest", "POST", f"/v1/calls/{segment}:end"),
        (answers.DirectoryAnswer, "auditor", "GET", "/v1/users"),
        (answers.DirectoryUserAnswer, "auditor", "GET", "/v1/users/ada"),
        (answers.HealthAnswer, None, "GET", "/readyz"),
    ):
        answer = await recorder.ask(token, method, path, **({"json": body} if path.endswith("check") else {}))
        assert answer.status_code == 200, answer.text
        found = model.model_validate(answer.json(), strict=True)
        assert found.model_dump(mode="json", by_alias=True, exclude_unset=True) == answer.json()


def test_every_problem_an_answer_may_be_is_documented(recorder: Stage) -> None:
    page = (ROOT / "docs/reference/problems.md").read_text()
    text = json.dumps(openapi(recorder.app))
    for name, (status, title) in TYPES.items():
        assert f"\n## {name}\n" in page
        assert f"{status}, {title}." in page
        assert f"/problems/{name}`" in text or name in {"not-found", "method-not-allowed"}


def test_the_checked_in_document_is_current() -> None:
    assert (ROOT / PATH).read_bytes() == api_documents()[PATH]


PARTY = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "number": st.none()
        | st.text(max_size=40)
        | st.from_regex(r"(sip:|tel:)?\+?[0-9*#%@.;=-]{0,20}", fullmatch=True),
        "user": st.none() | st.sampled_from(["ada", "bob", "eve", "ADA@example.com", "nobody"]) | st.text(max_size=20),
        "identity": st.sampled_from([*(word.value for word in Identity), "king"]),
    },
)
CALL = st.fixed_dictionaries(
    {"nativeId": st.text(max_size=30) | st.integers(), "conversation": st.text(min_size=1, max_size=30)},
    optional={
        **dict.fromkeys(("calling", "called", "originalCalled", "redirecting", "connected"), PARTY),
        "participants": st.lists(PARTY.filter(bool), max_size=4) | st.none(),
        "recordedUsers": st.lists(st.sampled_from(["ada", "bob", "nobody"]), max_size=3),
        "kind": st.sampled_from([*(word.value for word in CallKind), None, 7]),
        "direction": st.sampled_from([*(word.value for word in Direction), None]),
        "consent": st.sampled_from([*(word.value for word in Consent), None]),
    },
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return stage(tmp_path_factory.mktemp("shared"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=CALL, update=CALL, extra=st.none() | st.recursive(st.text() | st.integers(), st.lists, max_leaves=5))
async def test_no_call_is_a_fault_of_ours(
    shared: Stage, call: dict[str, Any], update: dict[str, Any], extra: Any
) -> None:
    if shared.recorder.programming.config is None:
        await shared.program(config("OnDemand"))
    answer = await shared.ask("ingest", "POST", "/v1/calls", json=call if extra is None else extra)
    assert answer.status_code in {200, 201, 409, 422}, answer.text
    if answer.status_code != 201:
        return
    TypeAdapter(answers.SegmentAnswer).validate_json(answer.content)
    segment = answer.json()["segment"]
    changes = {name: value for name, value in update.items() if name not in {"nativeId", "conversation"}}
    for verb, token, body in (("start", "user:ada", {}), ("update", "ingest", changes), ("stop", "user:ada", {})):
        assert (await shared.event(segment, verb, token, **body)).status_code in {200, 404, 409, 422}
    ended = await shared.event(segment, "end")
    assert ended.status_code == 200
    for user in ended.json()["users"]:
        assert user["state"] == "off"
        assert all(recording["closedAt"] is not None for recording in user["recordings"])
