"""The ledger in the cluster: whole, fenced by versions, with epochs that only grow."""

import pytest
from tests.operator.fake_api import FakeApi

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator import paths
from callkeeper.operator.lease import Term
from callkeeper.operator.ledger_object import ClusterLedger, ledger_name, sweep
from callkeeper.operator.registry import Registry
from callkeeper.reconcile.ledger import Ledger

RECORDER = ObjectKey(kind="Recorder", namespace="voice", name="teams")
PATH = paths.config_map("callkeeper", ledger_name("u1"))


def a_ledger(api, term, known=(None, 0)):
    return ClusterLedger(api, "callkeeper", RECORDER, "u1", owner="cluster:c/u1", term=lambda: term, known=known)


def a_term(epoch, *, fence=1, lease="lease-1"):
    return Term(epoch=epoch, fence=fence, lease=lease)


@pytest.fixture
async def fake():
    made = FakeApi()
    async with made.serving() as api:
        made.api = api
        yield made


async def saved(fake, term, **fields):
    ledger = a_ledger(fake.api, term)
    before = await ledger.load()
    await ledger.save(Ledger(owner=before.owner, sender=before.sender, **{"epoch": before.epoch, **fields}))
    return before


async def test_it_comes_back_as_it_was_saved_under_the_epoch_of_the_present_term(fake):
    before = await saved(fake, a_term(3), revision="a" * 64, sequence=7)
    found = await a_ledger(fake.api, a_term(5, fence=4)).load()
    assert (found.sender, found.revision, found.sequence) == (before.sender, "a" * 64, 7)
    assert (found.epoch, found.fence) == (5, 4)
    assert "config" not in str(fake.objects[PATH]["binaryData"])


async def test_a_replica_that_does_not_lead_any_more_cannot_write_over_its_successor(fake):
    first = a_ledger(fake.api, a_term(1))
    ledger = await first.load()
    await first.save(ledger)
    await saved(fake, a_term(2), revision="b" * 64)
    with pytest.raises(OSError, match="409"):
        await first.save(ledger)
    assert (await first.load()).revision == "b" * 64, "it reads again what is there now"
    lost = a_ledger(fake.api, None)
    with pytest.raises(OSError, match="does not lead"):
        await lost.load()


async def test_an_epoch_only_grows_whoever_counts(fake):
    await saved(fake, a_term(3), epoch=91)  # taken from an owner with epoch 90
    assert (await a_ledger(fake.api, a_term(4)).load()).epoch == 92
    anew = await a_ledger(fake.api, a_term(1, lease="lease-2")).load()  # the Lease was deleted
    assert anew.epoch == 92
    assert anew.fence == 92, "and the recorder is told"
    lost = await ClusterLedger(
        fake.api, "callkeeper", RECORDER, "u2", owner="o", term=lambda: a_term(1), known=("c" * 64, 40)
    ).load()
    assert (lost.epoch, lost.revision) == (40, "c" * 64), "a lost one is helped by the Recorder's status"


async def test_what_is_no_ledger_is_named(fake):
    await saved(fake, a_term(1))
    fake.objects[PATH]["binaryData"]["ledger"] = "AAAA"
    with pytest.raises(OSError, match=r"ConfigMap callkeeper/callkeeper-ledger-u1 does not hold"):
        await a_ledger(fake.api, a_term(1)).load()


async def test_what_recorders_that_are_gone_left_behind_is_swept(fake):
    await saved(fake, a_term(1))
    fake.objects[PATH]["metadata"]["annotations"]["callkeeper.dev/recorder"] = "voice/teams"
    registry = Registry()
    document = {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Recorder",
        "metadata": {"name": "teams", "namespace": "voice", "uid": "u1", "resourceVersion": "1"},
        "spec": {},
    }
    registry.observe(document)
    assert await sweep(fake.api, "callkeeper", registry, ()) == 0
    registry.gone(RECORDER, 2, listed=True)
    assert await sweep(fake.api, "callkeeper", registry, ("elsewhere",)) == 0
    assert await sweep(fake.api, "callkeeper", registry, ()) == 1
