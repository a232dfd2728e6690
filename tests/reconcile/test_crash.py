"""The process dies at any point of a reconcile; after the next start every change has its rows exactly once."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.reconcile.fakes import Cut, World, a_blacklist, a_policy, an_object, the_recorder

BEFORE = [the_recorder(), a_blacklist("112", "113"), a_policy()]
AFTER = [
    the_recorder(),
    a_blacklist("112", "114"),
    a_policy(defaultMode="AlwaysOn"),
    an_object("UserPolicy", "sales", spec={"overrides": [{"user": "ada", "mode": "AlwaysOn"}]}),
]
LATER = [the_recorder(), a_blacklist("115"), a_policy(defaultMode="AlwaysOn")]
STEPS = 2 * 6
"""Six things are done (read, save, put, read back, append, save), and the process may die before or after each."""


class Cutting:
    """Counts the steps of everything and dies at one of them."""

    def __init__(self, world: World, at: int) -> None:
        self.steps = 0
        self.at = at
        for target, names in (
            (world.recorder, ("read", "put")),
            (world.ledgers, ("save",)),
            (world.audit, ("append",)),
        ):
            for name in names:
                setattr(target, name, self.cut(getattr(target, name)))
        self.world = world

    def cut(self, do: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*arguments: Any, **named: Any) -> Any:
            self.count()
            answer = await do(*arguments, **named)
            self.count()
            return answer

        return step

    def count(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Cut

    def heal(self) -> None:
        self.at = 0


def told(world: World) -> list[tuple[str, str | None, Any]]:
    return [(event.action.value, event.details.get("object"), event.details.get("to")) for event in world.audit.events]


async def undisturbed() -> list[tuple[str, str | None, Any]]:
    world = World()
    await world.reconciler().reconcile(BEFORE, {})
    await world.reconciler().reconcile(AFTER, {})
    return told(world)


@pytest.mark.parametrize("at", range(1, STEPS + 1))
async def test_dying_at_any_step_leaves_every_row_once(at):
    world = World()
    await world.reconciler().reconcile(BEFORE, {})
    cutting = Cutting(world, at)
    with pytest.raises(Cut):
        await world.reconciler().reconcile(AFTER, {})
    cutting.heal()
    outcome = await world.reconciler().reconcile(AFTER, {})
    assert outcome.failure is None
    assert told(world) == await undisturbed()
    sequences = [event.sequence for event in world.audit.events]
    assert sequences == sorted(set(sequences))


async def test_there_are_no_more_steps_than_are_cut():
    world = World()
    await world.reconciler().reconcile(BEFORE, {})
    cutting = Cutting(world, 0)
    await world.reconciler().reconcile(AFTER, {})
    assert cutting.steps == STEPS


@pytest.mark.parametrize("at", range(1, STEPS + 1))
async def test_a_change_on_top_of_a_death_is_told_too_and_no_change_is_lost(at):
    world = World()
    await world.reconciler().reconcile(BEFORE, {})
    cutting = Cutting(world, at)
    with pytest.raises(Cut):
        await world.reconciler().reconcile(AFTER, {})
    cutting.heal()
    outcome = await world.reconciler().reconcile(LATER, {})
    assert outcome.failure is None
    assert not any("Drift" in event.action.value for event in world.audit.events)
    in_force = [event.details.get("revision") for event in world.audit.events]
    assert world.ledgers.ledger.revision == in_force[-1] == world.recorder.state.revision
    # Whatever was in force between is told of: each revision follows on the one before.
    chain = list(
        dict.fromkeys(
            (event.details.get("previousRevision"), event.details["revision"]) for event in world.audit.events
        )
    )
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(chain))
