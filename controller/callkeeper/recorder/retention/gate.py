"""The gate of the settings, in the recorder itself: nothing is taken away without the word for it, whoever asks.

What a candidate takes away is counted in two parts. Recordings that had ended before are counted beforehand, which may
take seconds; those that ended since, while nothing else can be put, nothing be held and the sweeper rests
(`Programming.steady`). So the numbers are those of the moment the config comes into force. Where the holds, or the
config in force, are others by then, everything is counted anew. What was removed in between is still counted: that asks
for more of a word, never for less.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.compilation.carried import Unconfirmed, counts_recordings, unconfirmed
from callkeeper.policy.compile import Effects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.retention import RetentionTerms, grown_minimum
from callkeeper.policy.retention_change import RetentionEffects
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.config_store import Stored
from callkeeper.recorder.effects import effects_on, removed_blacklist_entries
from callkeeper.recorder.errors import Conflict, StorageFault
from callkeeper.recorder.programming import Foreseen, Programme
from callkeeper.recorder.retention.holds import release_unprotected
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Reading, Store, Writing
from callkeeper.recorder.store.retention import ExpiringRecording

log = structlog.get_logger()

PROMISES = 1_000
"""Minimums written in one transaction: some 20 ms."""

SETTLED = timedelta(minutes=1)
"""How long after its end a recording is surely in the store, so that counting it beforehand misses none."""


class RetentionGate:
    """See `programming.Gate`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def foresee(self, in_force: Stored | None, programme: Programme, *, now: datetime) -> Foreseen:
        """See `Gate.foresee`.

        Raises:
            StorageFault: the recordings cannot be counted.
        """
        before, wanted = None if in_force is None else in_force.config, programme.config
        since = now - SETTLED
        if before is not None:
            await self._keep_promises(before, wanted, partial(_ended, before=since))

        def count(rows: Reading) -> Foreseen:
            holds = rows.all_holds()
            effects = effects_on(rows.expiring(before=since), before, wanted, holds, now)
            return Foreseen(in_force=in_force, since=since, holds=holds, effects=effects)

        if counts_recordings(before, wanted):
            return await self._store.read(count)
        return Foreseen(in_force=in_force, since=since, holds={}, effects=RetentionEffects())

    async def let_through(
        self, in_force: Stored | None, programme: Programme, foreseen: Foreseen, *, now: datetime
    ) -> None:
        """See `Gate.let_through`.

        Raises:
            Conflict: something is taken away that is not confirmed; `confirmations` says which lines would.
            StorageFault: the recordings cannot be counted.
        """
        before, wanted = None if in_force is None else in_force.config, programme.config
        earlier = foreseen if foreseen.in_force is in_force else None
        counted = RetentionEffects()
        if counts_recordings(before, wanted):
            counted = await self._counted(before, wanted, earlier, now)
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
            since = None if earlier is None else earlier.since
            await self._keep_promises(before, wanted, partial(_ended, since=since))

    async def _counted(
        self, before: RecorderConfig | None, wanted: RecorderConfig, foreseen: Foreseen | None, now: datetime
    ) -> RetentionEffects:
        def count(rows: Reading) -> RetentionEffects:
            holds = rows.all_holds()
            if foreseen is None or holds != foreseen.holds:
                return effects_on(rows.expiring(), before, wanted, holds, now)
            others = effects_on(rows.expiring(since=foreseen.since), before, wanted, holds, now)
            return foreseen.effects.with_others(others)

        return await self._store.read(count)

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

    async def _keep_promises(
        self,
        before: RecorderConfig,
        wanted: RecorderConfig,
        ended: Callable[[Reading], Iterable[ExpiringRecording]],
    ) -> None:
        """Write down what the rule in force promised these recordings, where the next one promises less."""
        promised, next_ = RetentionTerms.of(before.retention), RetentionTerms.of(wanted.retention)
        if next_.minimum >= promised.minimum:
            return
        owed = await self._store.read(lambda rows: _owed(ended(rows), promised))
        for begun in range(0, len(owed), PROMISES):
            some = owed[begun : begun + PROMISES]
            await self._store.write(lambda rows: _promise(rows, some))  # noqa: B023 - awaited here


def _ended(
    rows: Reading, *, before: datetime | None = None, since: datetime | None = None
) -> Iterable[ExpiringRecording]:
    return rows.expiring(before=before, since=since)


def _owed(ended: Iterable[ExpiringRecording], promised: RetentionTerms) -> list[tuple[int, datetime]]:
    found = []
    for one in ended:
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
