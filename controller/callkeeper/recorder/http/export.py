"""Lists of recordings as CSV and JSON, line by line: what is in memory is a page, however long the list is."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from callkeeper.policy.retention import RetentionTerms
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.http.recording_shown import held_until, shown_recording
from callkeeper.recorder.media.facts import playable
from callkeeper.recorder.store.recording import KeptRecording

CSV = "text/csv; charset=utf-8"
JSON = "application/json"

COLUMNS = (
    "Id", "Opened", "Closed", "User", "Parties", "Direction", "Scope", "Kind", "Mode", "Cause", "Status",
    "DurationSeconds", "Tags", "Held", "HeldUntil", "Conversation", "Segment", "ContentType", "Bytes", "Playable",
    "Sha256",
)  # fmt: skip

_WITHOUT_END = "without end"
"""Of a hold that unlimited extra retention makes, and of one on a recording that is still open."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula (OWASP, CSV injection)."""

Pages = AsyncIterator[tuple[KeptRecording, ...]]


async def csv_lines(
    pages: Pages, terms: RetentionTerms, now: datetime, *, spreadsheet_safe: bool
) -> AsyncIterator[bytes]:
    """The list as CSV (RFC 4180), a chunk per page."""
    yield _written([COLUMNS])
    async for page in pages:
        rows = [_row(one, terms, now) for one in page]
        yield _written([[_safe(cell) for cell in row] for row in rows] if spreadsheet_safe else rows)


async def json_lines(pages: Pages, terms: RetentionTerms, now: datetime) -> AsyncIterator[bytes]:
    """The list as one JSON array, a line per recording."""
    before = b"[\n"
    async for page in pages:
        for one in page:
            yield before + json.dumps(shown_recording(one, terms, now), ensure_ascii=False).encode()
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _row(recording: KeptRecording, terms: RetentionTerms, now: datetime) -> list[str]:
    media = recording.media
    duration = None if media is None else media.duration
    until = held_until(recording, terms, now)
    return [
        recording.id,
        instant_text(recording.opened),
        "" if recording.closed is None else instant_text(recording.closed),
        recording.user,
        "; ".join(f"{one.role} {one.display}".rstrip() for one in recording.parties),
        recording.direction,
        recording.scope,
        recording.kind,
        recording.mode,
        recording.cause,
        recording.status.value,
        "" if duration is None else f"{duration / 1_000_000:g}",
        "; ".join(recording.tags),
        _yes(recording.held),
        _WITHOUT_END if recording.held and until is None else "" if until is None else instant_text(until),
        recording.conversation,
        recording.segment,
        "" if media is None else media.content_type,
        "" if media is None else str(media.bytes),
        "" if media is None else _yes(playable(media)),
        "" if media is None else media.sha256,
    ]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
