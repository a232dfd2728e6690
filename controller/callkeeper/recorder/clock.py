"""The clock as a port: what time it is, in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)


class RehearsedClock:
    """A clock that runs ahead of the machine's, to see what will be: for trying out, never for recordings one needs."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + self._ahead


def instant_text(instant: datetime) -> str:
    """The instant as the API writes it: RFC 3339, UTC, with microseconds, `2026-01-31T12:00:00.000000Z`."""
    # Not by strftime, which takes five times as long.
    return f"{instant.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"
