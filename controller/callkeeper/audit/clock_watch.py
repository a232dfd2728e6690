"""Whether the clock may be believed when days of the log are to be deleted by it: nothing is deleted by a jump.

While the store is open, wall time is held against a clock that only counts what passes; at the first look, against the
last time that was kept. A jump ahead beyond the bound stops deletion until the clock is back, or until somebody takes
`clock.json` away, which says that the time is right. A step back is harmless: rows stay longer.

Facts:
    - The steady clock counts sleep, or a machine that was suspended would look like a jump.
    - Jumps are measured from the first look, not from the last: ten steps of a few hours add up.
    - That it stopped is kept, so that a restart does not pass for a word.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callkeeper.audit.disk import Disk, create_complete
from callkeeper.audit.layout import CLOCK

RUNNING_BOUND = timedelta(hours=24)
"""The most wall time may run ahead while the store is open: what would be deleted a day early, tomorrow is deleted."""

START_BOUND = timedelta(days=7)
"""The most wall time may have moved while nobody had the store open."""

KEPT_EVERY = timedelta(hours=1)


def steady_seconds() -> float:
    """Seconds since some moment, sleep included."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """How it stands with the clock.

    Attributes:
        seen: the time that is believed.
        ahead: how far the clock is ahead of it, where it is not believed; else None.
    """

    seen: datetime
    ahead: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the clock found.

    Attributes:
        belief: how it stands.
        accepted: how it stood before somebody took `clock.json` away; None where nobody did, or nothing had stopped.
    """

    belief: Belief
    accepted: Belief | None = None


class ClockWatch:
    """For one open store and one thread at a time."""

    def __init__(self, folder: Path, disk: Disk, steady: Callable[[], float] = steady_seconds) -> None:
        self._path = folder / CLOCK
        self._disk = disk
        self._steady = steady
        self._anchor: tuple[datetime, float] | None = None
        self._last: Belief | None = None

    def look(self, now: datetime) -> Look:
        """Hold the clock against what has passed, and keep what was seen.

        Args:
            now: by the clock, aware.

        Raises:
            OSError: what was seen cannot be read or kept.
        """
        kept, before, passed = self._read(now), self._last, self._steady()
        if kept is None:
            belief = Belief(seen=now)
            self._anchor = now, passed
            self._keep(belief)
            return Look(belief=belief, accepted=before if before is not None and before.ahead is not None else None)
        is_stopped = kept.ahead is not None
        if self._anchor is None:
            # A clock that begins in the past, and is then put right, has not jumped ahead.
            expected = kept.seen
            self._anchor = expected if is_stopped or now - expected > START_BOUND else max(now, expected), passed
            bound = RUNNING_BOUND if is_stopped else START_BOUND
        else:
            wall, since = self._anchor
            expected, bound = wall + timedelta(seconds=passed - since), RUNNING_BOUND
        ahead = now - expected
        belief = Belief(seen=expected, ahead=ahead) if ahead > bound else Belief(seen=now)
        if is_stopped != (belief.ahead is not None) or abs(belief.seen - kept.seen) >= KEPT_EVERY:
            self._keep(belief)
        self._last = belief
        return Look(belief=belief)

    def _keep(self, belief: Belief) -> None:
        seconds = None if belief.ahead is None else belief.ahead.total_seconds()
        content = {"seen": belief.seen.astimezone(UTC).isoformat(), "aheadSeconds": seconds}
        create_complete(self._disk, self._path, json.dumps(content).encode() + b"\n")
        self._last = belief

    def _read(self, now: datetime) -> Belief | None:
        """What was kept; None where nothing is. What cannot be read stops deletion."""
        try:
            content = json.loads(self._path.read_bytes())
            seen, seconds = datetime.fromisoformat(content["seen"]), content["aheadSeconds"]
            return Belief(
                seen=seen if seen.tzinfo else seen.replace(tzinfo=UTC),
                ahead=None if seconds is None else timedelta(seconds=seconds),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OverflowError):
            return self._last or Belief(seen=now - START_BOUND * 2)
