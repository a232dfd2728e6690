"""The words settings use for spans of time: `90d`, `12h`, `forever`, `disabled`, `unlimited`, `none`.

A day is 24 hours. Canonical text has no leading zeros, and the expressions hold the bounds exactly, so that the model,
the published schema and the API server give one verdict. What a span means for a recording is in `policy`.

Each parser answers with a `timedelta`, or None where there is no end; "nothing at all" is `timedelta(0)`.
"""

import re
from datetime import timedelta

MAX_DAYS = 36_500
"""A hundred years: longer than any duty to keep, and far from the end of the calendar when added to a date."""

MAX_HOURS = MAX_DAYS * 24

_DAYS = "(?:[1-9][0-9]{0,3}|[12][0-9]{4}|3[0-5][0-9]{3}|36[0-4][0-9]{2}|36500)d"
"""1d to 36500d."""

_HOURS = "(?:[1-9][0-9]{0,4}|[1-7][0-9]{5}|8[0-6][0-9]{4}|87[0-5][0-9]{3}|876000)h"
"""1h to 876000h."""

RETENTION_REGEX = f"^(?:forever|{_DAYS}|{_HOURS})$"
EXTRA_RETENTION_REGEX = f"^(?:disabled|unlimited|{_DAYS})$"
MINIMUM_RETENTION_REGEX = f"^(?:none|{_DAYS}|{_HOURS})$"
AUDIT_RETENTION_REGEX = f"^(?:forever|{_DAYS})$"

_IN_DAYS = f"`<n>d` from 1d to {MAX_DAYS}d"
_IN_DAYS_OR_HOURS = f"{_IN_DAYS}, `<n>h` from 1h to {MAX_HOURS}h"
RETENTION_FORMS = f"`forever`, {_IN_DAYS_OR_HOURS}"
EXTRA_RETENTION_FORMS = f"`disabled`, `unlimited`, {_IN_DAYS}"
MINIMUM_RETENTION_FORMS = f"`none`, {_IN_DAYS_OR_HOURS}"
AUDIT_RETENTION_FORMS = f"`forever`, {_IN_DAYS}"

NOTHING = timedelta(0)


class DurationError(ValueError):
    """The text is none of the words this setting takes; the message names those it takes."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def parse_retention(text: str) -> timedelta | None:
    """Read how long recordings are kept; None is forever.

    Raises:
        DurationError: the text is not `forever`, `<n>d` or `<n>h` within the bounds.
    """
    return _parse(text, RETENTION_REGEX, RETENTION_FORMS)


def parse_extra_retention(text: str) -> timedelta | None:
    """Read what a hold adds; None is without end, `timedelta(0)` is disabled.

    Raises:
        DurationError: the text is not `disabled`, `unlimited` or `<n>d` within the bounds.
    """
    return _parse(text, EXTRA_RETENTION_REGEX, EXTRA_RETENTION_FORMS)


def parse_minimum_retention(text: str) -> timedelta:
    """Read how long no role deletes; `timedelta(0)` is none.

    Raises:
        DurationError: the text is not `none`, `<n>d` or `<n>h` within the bounds.
    """
    return _parse(text, MINIMUM_RETENTION_REGEX, MINIMUM_RETENTION_FORMS) or NOTHING


def parse_audit_retention(text: str) -> timedelta | None:
    """Read how long the audit log is kept; None is forever.

    Raises:
        DurationError: the text is not `forever` or `<n>d` within the bounds.
    """
    return _parse(text, AUDIT_RETENTION_REGEX, AUDIT_RETENTION_FORMS)


def _parse(text: str, regex: str, forms: str) -> timedelta | None:
    # `$` also matches before a final newline here; in the schema's dialects it does not.
    if re.match(regex, text) is None or text.endswith("\n"):
        message = f"`{text[:40]}` is not a duration this setting takes ({forms})"
        raise DurationError(message)
    if text in {"forever", "unlimited"}:
        return None
    if text in {"disabled", "none"}:
        return NOTHING
    number = int(text[:-1])
    return timedelta(days=number) if text[-1] == "d" else timedelta(hours=number)
