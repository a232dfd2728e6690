r"""One event as one line of CSV, and the rules that keep every line readable by anything.

Facts of the format:
    - columns and header `Date,Email,IpAddress,AppName,ActionType,Details`; RFC 4180, CRLF, UTF-8 without a mark;
      byte-equal to what Python's csv.writer would write for the same six texts
    - Date is `YYYY-MM-DD HH:MM:SS +0000 UTC`: fixed width and first, so that bytes sort as time does
    - no field ever holds a raw control character, so a line is a row and a row is a line; nor a lone surrogate, a bidi
      control, a zero-width or separator character that shows as nothing or reorders what is shown
    - in Details they stand as JSON escapes (nothing is lost), in the other fields as the visible text `\u202e`
    - a field's length is bounded, a row is at most 64 KiB; what is cut says how much is missing
    - formula prefixes (`=`, `+`, `-`, `@`) stay: the log says what was said; making it safe for spreadsheets is a
      matter of an export
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from callkeeper.audit.compact_json import compact_encoder
from callkeeper.audit.errors import EventError
from callkeeper.audit.event import AuditEvent

COLUMNS = ("Date", "Email", "IpAddress", "AppName", "ActionType", "Details")
HEADER = (",".join(COLUMNS) + "\r\n").encode()

DATE_LENGTH = 19
"""`YYYY-MM-DD HH:MM:SS`, the part of Date that varies: what rows are ordered by."""

MAX_ROW_BYTES = 64 * 1024
"""A row, line end included: readers of CSV with a bound on fields have it at 128 KiB (Python's csv module)."""

MAX_EMAIL = 512
"""Characters of Email: an e-mail address has at most 320 (RFC 5321), a service account of Kubernetes 339."""

MAX_IP_ADDRESS = 64
"""Characters of IpAddress: an IPv6 address with a zone has about 60."""

MAX_APP_NAME = 128
"""Characters of AppName: twice a Kubernetes name."""

_KEPT_CHARACTERS = 256
"""Of the three fields that say who, together: longer ones are not kept, so that nobody fills the memory with them."""

_KEPT_WHO = 1024
"""So many of them; then anew."""

_EXACT_SECONDS = 2.0**32
"""Up to here, the year 2106, a float of seconds still tells microseconds apart."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)

_encode = compact_encoder(ascii_only=False, sort_keys=True)
_kept_who: dict[tuple[str, str, str], str] = {}
_Second = tuple[datetime, datetime, str]
"""The first and the last microsecond of a second, and its text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_kept_second: _Second = (_EPOCH, _EPOCH, "1970-01-01 00:00:00")
"""Of the last row: most rows are of the moment of the row before."""


def row(event: AuditEvent) -> bytes:
    """The event as one line, CRLF included, at most 64 KiB.

    Raises:
        EventError: Details hold something JSON cannot say.
    """
    fields = event.email, event.ip_address, event.app_name
    who = _kept_who.get(fields) or _who(fields)
    head = f"{date_text(event.at)} +0000 UTC,{who},{event.action!s},"
    line = _line(head, event, event.details)
    if len(line) <= MAX_ROW_BYTES:
        return line
    return _shortened_line(head, event, len(line))


def date_text(at: datetime) -> str:
    """An aware instant as `YYYY-MM-DD HH:MM:SS` in UTC, the fraction of the second cut off."""
    first, last, text = _kept_second
    return text if first <= at <= last else _other_second(at)


def csv_field(text: str) -> str:
    """The text as it stands between two commas: escaped where unsafe, quoted where needed."""
    if not (text.isascii() and text.isprintable()):
        text = _UNSAFE.sub(_escape, text)
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text


def _other_second(at: datetime) -> str:
    global _kept_second  # noqa: PLW0603 - replaced whole: what any thread reads of it belongs together
    second = at.timestamp() // 1
    if not -_EXACT_SECONDS < second < _EXACT_SECONDS:
        return at.astimezone(UTC).isoformat(" ")[:DATE_LENGTH]
    _kept_second = _second(second)
    return _kept_second[2]


@lru_cache(maxsize=1024)
def _second(second: float) -> _Second:
    """Of rows that are not in order: making the text takes as long as half a row."""
    first = datetime.fromtimestamp(second, UTC)
    return first, first.replace(microsecond=999_999), first.isoformat(" ")[:DATE_LENGTH]


def _who(fields: tuple[str, str, str]) -> str:
    """Three fields that come again and again in the rows of an emitter, kept unless they are long."""
    limits = MAX_EMAIL, MAX_IP_ADDRESS, MAX_APP_NAME
    who = ",".join(csv_field(_cut(text, limit)) for text, limit in zip(fields, limits, strict=True))
    if sum(map(len, fields)) <= _KEPT_CHARACTERS:
        if len(_kept_who) >= _KEPT_WHO:
            _kept_who.clear()
        _kept_who[fields] = who
    return who


def _line(head: str, event: AuditEvent, details: Mapping[str, Any]) -> bytes:
    try:
        text = _encode(details)
    except (TypeError, ValueError, RecursionError) as error:
        raise EventError(f"{event.id} {event.action}: details are not plain JSON: {error}") from error
    if not text.isascii() or "\x7f" in text:
        text = _UNSAFE.sub(_escape, text)
    # The id first: in place of the brace that opens what was encoded.
    more = "," if details else ""
    quoted = text.replace('"', '""')
    return f'{head}"{{""id"":""{event.sender}:{event.sequence}""{more}{quoted[1:]}"\r\n'.encode()


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…(+{len(text) - limit} characters)"


def _shortened_line(head: str, event: AuditEvent, size: int) -> bytes:
    """Cut long texts, lists and objects inside Details, ever shorter, until the row fits."""
    for limit in (8192, 2048, 512, 128, 32, 8):
        line = _line(head, event, {**_shorten(dict(event.details), limit), "truncatedFrom": size})
        if len(line) <= MAX_ROW_BYTES:
            return line
    # Nested wide enough that even eight of everything is too much: say that there was something.
    return _line(head, event, {"truncatedFrom": size})


def _shorten(value: Any, limit: int) -> Any:
    match value:
        case str():
            return _cut(value, limit)
        case list() | tuple():
            kept = [_shorten(item, limit) for item in value[:limit]]
            return kept if len(value) <= limit else [*kept, f"…(+{len(value) - limit} entries)"]
        case dict():
            names = sorted(value)
            short = {_cut(str(name), limit): _shorten(value[name], limit) for name in names[:limit]}
            return short if len(names) <= limit else {**short, "…": f"(+{len(names) - limit} fields)"}
        case _:
            return value
