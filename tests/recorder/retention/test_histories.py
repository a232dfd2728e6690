"""Random histories of recordings, holds, rules, time, deletions and restarts: nothing protected ever goes.

The model below does its own arithmetic: it shares nothing with the code but the words of the rule. After every step it
is told which recordings have gone, and each has to be explained by the rule in force at that moment.
"""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.recorder.recordings.kept import all_kept, recorded, ruled, sent
from tests.recorder.stage import Stage, stage

from callkeeper.audit.actions import Action
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.retention import Tombstone

DAY = timedelta(days=1)
SPANS = {
    "forever": None,
    "unlimited": None,
    "disabled": timedelta(0),
    "none": timedelta(0),
    "1h": timedelta(hours=1),
    "12h": timedelta(hours=12),
    "1d": DAY,
    "2d": 2 * DAY,
    "30d": 30 * DAY,
}
USERS = {"user:ada": "ada", "user:bob": "bob"}
RETENTIONS = ["forever", "1h", "12h", "2d", "30d"]
MINIMUMS = {"forever": ["none", "12h", "2d"], "1h": ["none"], "12h": ["none", "12h"], "2d": ["none", "12h", "2d"]}
TOKENS = ["user:ada", "user:bob", "supervisor:sue", "administrator", "administrator", "auditor"]
CONVERSATIONS = ["c-0", "c-0", "c-1"]


@dataclass
class Call:
    """A recording as the model knows it."""

    user: str
    conversation: str
    ended: datetime
    promised: datetime
    erasing: bool = False


@dataclass
class Model:
    """What should be."""

    calls: dict[str, Call] = field(default_factory=dict)
    holds: dict[str, tuple[str, str, datetime | None]] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    retention: str = "forever"
    extra: str = "disabled"
    minimum: str = "none"

    def change(self, retention: str, extra: str, minimum: str, now: datetime) -> None:
        """Another rule came into force."""
        self.promise()
        self.retention, self.extra, self.minimum = retention, extra, minimum
        self.promise()
        if extra == "disabled":
            for name, (conversation, owner, released) in self.holds.items():
                self.holds[name] = (conversation, owner, released or now)

    def promise(self) -> None:
        """What the rule in force promises to those that have ended is never taken back."""
        span = SPANS[self.minimum]
        assert span is not None
        for call in self.calls.values():
            call.promised = max(call.promised, call.ended + span)

    def held(self, call: Call) -> bool:
        """Whether a hold on its conversation is not released."""
        return any(on == call.conversation and released is None for on, _, released in self.holds.values())

    def deletable(self, call: Call, now: datetime) -> bool:
        """Whether nothing protects it."""
        return not self.held(call) and now >= call.promised

    def expired(self, call: Call, now: datetime) -> bool:
        """Whether its time is over under the rule in force."""
        retention, extra = SPANS[self.retention], SPANS[self.extra]
        if retention is None or now < call.promised or now < call.ended + retention:
            return False
        if self.held(call) and (extra is None or now < call.ended + retention + extra):
            return False
        releases = [released for on, _, released in self.holds.values() if on == call.conversation and released]
        return all(now >= released + DAY for released in releases)


def _tombstone(name: str, rows: Reading) -> Tombstone | None:
    return rows.tombstone(name)


class Histories(RuleBasedStateMachine):
    """The recorder beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.model = Model()
        self.number = 0
        self.has_moved = False
        """Whether anything was done since the last start, or time has passed."""
        self.stage: Stage

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def ask(self, token: str, method: str, path: str, **more: Any) -> Any:
        self.has_moved = True
        return self.run(self.stage.ask(token, method, path, **more))

    def teardown(self) -> None:
        self.run(self.stage.recorder.parts.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @property
    def now(self) -> datetime:
        return self.stage.clock.now()

    @initialize(retention=st.sampled_from(RETENTIONS), extra=st.sampled_from(["1d", "unlimited"]))
    def begin(self, retention: str, extra: str) -> None:
        async def raised() -> Stage:
            return stage(self.folder)

        self.stage = self.run(raised())
        self.run(self.stage.program(ruled(retention, extra)))
        self.model.change(retention, extra, "none", self.now)

    @rule(user=st.sampled_from(["ada", "bob"]), conversation=st.sampled_from(CONVERSATIONS))
    def record(self, user: str, conversation: str) -> None:
        self.number += 1
        self.has_moved = True
        called = {"user": user}
        doing = recorded(self.stage, f"n-{self.number}", seconds=0, called=called, conversation=conversation)
        name = self.run(doing)
        self.model.calls[name] = Call(user=user, conversation=conversation, ended=self.now, promised=self.now)
        self.model.promise()

    @rule(hours=st.sampled_from([0.5, 1, 11, 12, 24, 25, 48, 24 * 31]), sweeping=st.sampled_from([True, True, False]))
    def wait(self, hours: float, sweeping: bool) -> None:
        self.stage.clock.forward(hours * 3600)
        self.has_moved = True
        if sweeping:
            self.sweep()

    @rule(
        retention=st.sampled_from(RETENTIONS),
        extra=st.sampled_from(["disabled", "1d", "30d", "unlimited"]),
        minimum=st.integers(0, 2),
    )
    def change(self, retention: str, extra: str, minimum: int) -> None:
        words = MINIMUMS.get(retention, MINIMUMS["2d"])
        wanted = ruled(retention, extra, words[min(minimum, len(words) - 1)])
        self.has_moved = True
        answer = self.run(self.stage.put(wanted))
        if answer.status_code == 409:
            given = [{"object": one["object"], "text": one["text"]} for one in answer.json()["confirmations"]]
            answer = self.run(self.stage.put(wanted, confirmations=given))
            if answer.status_code == 409:
                # The very same change was confirmed before, and each word is good for one.
                assert "used for an earlier change" in answer.json()["detail"]
                return
        assert answer.status_code == 200, answer.text
        self.model.change(retention, extra, wanted.retention.minimum_retention, self.now)

    @rule(conversation=st.sampled_from(CONVERSATIONS), token=st.sampled_from(TOKENS))
    def hold(self, conversation: str, token: str) -> None:
        answer = self.ask(token, "POST", f"/v1/conversations/{conversation}/holds", json={"reason": "case"})
        if answer.status_code == 201:
            assert self.model.extra != "disabled"
            self.model.holds[answer.json()["id"]] = (conversation, token, None)

    @precondition(lambda self: self.model.holds)
    @rule(which=st.integers(0, 9), token=st.sampled_from(TOKENS))
    def release(self, which: int, token: str) -> None:
        name = list(self.model.holds)[which % len(self.model.holds)]
        conversation, owner, released = self.model.holds[name]
        answer = self.ask(token, "POST", f"/v1/conversations/{conversation}/holds/{name}:release")
        if answer.status_code == 200:
            assert token in {owner, "administrator"}
            self.model.holds[name] = (conversation, owner, released or self.now)
        else:
            assert token not in {owner, "administrator"}

    @precondition(lambda self: self.model.calls)
    @rule(which=st.integers(0, 9), token=st.sampled_from(TOKENS), verb=st.sampled_from(["delete", "erase"]))
    def remove(self, which: int, token: str, verb: str) -> None:
        name = list(self.model.calls)[which % len(self.model.calls)]
        call = self.model.calls[name]
        if verb == "delete":
            answer = self.ask(token, "DELETE", f"/v1/recordings/{name}")
        else:
            answer = self.ask(token, "POST", f"/v1/recordings/{name}:erase", json={"reason": "request"})
        mine = token == "administrator" or USERS.get(token) == call.user
        if not mine:
            assert answer.status_code in {403, 404}
        elif verb == "delete":
            assert answer.status_code == (204 if self.model.deletable(call, self.now) else 409)
        elif not call.erasing:
            assert answer.status_code == (200 if self.model.deletable(call, self.now) else 202)
            call.erasing = True
        self.look({"delete": "deleted", "erase": "erased"}[verb] if mine else None)

    @rule()
    def sweep(self) -> None:
        found = self.run(self.stage.recorder.sweeper.once())
        assert found.halted is None
        self.look("expired", "erased")
        for name, call in self.model.calls.items():
            assert not self.model.expired(call, self.now), name
            assert not (call.erasing and self.model.deletable(call, self.now)), name

    @precondition(lambda self: self.has_moved)
    @rule()
    def restart(self) -> None:
        async def again() -> Stage:
            return stage(self.folder)

        before = self.now
        self.stage = self.run(again())
        self.stage.clock.instant = before
        if self.run(self.stage.recorder.sweeper.once()).halted is not None:
            assert self.ask("administrator", "POST", "/v1/retention:accept-clock").status_code == 200
        self.look("expired", "erased")
        self.has_moved = False

    def look(self, *allowed: str | None) -> None:
        """See what has gone, and that it is explained."""
        there = {one.id for one in self.run(all_kept(self.stage))}
        assert there <= self.model.calls.keys()
        for name in self.model.calls.keys() - there:
            call = self.model.calls.pop(name)
            store = self.stage.recorder.parts.store
            tombstone = self.run(store.read(partial(_tombstone, name)))
            assert tombstone.why in allowed
            assert tombstone.removed == self.now
            assert tombstone.revision == self.stage.recorder.programming.revision
            assert f"retention={self.model.retention} extraRetention={self.model.extra}" in tombstone.rule
            if tombstone.why == "expired":
                assert self.model.expired(call, self.now)
            else:
                assert self.model.deletable(call, self.now)
            self.model.gone[name] = tombstone.why
        words = {
            "expired": Action.EXPIRE_RECORDING,
            "deleted": Action.DELETE_RECORDING,
            "erased": Action.EXECUTE_ERASURE,
        }
        rows = [(event.action, event.details["recording"]) for event in self.run(sent(self.stage, *words.values()))]
        assert len(rows) == len(set(rows))
        assert {(words[why], name) for name, why in self.model.gone.items()} <= set(rows)
        assert {name for _, name in rows} == self.model.gone.keys()


TestHistories = pytest.mark.timeout(300)(Histories.TestCase)
TestHistories.settings = settings(
    max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
