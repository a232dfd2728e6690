"""What the audit tests share: events, a clock that stands where it is put, and reading rows back."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.commits import GENESIS, Commit, read_line
from callkeeper.audit.event import AuditEvent

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Stands still until moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def event(sequence: int = 1, *, sender: str = "recorder", at: datetime = NOON, **fields: Any) -> AuditEvent:
    """An event that differs in what matters to the test."""
    details: Mapping[str, Any] = fields.pop("details", {"segment": f"s-{sequence}"})
    values: dict[str, Any] = {
        "email": "ada@example.com",
        "ip_address": "192.0.2.7",
        "app_name": "callkeeper",
        "action": Action.START_RECORDING,
    }
    return AuditEvent(sender=sender, sequence=sequence, at=at, details=details, **(values | fields))


def seconds(count: int) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=count)


def read_csv(data: bytes) -> list[list[str]]:
    """The rows as Python's csv reads them, header line included."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def identifiers(chunks: Iterable[bytes]) -> list[str]:
    """The ids of the rows of an export, in order."""
    return [json.loads(row[5])["id"] for row in read_csv(b"".join(chunks))[1:]]


def stored(folder: Path) -> list[str]:
    """The ids of all rows in all files of a store, file by file."""
    return [name for path in sorted(folder.glob("audit-*.csv")) for name in identifiers([path.read_bytes()])]


def proven_rows(folder: Path) -> tuple[int, str]:
    """Walk the chain through all side files, hold every commit against its bytes; return rows and the chain's head."""
    chain, rows = GENESIS, 0
    files: dict[str, bytes] = {}
    lines: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.glob("*.commits")):
        for line in path.read_bytes().splitlines(keepends=True):
            content, chain = read_line(line, chain)
            if isinstance(content, Commit):
                name, start, end = content.file, content.offset, content.offset + content.size
                if name not in files:
                    files[name] = (folder / name).read_bytes()
                data = files[name]
                counted, before = lines.get(name, (0, 0))
                before += data.count(b"\n", counted, start) if start >= counted else -data.count(b"\n", start, counted)
                stretch = data[start:end]
                assert hashlib.sha256(stretch).hexdigest() == content.sha256
                assert stretch.count(b"\n") == content.rows
                assert before == content.row + 1
                lines[name] = (start, before)
                rows += content.rows
    return rows, chain.hex()
