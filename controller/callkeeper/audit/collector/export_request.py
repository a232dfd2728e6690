"""What an export on the volume is to hold, as it is asked for and as it is kept."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from callkeeper.audit.asked import AskedExport, select
from callkeeper.audit.collector.wire import WireError, read_object
from callkeeper.audit.errors import SelectionError
from callkeeper.audit.row import MAX_EMAIL
from callkeeper.audit.time_words import show
from callkeeper.kinds.instant import parse_instant

_REQUIRED = frozenset({"from", "to", "requestedBy"})
_MEMBERS = _REQUIRED | {"email", "action"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What a file is to hold.

    Attributes:
        start: the first instant, included.
        end: the first instant not included.
        email: only rows of this address.
        action: only rows of this action.
        requested_by: who asked, for the audit row.
    """

    start: datetime
    end: datetime
    email: str | None
    action: str | None
    requested_by: str

    @classmethod
    def from_json(cls, value: Any) -> "ExportRequest":
        """As it was received or kept.

        Raises:
            WireError: a member is something else, or the range is reversed.
        """
        body = read_object(value, _REQUIRED, _MEMBERS)
        texts = {name: text for name, text in body.items() if text is not None}
        if not all(isinstance(text, str) for text in texts.values()) or not texts.keys() >= _REQUIRED:
            raise WireError("an export's members are texts")
        try:
            start, end = parse_instant(texts["from"]), parse_instant(texts["to"])
            select(texts.get("email"), [texts["action"]] if "action" in texts else [])
        except (ValueError, SelectionError) as error:
            raise WireError(f"`from`, `to` or the selection cannot be read: {error}") from error
        if end <= start:
            raise WireError(f"the range ends ({show(end)}) before it has begun ({show(start)})")
        if not 1 <= len(texts["requestedBy"]) <= MAX_EMAIL:
            raise WireError(f"`requestedBy` is not 1 to {MAX_EMAIL} characters")
        return cls(
            start=start,
            end=end,
            email=texts.get("email"),
            action=texts.get("action"),
            requested_by=texts["requestedBy"],
        )

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "from": show(self.start),
            "to": show(self.end),
            "email": self.email,
            "action": self.action,
            "requestedBy": self.requested_by,
        }

    @property
    def asked(self) -> AskedExport:
        """In the words of any export."""
        selection = select(self.email, [self.action] if self.action else [])
        return AskedExport(start=self.start, end=self.end, selection=selection)

    def same_rows(self, other: "ExportRequest") -> bool:
        """Whether both want the same rows, whoever asks."""
        return replace(self, requested_by="") == replace(other, requested_by="")
