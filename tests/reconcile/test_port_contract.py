"""What reconciling relies on of a recorder, held against the fake and against the real one over HTTP."""

from collections.abc import Callable

import pytest
from tests.reconcile.fakes import FakeRecorder

from callkeeper.policy.compile import UsedConfirmation
from callkeeper.policy.config import BlacklistEntry, PolicySection, RecorderConfig
from callkeeper.policy.config_json import SECTIONS, revision
from callkeeper.reconcile.errors import Mismatch, OwnerConflict, Refused, StaleEpoch
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope, RecorderPort

FIRST = RecorderConfig(blacklist=(BlacklistEntry(pattern="112", object="Blacklist/default/numbers", entry="112"),))
SECOND = RecorderConfig(policy=PolicySection(always_on_limit_percent=60))


@pytest.fixture(params=["fake", "real"])
def port(request: pytest.FixtureRequest) -> RecorderPort:
    if request.param == "fake":
        return FakeRecorder()
    made: HttpRecorder = request.getfixturevalue("served")()
    return made


def envelope(config: RecorderConfig, owner: str = "folder:one", epoch: int = 1, **more: object) -> Envelope:
    return Envelope(owner=owner, epoch=epoch, config=config, **more)


async def test_a_new_recorder_runs_nothing_and_names_its_sections(port):
    state = await port.read()
    assert (state.revision, state.owner, state.config) == (None, None, None)
    assert state.sections == dict(SECTIONS)


async def test_what_was_put_is_served(port):
    assert await port.put(envelope(FIRST), if_match=None) == revision(FIRST)
    state = await port.read()
    assert (state.revision, state.owner, state.epoch, state.config) == (revision(FIRST), "folder:one", 1, FIRST)


async def test_a_put_for_another_state_is_a_mismatch(port):
    await port.put(envelope(FIRST), if_match=None)
    with pytest.raises(Mismatch):
        await port.put(envelope(SECOND), if_match=None)
    with pytest.raises(Mismatch):
        await port.put(envelope(SECOND), if_match=revision(SECOND))
    assert (await port.read()).config == FIRST


async def test_the_same_config_again_is_always_right(port):
    await port.put(envelope(FIRST), if_match=None)
    assert await port.put(envelope(FIRST), if_match=None) == revision(FIRST)


async def test_another_owner_needs_to_take_over(port):
    await port.put(envelope(FIRST), if_match=None)
    with pytest.raises(OwnerConflict):
        await port.put(envelope(SECOND, owner="folder:two"), if_match=revision(FIRST))
    await port.put(envelope(SECOND, owner="folder:two", epoch=2, take_over=True), if_match=revision(FIRST))
    assert (await port.read()).owner == "folder:two"


async def test_a_lower_epoch_is_stale(port):
    await port.put(envelope(FIRST, epoch=5), if_match=None)
    with pytest.raises(StaleEpoch):
        await port.put(envelope(SECOND, epoch=4), if_match=revision(FIRST))


async def test_an_earlier_body_is_kept(port):
    await port.put(envelope(FIRST), if_match=None)
    await port.put(envelope(SECOND), if_match=revision(FIRST))
    assert await port.body(revision(FIRST)) == FIRST
    assert await port.body("0" * 64) is None


async def test_a_check_changes_nothing(port):
    await port.put(envelope(FIRST), if_match=None)
    effects = await port.check(envelope(SECOND))
    assert (effects.shortens, effects.deletes, effects.holds) == (0, 0, 0)
    assert (await port.read()).revision == revision(FIRST)


async def test_a_confirmation_is_spent_under_the_key_that_compile_looks_for(port):
    used = UsedConfirmation(object="Blacklist/default/numbers", text="removes<=20")
    await port.put(envelope(FIRST), if_match=None)
    await port.put(envelope(SECOND, confirmations=(used,)), if_match=revision(FIRST))
    assert used.spent_key in (await port.read()).spent


async def test_a_token_that_may_not_put_is_refused(served: Callable[..., HttpRecorder]):
    with pytest.raises(Refused):
        await served("not-a-token").read()


async def test_whether_it_still_runs_a_state_is_told(port):
    empty = await port.read()
    assert await port.runs(empty)
    await port.put(envelope(FIRST), if_match=None)
    assert not await port.runs(empty)
    state = await port.read()
    assert await port.runs(state)
    await port.put(envelope(SECOND), if_match=revision(FIRST))
    assert not await port.runs(state)
