"""Audit events on their way: what commits with an action, until the audit log has it on disk.

Values only; numbering and acknowledging is the store's (`rows`), sending is `audit.sender`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An audit event that commits with its action and is numbered by the outbox.

    Attributes:
        at: the instant of the action.
        email: who acted.
        ip_address: from where; empty without a peer.
        app_name: the emitter's application.
        action: what was done.
        details: JSON-able.
    """

    at: datetime
    email: str
    ip_address: str
    app_name: str
    action: Action
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSize:
    """What waits in the outbox.

    Attributes:
        rows: undelivered.
        oldest: instant of the first of them; None when there are none.
    """

    rows: int
    oldest: datetime | None
