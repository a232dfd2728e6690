"""The guard against a wall clock that jumps: nothing expires by a time that did not pass.

While the recorder runs, wall time is held against a clock that only counts what passes; at the start, against the last
wall time that was kept. A jump forward beyond the bound stops the sweeper until an administrator says that the time is
right. A step back is harmless: it makes recordings stay longer.

Facts:
    - The steady clock counts sleep (`CLOCK_BOOTTIME`), or a machine that was suspended would look like a jump.
    - Jumps are measured from the start or the last word, not from the last look: ten steps of a few hours add up.
    - That the guard has stopped is kept, so that a restart does not pass for a word.
"""

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from callkeeper.audit.actions import Action
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock, instant_text
from callkeeper.recorder.store.port import Reading, Store

log = structlog.get_logger()

RUNNING_BOUND = timedelta(hours=24)
"""The most wall time may run ahead while the recorder runs. Corrections of a healthy clock are seconds; what less
than a day ahead would expire, is what tomorrow will."""

START_BOUND = timedelta(days=7)
"""The most wall time may have moved while the recorder was off without somebody being asked: a recorder that was off
for longer is started by somebody who can look at the clock."""

KEPT_EVERY = timedelta(hours=1)
"""How far what was seen may differ from what is kept of it: next to the bounds nothing, and a start writes nothing."""

META = "clock-guard"


class SteadyClock:
    """Counts the seconds that pass, sleep included."""

    def seconds(self) -> float:
        """Seconds since some moment."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """How it stands with the clock.

    Attributes:
        seen: the last wall time that was believed; None before the first look.
        stopped: when the guard stopped, by the clock it does not believe; None while it believes it.
        ahead: how far the clock was ahead then, in seconds.
    """

    seen: datetime | None = None
    stopped: datetime | None = None
    ahead: float = 0.0

    def text(self) -> str:
        """As it is kept."""
        seen, stopped = (None if found is None else found.isoformat() for found in (self.seen, self.stopped))
        return json.dumps({"seen": seen, "stopped": stopped, "ahead": self.ahead})

    @classmethod
    def read(cls, text: str | None) -> "ClockState":
        """What was kept."""
        if text is None:
            return cls()
        value = json.loads(text)
        seen, stopped = (
            None if value[name] is None else datetime.fromisoformat(value[name]) for name in ("seen", "stopped")
        )
        return cls(seen=seen, stopped=stopped, ahead=value["ahead"])


class ClockGuard:
    """Says whether the wall clock may be believed."""

    def __init__(self, store: Store, audit: AuditSink, clock: Clock, steady: SteadyClock) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._steady = steady
        self._state = self._kept = ClockState()
        self._anchor: tuple[datetime, float] | None = None

    @property
    def state(self) -> ClockState:
        """How it stood at the last look."""
        return self._state

    @property
    def stopped(self) -> bool:
        """Whether nothing may be removed by the time it is."""
        return self._state.stopped is not None

    async def look(self) -> bool:
        """Hold the clock against what has passed, and keep what was seen.

        Returns:
            Whether the clock may be believed.

        Raises:
            StorageFault: what was seen cannot be kept.
        """
        now, passed = self._clock.now(), self._steady.seconds()
        if self._anchor is None:
            self._state = self._kept = await self._store.read(_kept)
            self._anchor = now, passed
            ahead, bound = now - (self._state.seen or now), START_BOUND
        else:
            wall, steady = self._anchor
            ahead, bound = (now - wall) - timedelta(seconds=passed - steady), RUNNING_BOUND
        if not self.stopped and ahead > bound:
            self._state = replace(self._state, stopped=now, ahead=ahead.total_seconds())
            log.error("clock_jumped", ahead_seconds=ahead.total_seconds(), seen=str(self._state.seen), now=str(now))
        elif not self.stopped:
            self._state = replace(self._state, seen=now)
        if self._is_news(self._state):
            state = self._state
            await self._store.write(lambda rows: rows.set_meta(META, state.text()))
            self._kept = state
        return not self.stopped

    def _is_news(self, state: ClockState) -> bool:
        if state.seen is None or self._kept.seen is None or state.stopped != self._kept.stopped:
            return state != self._kept
        return abs(state.seen - self._kept.seen) >= KEPT_EVERY

    async def accept(self, actor: Actor) -> None:
        """Take somebody's word that the time is right, and go on from it; without need it changes nothing.

        Raises:
            AuditFault: nothing was done.
        """
        if not self.stopped:
            return
        now, passed = self._clock.now(), self._steady.seconds()
        state, before = ClockState(seen=now), self._state
        details = {
            "now": instant_text(now),
            "seen": "" if before.seen is None else instant_text(before.seen),
            "aheadSeconds": round(before.ahead),
        }
        await self._audit.act(
            lambda rows: rows.set_meta(META, state.text()), Action.ACCEPT_CLOCK, at=now, actor=actor, details=details
        )
        self._state = self._kept = state
        self._anchor = now, passed
        log.info("clock_accepted", now=str(now), ahead_seconds=before.ahead)


def _kept(rows: Reading) -> ClockState:
    return ClockState.read(rows.meta(META))
