"""Pauses between attempts: growing, bounded, and scattered so that many owners do not come back in step."""

from collections.abc import Callable

BASE_SECONDS = 0.2
"""A recorder that restarts is back within a second; the first attempts shall see it."""

CAP_SECONDS = 30.0
"""The longest pause: each attempt may put a whole config."""

UNREACHABLE_CAP_SECONDS = 2.0
"""The longest pause while there is no answer: a recorder that is back shall run what is wanted within five seconds, of
which looking for the connection may take three. Such an attempt asks and puts nothing."""

_DOUBLINGS = 16
"""0.2 s doubled this often is hours: beyond the cap already, and no overflow however long a recorder is away."""


class Backoff:
    """Counts failures and says how long to wait after each.

    The pause is drawn from the upper half of `base * 2^failures`, at most `cap`.
    """

    def __init__(self, random: Callable[[], float], *, base: float = BASE_SECONDS, cap: float = CAP_SECONDS) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def failed(self, cap: float | None = None) -> float:
        """Note a failure and say how many seconds to wait, at most `cap`."""
        most = self._cap if cap is None else min(cap, self._cap)
        ceiling: float = min(most, self._base * 2.0 ** min(self._failures, _DOUBLINGS))
        self._failures += 1
        return ceiling * (0.5 + self._random() / 2)

    def succeeded(self) -> None:
        """Begin anew."""
        self._failures = 0
