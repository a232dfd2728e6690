"""The collector's API as senders, the operator and anybody hostile see it."""

import asyncio
import io
import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tests.audit.collector.served import LOG, PRINCIPALS, collector, token, write_tokens
from tests.audit.making import event, stored

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.wire import event_json
from callkeeper.audit.collector_client import CollectorClient
from callkeeper.audit.errors import CollectorRefused, CollectorUnavailable, StoreBusy

EVENTS = f"/v1/logs/{LOG}/events"


def batch(*events, sender="recorder"):
    return {"sender": sender, "events": [event_json(one) for one in events]}


def nested(levels):
    return [nested(levels - 1)] if levels else 1


def problem(answer):
    status, headers, body = answer
    assert headers["Content-Type"] == "application/problem+json"
    found = json.loads(body)
    assert found["status"] == status
    assert found["detail"]
    assert found["next"]
    return found["type"].removeprefix("/problems/"), found


async def test_a_batch_is_answered_with_its_mark_when_it_is_on_disk(tmp_path):
    async with collector(tmp_path) as running:
        deep = batch(event(1, details={"x": nested(28)}), sender="recorder/deep")
        assert (await running.ask("POST", "/v1/logs/voice/deep/events", json=deep))[0] == 200
        status, _, body = await running.ask("POST", EVENTS, json=batch(event(1), event(4)), name="recorder-teams")
        assert (status, json.loads(body)) == (200, {"mark": 4})
        assert stored(running.folder / LOG) == ["recorder:1", "recorder:4"]


BAD_BODIES = [
    (b"{", "malformed-json"),
    (b"\xff\xfe{}", "malformed-json"),
    (b'{"sender":NaN}', "malformed-json"),
    (b"[" * 100_000, "malformed-json"),
    (json.dumps(batch(event(1, details={"x": nested(29)}))).encode(), "malformed-json"),
    (b"[]", "invalid-request"),
    (b'{"sender":"recorder"}', "invalid-request"),
    (b'{"sender":"recorder","events":[],"more":1}', "invalid-request"),
    (b'{"sender":"recorder","events":[]}', "invalid-request"),
    (b'{"sender":1,"events":[{}]}', "invalid-request"),
    (json.dumps({"sender": "recorder", "events": [{}] * 1001}).encode(), "invalid-request"),
    (b'{"sender":"recorder","events":[{}]}', "invalid-event"),
    (
        b'{"sender":"re corder","events":[{"sequence":1,"at":"2026-11-23T12:00:00Z","action":"Login"}]}',
        "invalid-event",
    ),
    (json.dumps(batch(event(2), event(2))).encode(), "sequence-out-of-order"),
    (json.dumps(batch(event(2), event(1))).encode(), "sequence-out-of-order"),
]


async def test_a_body_that_is_no_batch_is_refused_and_nothing_written(tmp_path):
    async with collector(tmp_path) as running:
        for body, name in BAD_BODIES:
            answer = await running.ask("POST", EVENTS, data=body, headers={"Content-Type": "application/json"})
            assert problem(answer)[0] == name, body[:80]
        answer = await running.ask("POST", EVENTS, data=b"{}", headers={"Content-Type": "text/plain"})
        assert problem(answer)[0] == "unsupported-media-type"
        assert not (running.folder / LOG).exists()


BAD_MEMBERS = [
    ("sequence", 0),
    ("sequence", 2**63),
    ("sequence", True),
    ("sequence", "1"),
    ("sequence", 1.0),
    ("at", "2026-11-23"),
    ("at", "2026-11-23T12:00:00"),
    ("at", "2026-13-23T12:00:00Z"),
    ("at", "9999-12-31T23:59:59-23:00"),
    ("at", 5),
    ("email", None),
    ("ipAddress", 5),
    ("appName", []),
    ("action", "DeleteEverything"),
    ("action", ["Login"]),
    ("details", []),
    ("details", {"id": "recorder:9"}),
    ("unknown", 1),
]


async def test_an_event_that_cannot_become_a_row_is_named_and_none_of_its_company_taken(tmp_path):
    async with collector(tmp_path) as running:
        for member, value in BAD_MEMBERS:
            body = batch(event(1), event(2))
            body["events"][1][member] = value
            name, found = problem(await running.ask("POST", EVENTS, json=body))
            assert (name, found["index"]) == ("invalid-event", 1), (member, value)
        for member in ("sequence", "at", "action"):
            body = batch(event(1), event(2))
            del body["events"][1][member]
            assert problem(await running.ask("POST", EVENTS, json=body))[0] == "invalid-event"
        assert not (running.folder / LOG).exists()


async def test_a_giant_batch_is_refused_before_it_is_read(tmp_path):
    async with collector(tmp_path) as running:
        head = {"Content-Type": "application/json"}
        answer = await running.ask("POST", EVENTS, data=io.BytesIO(b" " * (bounds.BATCH_BYTES + 1)), headers=head)
        assert problem(answer)[0] == "body-too-large"

        async def endless():
            for _ in range(200):
                yield b" " * 65536

        for _ in range(20):
            # Who closes before all was read resets the connection, and the answer may be lost on its way: that is TCP.
            with suppress(aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                answer = await running.ask("POST", EVENTS, data=endless(), headers=head)
                break
        else:
            raise AssertionError("no answer came through in twenty attempts")
        assert problem(answer)[0] == "body-too-large"
        status, _, _ = await running.ask("POST", EVENTS, json=batch(event(1)))
        assert status == 200


async def test_more_than_the_collector_holds_at_once_is_asked_to_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "BYTES_IN_FLIGHT", 100)
    async with collector(tmp_path) as running:
        answer = await running.ask("POST", EVENTS, json=batch(event(1)))
        assert problem(answer)[0] == "too-busy"
        assert answer[1]["Retry-After"] == "1"
        async with running.client(patience_seconds=0.5) as client:
            with pytest.raises(CollectorUnavailable, match="429"):
                await client.append([event(1)])
        assert not (running.folder / LOG).exists()


async def test_a_body_that_does_not_come_gives_its_room_back(tmp_path, monkeypatch):
    """Whoever says how much is coming and sends nothing must not keep everybody else waiting for ever."""
    monkeypatch.setattr(bounds, "BYTES_IN_FLIGHT", 1000)
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.5)
    head = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token('operator')}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    async with collector(tmp_path) as running:
        port = int(running.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/body-stalled" in answer
        writer.close()
        assert (await running.ask("POST", EVENTS, json=batch(event(1))))[0] == 200


async def test_a_repeat_with_other_content_is_reported_and_the_first_kept(tmp_path):
    async with collector(tmp_path) as running:
        await running.ask("POST", EVENTS, json=batch(event(1), event(2), event(5)))
        before = (running.folder / LOG / "audit-2026-11-23.csv").read_bytes()
        changed = batch(event(1), event(2, email="eve@example.com"), event(4), event(5), event(6))
        status, _, body = await running.ask("POST", EVENTS, json=changed)
        assert (status, json.loads(body)) == (200, {"mark": 6, "differing": [2, 4]})
        assert (running.folder / LOG / "audit-2026-11-23.csv").read_bytes().startswith(before)
        assert stored(running.folder / LOG) == ["recorder:1", "recorder:2", "recorder:5", "recorder:6"]
        _, _, text = await running.ask("GET", "/metrics")
        assert b'callkeeper_audit_repeats_total{log="voice/teams",result="differing"} 2.0' in text
        assert b'callkeeper_audit_repeats_total{log="voice/teams",result="same"} 2.0' in text
        assert b'callkeeper_audit_rows_total{log="voice/teams"} 4.0' in text


async def test_a_repeat_of_a_sender_whose_clock_runs_ahead_is_no_other_content(tmp_path):
    """Its rows have the time of receipt; an answer that was lost must not look like two events under one number."""
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    async with collector(tmp_path) as running:
        sent = batch(event(1, at=ahead), event(2, at=ahead, details={}), event(3))
        for _ in range(2):
            answer = await running.ask("POST", EVENTS, json=sent)
            assert (answer[0], json.loads(answer[2])) == (200, {"mark": 3})
        changed = batch(event(1, at=ahead, email="eve@example.com"), event(2, at=ahead + timedelta(seconds=1)))
        _, _, body = await running.ask("POST", EVENTS, json=changed)
        assert json.loads(body) == {"mark": 2, "differing": [1, 2]}
        assert len(stored(running.folder / LOG)) == 3


REFUSED = [
    (None, EVENTS, "recorder", "unauthenticated"),
    ("stranger", EVENTS, "recorder", "unauthenticated"),
    ("vera", EVENTS, "recorder", "forbidden"),
    ("recorder-teams", "/v1/logs/voice/other/events", "recorder", "forbidden"),
    ("recorder-teams", EVENTS, "operator", "forbidden"),
    ("operator", EVENTS, "collector", "forbidden"),
    ("operator", EVENTS, "audit-store", "forbidden"),
    ("operator", EVENTS, "cli", "forbidden"),
    ("operator", "/v1/logs/..%2Fetc/teams/events", "recorder", "not-found"),
    ("operator", "/v1/logs/Voice/teams/events", "recorder", "invalid-request"),
    ("operator", "/v1/logs/voice/te_ams/events", "recorder", "invalid-request"),
    ("operator", "/v1/nothing", "recorder", "not-found"),
    ("operator", "/healthz", "recorder", "method-not-allowed"),
    ("operator", "/v1/logs/voice/" + "a" * 9000 + "/events", "recorder", "uri-too-long"),
]


async def test_who_may_not_is_told_so_and_nothing_is_written(tmp_path):
    async with collector(tmp_path) as running:
        for name, path, sender, wanted in REFUSED:
            answer = await running.ask("POST", path, json=batch(event(1, sender=sender), sender=sender), name=name)
            assert problem(answer)[0] == wanted, path
        assert list(running.folder.glob("*/*")) == []


async def test_the_token_file_is_read_again_and_a_broken_one_locks_nobody_out(tmp_path):
    async with collector(tmp_path) as running:
        status = f"/v1/logs/{LOG}/marks"
        assert (await running.ask("GET", status, name="newcomer"))[0] == 401
        write_tokens(running.tokens, [*PRINCIPALS, {"id": "newcomer", "roles": ["operator"]}])
        assert (await running.ask("GET", status, name="newcomer"))[0] == 200
        running.tokens.write_text("{")
        assert (await running.ask("GET", status, name="newcomer"))[0] == 200
        code, _, body = await running.ask("GET", "/readyz", name=None)
        assert (code, json.loads(body)["checks"]["tokens"]) == (503, "the token file cannot be used")


async def test_marks_come_page_by_page_and_only_those_of_the_prefix(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MARKS_PAGE", 2)
    async with collector(tmp_path) as running, running.client() as client:
        await client.append([event(number, sender=name) for number, name in enumerate(("a/1", "a/2", "a/3", "b"), 1)])
    async with collector(tmp_path) as running, running.client() as client:
        with pytest.raises(CollectorUnavailable, match="not known"):
            client.mark("a/1")
        assert await client.load_marks("a/") == {"a/1": 1, "a/2": 2, "a/3": 3}
        assert (client.mark("a/3"), client.mark("a/9")) == (3, 0)
        with pytest.raises(CollectorUnavailable, match="not known"):
            client.mark("b")


async def test_settings_and_status(tmp_path):
    async with collector(tmp_path) as running, running.client() as client:
        with pytest.raises(CollectorRefused, match="no log voice/teams"):
            await client.status()
        await client.put_settings(rotation="64Mi", retention="400d", application_name="Calls")
        await client.append([event(1)])
        found = await client.status()
        assert (found.failure, found.oldest, found.disk.value, len(found.head)) == (None, "2026-11-23", "ok", 64)
        with pytest.raises(CollectorRefused, match="rotation"):
            await client.put_settings(rotation="hourly")


async def test_a_second_collector_refuses_the_folder(tmp_path):
    async with collector(tmp_path):
        with pytest.raises(StoreBusy):
            async with collector(tmp_path):
                pass


async def test_a_log_somebody_else_holds_is_answered_503_until_it_is_free(tmp_path):
    from callkeeper.audit.store import AuditStore  # noqa: PLC0415 - here only

    async with collector(tmp_path) as running:
        async with AuditStore.open(running.folder / LOG):
            answer = await running.ask("POST", EVENTS, json=batch(event(1)))
            assert problem(answer)[0] == "store-unavailable"
            assert answer[1]["Retry-After"] == "1"
        async with running.client(patience_seconds=20.0) as client:
            await client.append([event(1)])
        assert stored(running.folder / LOG) == ["recorder:1"]


async def test_the_client_names_what_is_wrong(tmp_path):
    async with collector(tmp_path) as running, running.client("stranger") as client:
        with pytest.raises(CollectorRefused, match="refuses the token"):
            await client.append([event(1)])
    async with CollectorClient(running.url, lambda: token("operator"), LOG) as client:
        with pytest.raises(CollectorUnavailable, match="cannot be reached"):
            await client.append([event(1)])


async def test_health_needs_no_token_and_names_no_log(tmp_path):
    async with collector(tmp_path) as running:
        assert (await running.ask("GET", "/healthz", name=None))[0] == 200
        status, _, body = await running.ask("GET", "/readyz", name=None)
        assert (status, json.loads(body)["status"]) == (200, "ok")
        assert (await running.ask("GET", "/metrics", name=None))[0] == 401


def test_a_token_file_others_may_write_is_refused(tmp_path):
    from callkeeper.audit.collector.principals import TokenFile  # noqa: PLC0415 - here only
    from callkeeper.audit.errors import TokenFileError  # noqa: PLC0415 - likewise

    path = tmp_path / "tokens.json"
    write_tokens(path, PRINCIPALS)
    os.chmod(path, 0o666)  # noqa: PTH101 - as an administrator would
    with pytest.raises(TokenFileError, match="chmod"):
        TokenFile(path)
    path.chmod(0o600)
    write_tokens(path, [{"id": "a", "roles": ["sender"], "log": ["voice/teams"]}])
    with pytest.raises(TokenFileError, match="`log` is not known"):
        TokenFile(path)
    write_tokens(path, [{"id": "a", "roles": ["sender"], "logs": []}])
    with pytest.raises(TokenFileError, match="leave it away"):
        TokenFile(path)
