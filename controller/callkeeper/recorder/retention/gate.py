"""The gate of the settings, in the recorder itself: nothing is taken away without the word for it, whoever asks.

It counts what a candidate takes away while nothing else can be put and the sweeper rests (`Programming.steady`), so the
numbers are those of the moment the config comes into force.
"""

from datetime import datetime

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.compilation.carried import Unconfirmed, counts_recordings, unconfirmed
from callkeeper.policy.compile import Effects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.retention import RetentionTerms, grown_minimum
from callkeeper.policy.retention_change import RetentionEffects
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.config_store import Stored
from callkeeper.recorder.effects import on_recordings, removed_blacklist_entries
from callkeeper.recorder.errors import Conflict, StorageFault
from callkeeper.recorder.programming import Programme
from callkeeper.recorder.retention.holds import release_unprotected
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.values import Event

log = structlog.get_logger()

PROMISES = 1_000
"""Minimums written in one transaction: some 20 ms."""


class RetentionGate:
    """See `programming.Gate`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def let_through(self, in_force: Stored | None, programme: Programme, *, now: datetime) -> None:
        """See `Gate.let_through`.

        Raises:
            Conflict: something is taken away that is not confirmed; `confirmations` says which lines would.
            StorageFault: the recordings cannot be counted.
        """
        before, wanted = None if in_force is None else in_force.config, programme.config
        counted = RetentionEffects()
        if counts_recordings(before, wanted):
            counted = await on_recordings(self._store, before, wanted, now=now)
        missing = unconfirmed(
            before,
            wanted,
            effects=Effects(
                shortens=counted.shortens,
                deletes=counted.deletes,
                holds=counted.holds,
                spent=frozenset(in_force.pointer.spent if in_force else ()),
            ),
            confirmations=programme.confirmations,
            removed=removed_blacklist_entries(before, wanted),
        )
        if missing:
            raise _refusal(missing, counted, removed_blacklist_entries(before, wanted))
        if before is not None:
            await self._keep_promises(before, wanted)

    async def came_into_force(self, before: Stored | None, after: Stored, *, actor: Actor, now: datetime) -> None:
        """See `Gate.came_into_force`: holds that protect nothing any more are released, one by one."""
        had, has = Rule.of(before), Rule.of(after)
        if has.terms.holds_allowed or not had.terms.holds_allowed:
            return

        def event(conversation: str, hold: str) -> Event:
            details = {
                "conversation": conversation,
                "hold": hold,
                "reason": "ExtraRetentionDisabled",
                "revision": has.revision,
            }
            return Event(
                at=now,
                email=actor.principal.audit_email,
                ip_address=actor.ip_address,
                app_name=after.config.audit.application_name,
                action=Action.RELEASE_HOLD,
                details=details,
            )

        try:
            by = actor.principal.id
            released = await self._store.write(lambda rows: release_unprotected(rows, event, by=by, at=now))
            log.info("holds_released", holds=released, revision=has.revision)
        except StorageFault as fault:
            # The config is in force. Until the sweeper has released them they count as released at every moment.
            log.error("holds_not_released", detail=fault.detail)  # noqa: TRY400 - no trace: it may hold data

    async def _keep_promises(self, before: RecorderConfig, wanted: RecorderConfig) -> None:
        """Write down what the rule in force promised, where the next one promises less."""
        promised, next_ = RetentionTerms.of(before.retention), RetentionTerms.of(wanted.retention)
        if next_.minimum >= promised.minimum:
            return
        owed = await self._store.read(lambda rows: _owed(rows, promised))
        for begun in range(0, len(owed), PROMISES):
            some = owed[begun : begun + PROMISES]
            await self._store.write(lambda rows: _promise(rows, some))  # noqa: B023 - awaited here


def _owed(rows: Reading, promised: RetentionTerms) -> list[tuple[int, datetime]]:
    found = []
    for one in rows.expiring():
        until = grown_minimum(ended_at=one.clock, rule=promised, minimum_until=one.minimum_until)
        if until is not None and until != one.minimum_until:
            found.append((one.key, until))
    return found


def _promise(rows: Writing, owed: list[tuple[int, datetime]]) -> None:
    for recording, until in owed:
        rows.grow_minimum(recording, until)


def _refusal(missing: tuple[Unconfirmed, ...], counted: RetentionEffects, removed: int) -> Conflict:
    first = missing[0]
    carrier = first.object or "the Recorder"
    return Conflict(
        "confirmation-required",
        first.message,
        f"if that is meant, add the annotation  {first.line}  to {carrier}",
        {
            "effects": {
                "recordings": counted.recordings,
                "shortens": counted.shortens,
                "deletes": counted.deletes,
                "holds": counted.holds,
                "removesBlacklistEntries": removed,
            },
            "confirmations": [{"object": one.object, "text": one.text, "line": one.line} for one in missing],
        },
    )
