"""The way to a recorder: credentials kept fresh, mutual TLS, and nothing put by who does not lead."""

import base64
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.cluster.certificates import Authority
from tests.local.certificates import Authority as NamedAuthority
from tests.operator.fake_api import FakeApi
from tests.operator.lying_recorder import Lie, LyingRecorder

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import read_object
from callkeeper.operator import paths
from callkeeper.operator import recorder_port as module
from callkeeper.operator.permit import permit
from callkeeper.operator.recorder_port import ClusterRecorder, NowhereRecorder
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import SECTIONS
from callkeeper.reconcile.errors import Refused, StaleEpoch, Unreachable, Withheld
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope
from callkeeper.reconcile.reasons import Reason


def a_spec(**spec):
    reading = read_object(
        {
            "apiVersion": "callkeeper.dev/v1alpha1",
            "kind": "Recorder",
            "metadata": {"name": "teams", "namespace": "voice"},
            "spec": spec,
        }
    )
    assert reading.resource is not None, reading.findings
    return reading.resource.spec


def a_secret(**data):
    encoded = {name.replace("_", "."): base64.b64encode(text.encode()).decode() for name, text in data.items()}
    return {"kind": "Secret", "data": encoded}


@asynccontextmanager
async def recorder_server(accepts, *, tls=None, closing=False):
    """A recorder that runs nothing; it lets in who bears one of these tokens, and closes each connection if told to."""

    async def config(request):
        if request.headers.get("Authorization") not in {f"Bearer {one}" for one in accepts}:
            return web.json_response({"type": "/problems/unauthorized", "detail": "who are you"}, status=401)
        empty = {"revision": None, "owner": None, "epoch": 0, "config": None}
        answer = web.json_response({**empty, "sections": dict(SECTIONS), "spentConfirmations": []})
        if closing:
            answer.force_close()
        return answer

    app = web.Application()
    app.router.add_get("/v1/config", config)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_token_that_was_rotated_is_read_when_the_old_one_is_refused(monkeypatch):
    monkeypatch.setattr(module, "REFUSED_SECONDS", 0.0)
    fake, accepts = FakeApi(), {"old"}
    secret = paths.secret("voice", "token")
    fake.put(secret, a_secret(token="old"))
    async with fake.serving() as api, recorder_server(accepts) as url:
        spec = a_spec(endpoint=url, credentialsSecretRef={"name": "token"})
        recorder = ClusterRecorder(api, "voice", spec, lambda: True)
        await recorder.read()
        await recorder.read()
        assert len([one for one in fake.asked if one[1] == secret]) == 1, "not at every look"
        accepts.clear()
        accepts.add("new")
        with pytest.raises(Refused):
            await recorder.read()
        fake.put(secret, a_secret(token="new"))
        await recorder.read()
        fake.failing = 500  # what worked goes on working
        await recorder.read()
        await recorder.close()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [(404, Refused, "is not there"), (403, Refused, "grant the operator"), (500, Unreachable, "cannot be read now")],
)
async def test_what_cannot_be_read_is_named(status, error, said):
    fake = FakeApi()
    fake.failing = status
    async with fake.serving() as api:
        spec = a_spec(endpoint="http://127.0.0.1:1", credentialsSecretRef={"name": "token"})
        with pytest.raises(error, match=f"Secret voice/token.*{said}"):
            await ClusterRecorder(api, "voice", spec, lambda: True).read()


async def test_both_ends_show_certificates(tmp_path):
    authority = Authority(tmp_path)
    server, client, pem = authority.server("recorder"), authority.client("operator"), authority.file.read_text()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server.certificate, server.key)
    fake = FakeApi()
    fake.put(paths.secret("voice", "token"), a_secret(token="t"))
    fake.put(paths.config_map("voice", "ca"), {"kind": "ConfigMap", "data": {"ca.crt": pem}})
    certificate, key = client.certificate.read_text(), client.key.read_text()
    fake.put(paths.secret("voice", "client"), a_secret(tls_crt=certificate, tls_key=key))
    async with fake.serving() as api, recorder_server({"t"}, tls=context) as url:
        common = {"endpoint": url, "credentialsSecretRef": {"name": "token"}}
        trusting = {**common, "caRef": {"kind": "ConfigMap", "name": "ca"}}
        shows = {"clientCertificateRef": {"name": "client"}}
        await failing(api, a_spec(**common), Refused, "caRef")
        await failing(api, a_spec(**trusting), Unreachable, "cannot be reached")
        recorder = ClusterRecorder(api, "voice", a_spec(**trusting, **shows), lambda: True)
        await recorder.read()
        await recorder.close()
        fake.put(paths.secret("voice", "client"), a_secret(tls_crt="no", tls_key="certificate"))
        await failing(api, a_spec(**trusting, **shows), Refused, "PEM")


async def test_an_authority_that_was_replaced_in_its_config_map_is_read_when_the_old_one_does_not_fit(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "REFUSED_SECONDS", 0.0)
    old, new = NamedAuthority(), NamedAuthority()  # of the same name, as those of a renewal are
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    fake, place = FakeApi(), paths.config_map("voice", "ca")

    def signed_by(authority):
        authority.pair().write(tmp_path / "tls.crt", tmp_path / "tls.key")
        context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    def trust(*authorities):
        bundle = "".join(one.certificate.decode() for one in authorities)
        fake.put(place, {"kind": "ConfigMap", "data": {"ca.crt": bundle}})

    signed_by(old)
    trust(old)
    async with fake.serving() as api, recorder_server({"t"}, tls=context, closing=True) as url:
        fake.put(paths.secret("voice", "token"), a_secret(token="t"))
        spec = {
            "endpoint": url,
            "credentialsSecretRef": {"name": "token"},
            "caRef": {"kind": "ConfigMap", "name": "ca"},
        }
        recorder = ClusterRecorder(api, "voice", a_spec(**spec), lambda: True)
        await recorder.read()
        signed_by(new)
        with pytest.raises(Refused, match="caRef"):
            await recorder.read()
        for authorities in ((old, new), (new,)):
            trust(*authorities)
            await recorder.read()
        await recorder.close()


async def failing(api, spec, error, said):
    recorder = ClusterRecorder(api, "voice", spec, lambda: True)
    with pytest.raises(error, match=said):
        await recorder.read()
    await recorder.close()


async def test_who_does_not_lead_puts_nothing():
    envelope = Envelope(owner="o", epoch=1, config=RecorderConfig())
    fake = FakeApi()
    async with fake.serving() as api, recorder_server({"t"}) as url:
        recorder = ClusterRecorder(api, "voice", a_spec(endpoint=url), lambda: False)
        with pytest.raises(StaleEpoch):
            await recorder.put(envelope, if_match=None)
        await recorder.close()
    nowhere = NowhereRecorder(Reason.ENDPOINT_MISSING, "no endpoint")
    with pytest.raises(module.Unusable) as raised:
        await nowhere.read()
    assert raised.value.reason is Reason.ENDPOINT_MISSING
    assert raised.value.terminal


async def test_nothing_is_changed_in_a_namespace_that_goes_or_may_not_be_looked_at():
    key, fake = ObjectKey(kind="Recorder", namespace="voice", name="teams"), FakeApi()
    fake.put(paths.namespace("voice"), {"metadata": {"name": "voice"}})
    async with fake.serving() as api:
        await permit(api, key, lambda: True)()
        with pytest.raises(StaleEpoch):
            await permit(api, key, lambda: False)()
        fake.put(paths.namespace("voice"), {"metadata": {"name": "voice", "deletionTimestamp": "now"}})
        with pytest.raises(Withheld, match="being deleted"):
            await permit(api, key, lambda: True)()
        for status, error in {404: Withheld, 403: Refused, 500: Unreachable}.items():
            fake.failing = status
            with pytest.raises(error):
                await permit(api, key, lambda: True)()


async def test_a_recorder_that_answers_for_ever_is_left_when_its_time_is_over():
    with LyingRecorder(Lie.DRIPS) as recorder:
        async with HttpRecorder(recorder.url, lambda: None, total_seconds=0.5) as port:
            with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
                await port.read()
