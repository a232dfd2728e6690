"""A recorder, a ledger store and an audit store in memory, and objects made from short words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.audit.documented import assert_documented

from callkeeper.audit.errors import StoreFailed
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading, read_object
from callkeeper.policy.compilation.carried import unconfirmed
from callkeeper.policy.compilation.removals import removed_patterns
from callkeeper.policy.compile import Effects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import SECTIONS, revision
from callkeeper.reconcile.attribution import Unattributed
from callkeeper.reconcile.errors import Mismatch, OwnerConflict, StaleEpoch, Unconfirmed, Unreachable
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.port import Envelope, RecorderState
from callkeeper.reconcile.reconciler import Reconciler

RECORDER = ObjectKey(kind="Recorder", namespace="default", name="teams")


class Cut(Exception):  # noqa: N818 - an end of the process, not an error of it
    """The process dies here."""


@dataclass
class FakeRecorder:
    """Keeps the contract of `RecorderPort` in memory."""

    state: RecorderState = field(default_factory=lambda: RecorderState(sections=dict(SECTIONS)))
    effects: Effects = field(default_factory=Effects)
    bodies: dict[str, RecorderConfig] = field(default_factory=dict)
    puts: int = 0
    asked: list[Envelope] = field(default_factory=list)
    down: bool = False
    serves: RecorderConfig | None = None
    before_put: Any = None
    counts: Callable[[RecorderConfig | None, RecorderConfig], Effects] | None = None
    """Counts what a change takes away; with it the recorder has a gate of its own, as the real one."""
    own_puts: list[RecorderConfig] = field(default_factory=list)

    async def read(self) -> RecorderState:
        self._up()
        return self.state

    async def runs(self, state: RecorderState) -> bool:
        self._up()
        return self.state.revision == state.revision

    async def check(self, envelope: Envelope) -> Effects:
        self._up()
        self.asked.append(envelope)
        if self.counts is not None:
            return replace(self.counts(self.state.config, envelope.config), spent=self.state.spent)
        return self.effects

    async def put(self, envelope: Envelope, *, if_match: str | None) -> str:
        self._up()
        if self.before_put is not None:
            act, self.before_put = self.before_put, None
            act()
        state = self.state
        if state.owner is not None and state.owner != envelope.owner and not envelope.take_over:
            raise OwnerConflict(f"programmed by {state.owner}")
        if envelope.epoch < state.epoch:
            raise StaleEpoch("a newer instance")
        wanted = revision(envelope.config)
        if state.revision not in (if_match, wanted):
            raise Mismatch("another revision")
        if wanted != state.revision:
            self._gate(envelope)
        self.puts += 1
        self.own_puts.append(envelope.config)
        self.run(self.serves or envelope.config, owner=envelope.owner, epoch=envelope.epoch)
        self.state = replace(self.state, spent=state.spent | {one.spent_key for one in envelope.confirmations})
        return wanted

    def _gate(self, envelope: Envelope) -> None:
        if self.counts is None:
            return
        before = self.state.config
        missing = unconfirmed(
            before,
            envelope.config,
            effects=replace(self.counts(before, envelope.config), spent=self.state.spent),
            confirmations=envelope.confirmations,
            removed=len(removed_patterns(before or RecorderConfig(), envelope.config)),
        )
        if missing:
            raise Unconfirmed(missing[0].message)

    async def body(self, wanted: str) -> RecorderConfig | None:
        self._up()
        return self.bodies.get(wanted)

    def run(self, config: RecorderConfig, *, owner: str, epoch: int = 1) -> None:
        """Put a config in force past every rule: what somebody else did."""
        self.bodies[revision(config)] = config
        self.state = replace(self.state, revision=revision(config), owner=owner, epoch=epoch, config=config)

    def _up(self) -> None:
        if self.down:
            raise Unreachable("it is down")


@dataclass
class MemoryLedger:
    """Keeps a ledger; may die before or after a save."""

    ledger: Ledger = field(default_factory=lambda: Ledger(owner="folder:test", sender="reconcile-test"))
    saves: int = 0
    failing: bool = False

    async def load(self) -> Ledger:
        return self.ledger

    async def save(self, ledger: Ledger) -> None:
        if self.failing:
            raise OSError(28, "No space left on device")
        self.saves += 1
        self.ledger = ledger


@dataclass
class MemoryAudit:
    """Drops repeats by the sender's high-water mark, as the store does."""

    events: list[AuditEvent] = field(default_factory=list)
    failing: bool = False

    async def append(self, events: Sequence[AuditEvent]) -> None:
        if self.failing:
            raise StoreFailed("the disk is full")
        for event in events:
            assert_documented(event.action, event.details)
        mark = max((event.sequence for event in self.events), default=0)
        self.events += [event for event in events if event.sequence > mark]

    @property
    def actions(self) -> list[str]:
        return [event.action.value for event in self.events]


class FakeClock:
    """A minute later at every look."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.instant += timedelta(minutes=1)
        return self.instant


@dataclass
class World:
    """Everything a reconcile touches."""

    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    ledgers: MemoryLedger = field(default_factory=MemoryLedger)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    clock: FakeClock = field(default_factory=FakeClock)
    attribution: Any = field(default_factory=Unattributed)

    def reconciler(self, **more: Any) -> Reconciler:
        parts: dict[str, Any] = {
            "recorder": RECORDER,
            "port": self.recorder,
            "ledgers": self.ledgers,
            "audit": self.audit,
            "attribution": self.attribution,
            "clock": self.clock,
            "show": str,
        }
        return Reconciler(**{**parts, **more})


def an_object(kind: str, name: str = "default", *, spec: Mapping[str, Any], **metadata: Any) -> ObjectReading:
    reference = {} if kind == "Recorder" else {"recorderRef": {"name": "teams"}}
    return read_object(
        {
            "apiVersion": "callkeeper.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, **metadata},
            "spec": {**reference, **spec},
        }
    )


def the_recorder(**spec: Any) -> ObjectReading:
    return an_object("Recorder", "teams", spec=spec)


def a_blacklist(*patterns: str, name: str = "numbers", **metadata: Any) -> ObjectReading:
    return an_object("Blacklist", name, spec={"numbers": [{"pattern": one} for one in patterns]}, **metadata)


def a_policy(**spec: Any) -> ObjectReading:
    return an_object("RecordingPolicy", spec=spec)
