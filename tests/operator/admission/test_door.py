"""The door: whatever comes gets an answer the API server can go by, and nothing of ours keeps anybody from writing."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web
from tests.cluster.certificates import Authority
from tests.operator.admission.test_noting import EVENT, batch
from tests.operator.admission.test_review import OBJECT

from callkeeper.operator.admission import door as door_module
from callkeeper.operator.admission.counting import WebhookMetrics
from callkeeper.operator.admission.deciding import Decider
from callkeeper.operator.admission.door import WebhookDoor
from callkeeper.operator.admission.review import MAX_REVIEW_BYTES
from callkeeper.operator.certificates.served import ServedCertificate


class FakePusher:
    """Takes notes, or has nobody to give them to."""

    def __init__(self, *, delivers=True):
        self.delivers = delivers
        self.pushed = []

    def push(self, notes):
        self.pushed += notes

    async def deliver(self, notes):
        if self.delivers:
            self.pushed += notes
        return self.delivers


@asynccontextmanager
async def served(door, tls=None):
    runner = web.AppRunner(door.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(url) as session:
        yield session
    await runner.cleanup()


def a_door(pusher=None, **more):
    return WebhookDoor(decider=Decider(None), pusher=pusher, metrics=WebhookMetrics(), **more)


def review(document=OBJECT, **request):
    value = {
        "uid": "u-1",
        "operation": "CREATE",
        "namespace": "voice",
        "resource": {"group": "callkeeper.dev"},
        "object": document,
        "userInfo": {"username": "ada"},
        **request,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "request": value}).encode()


async def admit(session, body):
    async with session.post("/v1/admit", data=body) as response:
        return response.status, json.loads(await response.read()) if response.ok else None


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.01)


async def test_a_review_is_answered_and_noted_and_a_dry_run_is_only_answered():
    pusher = FakePusher()
    async with served(a_door(pusher)) as session:
        status, answered = await admit(session, review())
        assert (status, answered["response"]) == (200, {"uid": "u-1", "allowed": True})
        await admit(session, review(dryRun=True, uid="u-2"))
        bad = {**OBJECT, "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "x y"}]}}
        _, answered = await admit(session, review(bad, uid="u-3"))
        assert answered["response"]["status"]["code"] == 422
        await until(lambda: len(pusher.pushed) == 2)
    assert [(note.id, note.code) for note in pusher.pushed] == [("u-1", None), ("u-3", 422)]


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 400), (b'{"request":{"uid":"u"}}', 200)])
async def test_garbage_is_answered(body, status):
    async with served(a_door()) as session:
        answered = await admit(session, body)
    assert answered[0] == status
    if status == 200:
        assert answered[1]["response"]["allowed"]


async def test_a_body_beyond_the_bound_is_refused_and_so_are_too_many_at_once(monkeypatch):
    async with served(a_door()) as session:
        assert (await admit(session, BytesIO(b" " * (MAX_REVIEW_BYTES + 1))))[0] == 413
        monkeypatch.setattr(door_module, "MAX_REVIEWS_AT_ONCE", 0)
        assert (await admit(session, review()))[0] == 503


async def test_a_fault_of_ours_and_a_lack_of_time_let_through_with_a_warning(monkeypatch):
    class Broken(Decider):
        async def decide(self, review):
            if review.uid == "late":
                await asyncio.sleep(60)
            raise RuntimeError("ours")

    monkeypatch.setattr(door_module, "REVIEW_SECONDS", 0.05)
    door = WebhookDoor(decider=Broken(None), pusher=None, metrics=WebhookMetrics())
    async with served(door) as session:
        for uid in ("late", "broken"):
            _, answered = await admit(session, review(uid=uid))
            assert answered["response"]["allowed"]
            assert len(answered["response"]["warnings"]) == 1


async def tell(session, body=None, token="secret"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.post(
        "/v1/audit-webhook", data=batch(EVENT) if body is None else body, headers=headers
    ) as answer:
        return answer.status


async def test_audit_events_are_taken_from_the_api_server_alone(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    pusher = FakePusher()
    async with served(a_door(pusher, audit_token_file=tmp_path / "token")) as session:
        assert await tell(session, token=None) == 401
        assert await tell(session, token="guess") == 401
        assert pusher.pushed == []
        assert await tell(session) == 200
        assert await tell(session, b"garbage") == 400
        (tmp_path / "token").write_text("")
        assert await tell(session, token="") == 401
    assert [note.user for note in pusher.pushed] == ["ada"]


async def test_a_batch_that_no_operator_took_is_asked_for_again(tmp_path):
    (tmp_path / "token").write_text("secret")
    async with served(a_door(FakePusher(delivers=False), audit_token_file=tmp_path / "token")) as session:
        assert await tell(session) == 503
    async with served(a_door(audit_token_file=tmp_path / "token")) as session:
        assert await tell(session) == 404


async def test_a_client_certificate_of_the_given_authority_does_instead_of_a_token(tmp_path):
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    server = authority.server("webhook")
    certificate = ServedCertificate(client_authority=authority.file)
    certificate.serve(server.certificate.read_bytes(), server.key.read_bytes())
    pusher = FakePusher()
    async with served(a_door(pusher), certificate.context) as session:
        for client, status in ((None, 401), (authority.client("kube-apiserver"), 200)):
            context = ssl.create_default_context(cafile=authority.file)
            if client is not None:
                context.load_cert_chain(client.certificate, client.key)
            async with aiohttp.ClientSession(session._base_url, connector=aiohttp.TCPConnector(ssl=context)) as peer:
                assert await tell(peer, token=None) == status
        context = ssl.create_default_context(cafile=authority.file)
        stranger = other.client("kube-apiserver")
        context.load_cert_chain(stranger.certificate, stranger.key)
        async with aiohttp.ClientSession(session._base_url, connector=aiohttp.TCPConnector(ssl=context)) as peer:
            with pytest.raises(aiohttp.ClientError):
                await tell(peer, token=None)
