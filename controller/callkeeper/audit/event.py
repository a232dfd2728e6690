"""One thing that was done, as its emitter says it: what becomes one row.

Checked when made, so that an event that exists can be written. What becomes of hostile text is the row's business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import EventError

MAX_SENDER = 128
"""Characters of a sender's id: a component, a namespace (63) and a UID (36)."""

SENDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
"""A sender's id: letters, digits, `.`, `_`, `/`, `-`; no colon, which ends it inside an event's id."""

MAX_SEQUENCE = 2**63 - 1
"""What every database and every JSON reader with 64-bit integers can hold."""

FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Years an instant may lie in; a margin at the end lets every offset and `to` bound be represented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that was done by somebody, numbered by its sender.

    A sender numbers its events 1, 2, 3 … and sends them in that order; a number may be skipped, never used twice for
    different events. The store writes each (sender, sequence) once.

    Attributes:
        sender: who numbers, 1 to 128 characters of `SENDER`.
        sequence: the sender's own count, 1 to 2^63-1.
        at: the instant of the action; must carry an offset.
        email: who did it: an e-mail address, else a Kubernetes user, else `system:<component>`.
        ip_address: the peer the action came from; empty where there was none.
        app_name: the emitter's application name.
        action: what was done.
        details: JSON-able; the key `id` is taken. Phone numbers only as `NumberMask` shows them.

    Raises:
        EventError: a field is out of bounds; the message names it.
    """

    sender: str
    sequence: int
    at: datetime
    email: str
    ip_address: str
    app_name: str
    action: Action
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.sender) > MAX_SENDER or not _is_sender(self.sender):
            raise EventError(
                f"sender {self.sender[:140]!r} must be 1 to 128 letters, digits, '.', '_', '/' or '-' "
                "and start with a letter or digit"
            )
        if type(self.sequence) is not int or not 1 <= self.sequence <= MAX_SEQUENCE:
            raise EventError(f"{self.sender}: sequence {self.sequence!r} must be a whole number from 1 to 2^63-1")
        if self.at.tzinfo is not UTC and self.at.utcoffset() is None:
            raise EventError(f"{self.sender}:{self.sequence}: the instant {self.at} has no offset; give UTC")
        if not FIRST_YEAR <= self.at.year <= LAST_YEAR:
            raise EventError(
                f"{self.sender}:{self.sequence}: the year {self.at.year} lies outside {FIRST_YEAR} to {LAST_YEAR}"
            )
        if not isinstance(self.action, Action):
            raise EventError(f"{self.sender}:{self.sequence}: {self.action!r} is no action of the taxonomy")
        if "id" in self.details:
            raise EventError(f"{self.sender}:{self.sequence}: details must not hold the key 'id', which the row sets")

    @property
    def id(self) -> str:
        """`<sender>:<sequence>`, unique in a store."""
        return f"{self.sender}:{self.sequence}"

    def received(self, at: datetime) -> "AuditEvent":
        """With the time of receipt for the instant it claims, which its details say: a row may not lie far ahead."""
        claimed = self.at.astimezone(UTC).isoformat()
        return replace(self, at=at, details={**self.details, "claimedAt": claimed})


@lru_cache(maxsize=4096)
def _is_sender(text: str) -> bool:
    """A sender says its name with every event; it is looked at once."""
    return SENDER.fullmatch(text) is not None
