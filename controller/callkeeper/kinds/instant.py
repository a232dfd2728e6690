"""An instant as settings write it: an RFC 3339 date-time with its offset, or a date, which is 00:00 UTC of that day.

The expression knows the calendar, leap years included, so that every verdict on 30 February is the same. Leap seconds
are refused, as neither Python nor the API server's expression language knows them.
"""

import re
from datetime import UTC, datetime

_YEAR = "(?:19[7-9][0-9]|2[0-9]{3})"
_LEAP_YEAR = "(?:19(?:7[26]|8[048]|9[26])|2[0-9](?:0[48]|[2468][048]|[13579][26])|2[048]00)"
_LONG_MONTH = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_DATE = f"(?:{_YEAR}-(?:{_LONG_MONTH}|{_SHORT_MONTH}|{_FEBRUARY})|{_LEAP_YEAR}-02-29)"
_HOUR_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"T{_HOUR_MINUTE}:[0-5][0-9](?:\.[0-9]{{1,9}})?(?:Z|[+-]{_HOUR_MINUTE})"

INSTANT_REGEX = f"^{_DATE}(?:{_TIME})?$"
INSTANT_FORMS = "a date such as `2026-11-23` (00:00 UTC) or an RFC 3339 time such as `2026-11-23T08:00:00Z`"
MAX_INSTANT_LENGTH = 35
"""`2026-11-23T08:00:00.123456789+01:00`."""


class InstantError(ValueError):
    """The text is neither a date of the calendar nor an RFC 3339 date-time, or lies outside 1970 to 2999."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def parse_instant(text: str) -> datetime:
    """Read an instant; the result is in UTC, digits beyond the microsecond are dropped.

    Raises:
        InstantError: see there.
    """
    # `$` also matches before a final newline here; in the schema's dialects it does not.
    if re.match(INSTANT_REGEX, text) is None or text.endswith("\n"):
        message = f"`{text[:40]}` is not {INSTANT_FORMS}"
        raise InstantError(message)
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
