"""The config in force and how it is replaced: ownership, fencing, preconditions, and what was spent.

One `Programming` per recorder. A put is validated outside the event loop, then taken one at a time: whose it is, for
which state it was written, whether it changes anything; it is on disk before it is in force, and in force in memory
before it is answered.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.compile import UsedConfirmation
from callkeeper.policy.config import AuditSection, RecorderConfig
from callkeeper.policy.config_json import canonical_bytes
from callkeeper.policy.config_json import revision as revision_of
from callkeeper.policy.retention_change import RetentionEffects
from callkeeper.policy.rules import Rules
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.config_store import ConfigStore, Pointer, Stored
from callkeeper.recorder.effects import Holds
from callkeeper.recorder.errors import Conflict, PreconditionFailed, Unknown

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A config with its envelope, as an owner sends it.

    Attributes:
        owner: `folder:…` or `cluster:…`, one per recorder.
        epoch: the owner's fencing epoch.
        take_over: whether the owner takes the recorder from another one.
        confirmations: spent with this config, when it changes anything.
        config: validated.
    """

    owner: str
    epoch: int
    take_over: bool
    confirmations: tuple[UsedConfirmation, ...]
    config: RecorderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """For which state a programme was written (RFC 9110, sections 13.1.1 and 13.1.2).

    Attributes:
        first: there is no config yet (`If-None-Match: *`).
        any: there is one, whichever (`If-Match: *`).
        revisions: it is one of these (`If-Match`).
    """

    first: bool = False
    any: bool = False
    revisions: tuple[str, ...] = ()

    def holds(self, revision: str | None) -> bool:
        """Whether this is the state it was written for."""
        if revision is None:
            return self.first
        return not self.first and (self.any or revision in self.revisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What was counted beforehand of what a programme takes away.

    Attributes:
        in_force: what it was counted against; another one makes it worthless.
        since: recordings that ended at this instant or later are not counted yet.
        holds: on which the count rests; others make it worthless.
        effects: of the rest.
    """

    in_force: Stored | None
    since: datetime
    holds: Holds
    effects: RetentionEffects


class Gate(Protocol):
    """Sees that nothing is taken away without a word; asked and told while nothing else can be put."""

    async def foresee(self, in_force: Stored | None, programme: Programme, *, now: datetime) -> Foreseen:
        """Do what takes long beforehand, while others act.

        Raises:
            StorageFault: it cannot be counted.
        """
        ...

    async def let_through(
        self, in_force: Stored | None, programme: Programme, foreseen: Foreseen, *, now: datetime
    ) -> None:
        """See that the programme's confirmations cover what it takes away, and keep what the rule in force promised.

        Raises:
            Conflict: something is taken away that is not confirmed.
            StorageFault: what it takes away cannot be counted.
        """
        ...

    async def came_into_force(self, before: Stored | None, after: Stored, *, actor: Actor, now: datetime) -> None:
        """Do what follows from the change; what fails here is made up for later."""
        ...


class Programming:
    """Holds the config in force.

    Raises:
        StorageFault: at the start, when what was kept cannot be read.
    """

    def __init__(self, store: ConfigStore, audit: AuditSink, clock: Clock, gate: Gate) -> None:
        self._store = store
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._stored = store.load()
        if self._stored is not None:
            Rules.of(self._stored.config)

    @property
    def stored(self) -> Stored | None:
        """What is in force, with its owner; None before the first config."""
        return self._stored

    @property
    def config(self) -> RecorderConfig | None:
        """The config in force; None before the first."""
        return None if self._stored is None else self._stored.config

    @property
    def revision(self) -> str | None:
        """The revision in force; None before the first config."""
        return None if self._stored is None else self._stored.pointer.revision

    @property
    def application_name(self) -> str:
        """Under which name audit rows are written."""
        return (AuditSection() if self.config is None else self.config.audit).application_name

    @asynccontextmanager
    async def steady(self) -> AsyncIterator[Stored | None]:
        """What is in force, and that it stays so inside: for what is done under a rule."""
        async with self._one_at_a_time:
            yield self._stored

    async def body(self, revision: str) -> bytes:
        """The canonical bytes of one of the configs kept.

        Raises:
            Unknown: it is not among them.
            StorageFault: it cannot be read.
        """
        kept = self._stored.pointer.history if self._stored else ()
        body = await asyncio.to_thread(self._store.body, revision) if revision in kept else None
        if body is None:
            raise Unknown(
                "unknown-revision",
                f"the recorder does not keep this revision (it keeps the last {bounds.CONFIG_HISTORY})",
                "GET /v1/config names the revision in force",
            )
        return body

    async def put(self, programme: Programme, precondition: Precondition, actor: Actor) -> tuple[str, bool]:
        """Put a config in force.

        Returns:
            The revision in force and whether the settings changed. The same settings again change nothing and are
            right whatever the precondition says (RFC 9110, section 13.1.1): an answer that got lost can be asked for
            again. Only a new owner or a higher epoch is written then.

        Raises:
            Conflict: another owner's recorder, a stale epoch, or it takes something away that is not confirmed.
            PreconditionFailed: another config is in force than the one this was written for.
            AuditFault: it takes over, and the row of that cannot be written.
            StorageFault: it cannot be kept; what was in force stays.
        """
        body, revision = await asyncio.to_thread(_rendered, programme.config)
        # Shielded: a request that is cancelled half way must not leave the disk ahead of the memory.
        changed = await asyncio.shield(self._put(programme, body, revision, precondition, actor))
        return revision, changed

    async def _put(
        self, programme: Programme, body: bytes, revision: str, precondition: Precondition, actor: Actor
    ) -> bool:
        foreseen = Foreseen(in_force=None, since=self._clock.now(), holds={}, effects=RetentionEffects())
        if not self._is_same(programme, revision, precondition):
            # Before its turn: a million recordings take seconds, in which holds are placed and recordings deleted.
            foreseen = await self._gate.foresee(self._stored, programme, now=self._clock.now())
        async with self._one_at_a_time:
            before = None if self._stored is None else self._stored.pointer
            same = self._is_same(programme, revision, precondition)
            if before is not None and same and (before.owner, before.epoch) == (programme.owner, programme.epoch):
                return False
            if not same:
                await self._gate.let_through(self._stored, programme, foreseen, now=self._clock.now())
            pointer = self._next(before, programme, revision, same=same)
            if before is not None and before.owner != programme.owner:
                await self._report_foreign(before, pointer, actor)
            await asyncio.to_thread(self._store.save, pointer, body)
            config = self._stored.config if self._stored and same else programme.config
            previous, self._stored = self._stored, Stored(pointer=pointer, body=body, config=config)
            if not same:
                await self._gate.came_into_force(previous, self._stored, actor=actor, now=pointer.programmed_at)
        log.info("config_programmed", revision=revision, owner=programme.owner, epoch=programme.epoch, changed=not same)
        return not same

    def _is_same(self, programme: Programme, revision: str, precondition: Precondition) -> bool:
        """Whether these are the settings in force; if they are not, they may be put now.

        Raises:
            Conflict, PreconditionFailed: as for `put`.
        """
        before = None if self._stored is None else self._stored.pointer
        fence(before, programme)
        same = before is not None and before.revision == revision
        if not same and not precondition.holds(before.revision if before else None):
            raise _written_for_another(before)
        return same

    def _next(self, before: Pointer | None, programme: Programme, revision: str, *, same: bool) -> Pointer:
        spent = before.spent if before else ()
        history = before.history if before else ()
        if not same:
            spent = _spend(spent, programme.confirmations)
            history = (revision, *(kept for kept in history if kept != revision))[: bounds.CONFIG_HISTORY]
        return Pointer(
            revision=revision,
            owner=programme.owner,
            epoch=programme.epoch,
            programmed_at=before.programmed_at if before and same else self._clock.now(),
            spent=spent,
            history=history,
        )

    async def _report_foreign(self, before: Pointer, after: Pointer, actor: Actor) -> None:
        details = {"owner": after.owner, "from": before.owner, "revision": after.revision}
        await self._audit.emit(Action.FOREIGN_CONFIG, at=self._clock.now(), actor=actor, details=details)


def fence(before: Pointer | None, programme: Programme) -> None:
    """See that this programme may replace what is in force.

    Raises:
        Conflict: another owner without taking over, or a lower epoch than the one in force, whoever's it is.
    """
    if before is None:
        return
    members = {"owner": before.owner, "epoch": before.epoch}
    if before.owner != programme.owner and not programme.take_over:
        raise Conflict(
            "owner-conflict",
            f"this recorder is programmed by {before.owner}, not by {programme.owner}",
            "stop that owner, or program with takeOver (--take-over) and an epoch of at least the one in force",
            members,
        )
    if programme.epoch < before.epoch:
        raise Conflict(
            "stale-epoch",
            f"epoch {programme.epoch} is older than epoch {before.epoch} in force",
            "a newer instance of this owner is at work: end this one, or take over with a higher epoch",
            members,
        )


def _written_for_another(before: Pointer | None) -> PreconditionFailed:
    if before is None:
        return PreconditionFailed(
            "revision-mismatch", "no config is in force yet", "send If-None-Match: *", {"revision": None}
        )
    return PreconditionFailed(
        "revision-mismatch",
        f"revision {before.revision} is in force, not the one this config was written for",
        "GET /v1/config, compile anew, and send its revision in If-Match",
        {"revision": before.revision},
    )


def _spend(spent: tuple[str, ...], confirmations: Sequence[UsedConfirmation]) -> tuple[str, ...]:
    digests = [confirmation.spent_key for confirmation in confirmations]
    return tuple(dict.fromkeys((*spent, *digests)))[-bounds.SPENT_CONFIRMATIONS :]


def _rendered(config: RecorderConfig) -> tuple[bytes, str]:
    """Everything that takes time with a large config, matchers included: no call waits for it after the swap."""
    Rules.of(config)
    return canonical_bytes(config), revision_of(config)
