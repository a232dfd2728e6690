"""Certificates that live for seconds, on the real API server: two replicas, one Secret, and no write that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from aiohttp import web
from tests.cluster.api import apply, path_of
from tests.cluster.control_plane import Access
from tests.cluster.kubectl import Kubectl
from tests.operator.admission.webhook_process import configuration_of
from tests.operator.cluster_objects import a_blacklist

from callkeeper.operator.access import from_kubeconfig
from callkeeper.operator.admission.review import Verdict, answer, read_review
from callkeeper.operator.api import KubeApi
from callkeeper.operator.certificates.authority import Lifetimes, make_authority, make_leaf
from callkeeper.operator.certificates.bundle import path_of as configuration_path
from callkeeper.operator.certificates.given import GivenFiles
from callkeeper.operator.certificates.keeping import SelfManaged
from callkeeper.operator.certificates.kept import CertificateSecret
from callkeeper.operator.certificates.served import CertificateUnusable, ServedCertificate


class Answering:
    """A webhook that says who it is, with a new connection for every question."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.served = ServedCertificate()
        self.questions = 0

    async def admit(self, request: web.Request) -> web.Response:
        self.questions += 1
        review = read_review(await request.read())
        response = web.json_response(answer(review.uid, Verdict(warnings=(self.name,))))
        response.force_close()
        return response

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.add_routes([web.post("/v1/admit", self.admit)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.served.context).start()
        try:
            yield f"https://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


SHORT = (Lifetimes(authority=timedelta(seconds=14), leaf=timedelta(seconds=5), settling=timedelta(seconds=1)), 15.0)
MINUTE = (Lifetimes(authority=timedelta(minutes=3), leaf=timedelta(minutes=1), settling=timedelta(seconds=5)), 300.0)


@pytest.mark.parametrize(
    ("lifetimes", "seconds"),
    [SHORT, pytest.param(*MINUTE, marks=[pytest.mark.faults, pytest.mark.timeout(600)])],
    ids=["seconds", "a minute"],
)
async def test_the_api_server_trusts_every_leaf_while_all_are_renewed(
    control_plane: Access, kubectl: Kubectl, api: httpx.Client, namespace: str, lifetimes: Lifetimes, seconds: float
):
    name = f"renewal-{namespace}"
    kube = KubeApi(from_kubeconfig(control_plane.kubeconfig))
    one, two = Answering("one"), Answering("two")
    leaves, authorities = set(), set()
    async with one.listening() as url:
        keepers = [keeper(kube, replica, namespace, name, lifetimes) for replica in (one, two)]
        document = configuration_of(name, namespace, url)
        document["webhooks"][0]["failurePolicy"] = "Fail"
        await asyncio.to_thread(kubectl.apply, document)
        tasks = [asyncio.create_task(own.run()) for own in keepers]
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(own.ready.wait() for own in keepers))
                while await write(api, namespace) != 200:  # noqa: ASYNC110 - the API server is asked, it tells nobody
                    await asyncio.sleep(0.1)
            ends = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < ends:
                assert await write(api, namespace) == 200
                leaves.add(keepers[0]._leaf)
                held = await CertificateSecret(kube, namespace, "certificates").read()
                assert held is not None
                authorities.add(held.authority.certificate)
                await asyncio.sleep(0.2)
            assert keepers[0]._leaf == keepers[1]._leaf or two.served.changes > 1
            assert one.served.ends is not None
            # Somebody applies the manifest again, which has no caBundle.
            await kube.json_patch(
                configuration_path(name), [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
            )
            await keepers[0].look()
            found = await kube.get(configuration_path(name))
            assert found["webhooks"][0]["clientConfig"]["caBundle"]
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            kubectl.run("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")
            await kube.close()
    assert len(leaves) >= 3
    assert len(authorities) >= 2


def keeper(kube: KubeApi, replica: Answering, namespace: str, name: str, lifetimes: Lifetimes) -> SelfManaged:
    secret = CertificateSecret(kube, namespace, "certificates")
    return SelfManaged(kube, secret, replica.served, configuration=name, names=("127.0.0.1",), lifetimes=lifetimes)


async def write(api: httpx.Client, namespace: str) -> int:
    """A dry run, which the API server asks about too."""
    path = path_of("blacklists", namespace, "never")
    answered = await asyncio.to_thread(apply, api, path, a_blacklist("112"), dry_run=True)
    return 200 if answered.is_success else answered.status_code


def test_files_are_served_again_when_they_change_and_broken_ones_leave_what_was(tmp_path):
    now = datetime.now(UTC)
    authority = make_authority(timedelta(days=1), now=now)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    served = ServedCertificate()
    files = GivenFiles(served, certificate, key)
    with pytest.raises(CertificateUnusable, match="cannot be read"):
        files.look()
    for hours in (1, 2):
        leaf = make_leaf(authority, ("127.0.0.1",), timedelta(hours=hours), now=now)
        certificate.write_bytes(leaf.certificate)
        if hours == 2:
            with pytest.raises(CertificateUnusable, match="cannot be served"):
                files.look()  # between the two files
        key.write_bytes(leaf.key)
        files.look()
        files.look()
    assert served.changes == 2
    assert served.ends == (now + timedelta(hours=2)).replace(microsecond=0)
