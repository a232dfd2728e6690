"""The words people say a time range with, read as instants. UTC throughout: "yesterday" is the UTC day.

now, today, yesterday       the day's beginning; as the end of a range the day's end
2026, 2026-10, 2026-10-03   the beginning of the year, month or day; as the end of a range its end
2026-10-03T14:00:00+02:00   RFC 3339 with any offset; `Z`, a space for the `T`, seconds left out; no offset means UTC.
                            A space for the `+`: that is what an address turns it into when it is written as it is
-24h, -7d, -30m, -2w        that long before now
"""

import re
from datetime import UTC, datetime, timedelta

from callkeeper.audit.errors import RangeError
from callkeeper.audit.event import FIRST_YEAR, LAST_YEAR

_AGO = re.compile(r"-([0-9]{1,6})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DAYS = {"today": timedelta(0), "yesterday": timedelta(days=1)}
_CALENDAR = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[t ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(z|[+ -][0-9]{2}:[0-9]{2})?"
)
_HINT = "write yesterday, today, now, 2026-10, 2026-10-03, 2026-10-03T14:00:00+02:00, -24h or -7d"


def parse_instant(text: str, now: datetime, *, end: bool = False) -> datetime:
    """Read one end of a range.

    Args:
        text: see above.
        now: what `now` is, aware.
        end: read as the end of a range: a year, month or day means the instant after it.

    Returns:
        An instant in UTC.

    Raises:
        RangeError: the text cannot be read; the message says what can.
    """
    words = text.strip().lower()
    try:
        instant = _read(words, now.astimezone(UTC), end=end)
    except (ValueError, OverflowError) as error:
        raise RangeError(f"{text!r} is no time: {error}; {_HINT}") from error
    if instant is None:
        raise RangeError(f"{text!r} is no time; {_HINT}")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise RangeError(f"{text!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant


def parse_range(start: str, end: str, now: datetime) -> tuple[datetime, datetime]:
    """Read both ends of a half-open range.

    Raises:
        RangeError: one cannot be read, or the range ends before it starts or where it starts.
    """
    first, limit = parse_instant(start, now), parse_instant(end, now, end=True)
    if limit == first:
        raise RangeError(
            f"the range ends where it begins ({show(first)}); give the earlier end first (as the end of a range, a "
            "month or day means its end)"
        )
    if limit < first:
        raise RangeError(
            f"the range ends ({show(limit)}) before it has begun ({show(first)}); give the earlier end first"
        )
    return first, limit


def show(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC, `2026-10-03T12:00:00Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(words: str, now: datetime, *, end: bool) -> datetime | None:
    if words == "now":
        return now
    if words in _DAYS:
        begin = now.replace(hour=0, minute=0, second=0, microsecond=0) - _DAYS[words]
        return begin + timedelta(days=1) if end else begin
    if ago := _AGO.fullmatch(words):
        return now - int(ago[1]) * _UNITS[ago[2]]
    if calendar := _CALENDAR.fullmatch(words):
        return _calendar(calendar, end=end)
    if instant := _INSTANT.fullmatch(words):
        zone = (instant[3] or "z").replace(" ", "+")
        return datetime.fromisoformat(f"{instant[1]}T{instant[2]}{zone.upper()}").astimezone(UTC)
    return None


def _calendar(match: re.Match[str], *, end: bool) -> datetime:
    year, month, day = match.groups()
    begin = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    if not end:
        return begin
    if day:
        return begin + timedelta(days=1)
    if month:
        return begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin.replace(year=begin.year + 1)
