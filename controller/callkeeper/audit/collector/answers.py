"""What the collector says about a log and an export: frozen values, and their JSON in both directions.

The collector writes them, `collector_client` reads them; reading takes nothing on trust.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callkeeper.audit.space import DiskState

MAX_MESSAGE = 500
"""Characters of a message that is passed on."""


class ExportState(StrEnum):
    """How far an export is."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """How a log is.

    Attributes:
        rows: in all its files; None where nobody has counted.
        head: the chain after the last commit, hexadecimal.
        disk: whether there is room.
        failure: why it takes no rows now, or None.
        oldest: day of the oldest segment, `2026-10-01`; None where there is none.
        checkpoint: the last checkpoint's line, or None.
        signing_failure: why no checkpoint can be signed, or None.
    """

    rows: int | None = None
    head: str = ""
    disk: DiskState = DiskState.OK
    failure: str | None = None
    oldest: str | None = None
    checkpoint: str | None = None
    signing_failure: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return {
            "rows": self.rows,
            "head": self.head,
            "disk": self.disk.value,
            "failure": self.failure,
            "oldest": self.oldest,
            "checkpoint": self.checkpoint,
            "signingFailure": self.signing_failure,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LogStatus":
        """As it was received.

        Raises:
            ValueError: a member is something else.
        """
        return cls(
            rows=_count(value, "rows"),
            head=_text(value, "head") or "",
            disk=DiskState(_text(value, "disk") or "ok"),
            failure=_text(value, "failure"),
            oldest=_text(value, "oldest"),
            checkpoint=_text(value, "checkpoint"),
            signing_failure=_text(value, "signingFailure"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStatus:
    """How an export is.

    Attributes:
        state: how far.
        file: its path on the collector's volume; None until it is complete.
        rows: without the header line; None until it is complete.
        size: bytes; None until it is complete.
        sha256: of its bytes, hexadecimal; None until it is complete.
        message: why it failed, or what it waits for; empty when complete.
    """

    state: ExportState
    file: str | None = None
    rows: int | None = None
    size: int | None = None
    sha256: str | None = None
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return {
            "state": self.state.value,
            "file": self.file,
            "rows": self.rows,
            "bytes": self.size,
            "sha256": self.sha256,
            "message": self.message,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ExportStatus":
        """As it was received.

        Raises:
            ValueError: a member is something else.
        """
        return cls(
            state=ExportState(_text(value, "state") or ""),
            file=_text(value, "file"),
            rows=_count(value, "rows"),
            size=_count(value, "bytes"),
            sha256=_text(value, "sha256"),
            message=_text(value, "message") or "",
        )


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"`{name}` is no text")
    return None if found is None else found[:4096]


def _count(value: Mapping[str, Any], name: str) -> int | None:
    found = value.get(name)
    if found is not None and (type(found) is not int or found < 0):
        raise ValueError(f"`{name}` is no count")
    return found
