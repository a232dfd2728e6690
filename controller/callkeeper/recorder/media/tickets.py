"""Tickets to play one recording: for a browser's audio element, which can send no token of its own.

Whoever may hear a recording gets an address that plays it and nothing else, for some minutes. Who asked is remembered
with it: every request with a ticket is let in, seen to and audited as that principal's.

Facts:
    - A ticket is 256 random bits; kept is its SHA-256, in memory only. A restart ends them all.
    - It is no right of its own: whether the principal may still hear the recording is asked again at each request.
    - Minutes are counted by the steady clock: setting the wall clock back prolongs nothing.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from callkeeper.recorder import bounds
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Unknown
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.retention.clock_guard import SteadyClock


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayTicket:
    """What a ticket is for.

    Attributes:
        recording: the id of the recording it plays.
        principal: who asked for it.
        ends: when it ends, in seconds of the steady clock.
    """

    recording: str
    principal: Principal
    ends: float


class PlayTickets:
    """The tickets that are out."""

    def __init__(self, clock: Clock, steady: SteadyClock) -> None:
        self._clock = clock
        self._steady = steady
        self._tickets: OrderedDict[str, PlayTicket] = OrderedDict()

    def make(self, recording: str, principal: Principal) -> tuple[str, datetime]:
        """A new ticket, shown only here, and when it ends."""
        self._forget_ended()
        while len(self._tickets) >= bounds.PLAY_TICKETS:
            self._tickets.popitem(last=False)
        ticket = secrets.token_urlsafe(32)
        ends = self._steady.seconds() + bounds.PLAY_TICKET_SECONDS
        self._tickets[_digest(ticket)] = PlayTicket(recording=recording, principal=principal, ends=ends)
        return ticket, self._clock.now() + timedelta(seconds=bounds.PLAY_TICKET_SECONDS)

    def find(self, ticket: str) -> PlayTicket:
        """What this ticket is for.

        Raises:
            Unknown: it never was one, or has ended.
        """
        found = self._tickets.get(_digest(ticket))
        if found is None or found.ends <= self._steady.seconds():
            raise Unknown(
                "unknown-ticket",
                "this play ticket is not known here, or has ended",
                "ask for another one with POST /v1/recordings/{recording}:playTicket",
            )
        return found

    def _forget_ended(self) -> None:
        """All last equally long, so the first ones end first."""
        now = self._steady.seconds()
        while self._tickets and next(iter(self._tickets.values())).ends <= now:
            self._tickets.popitem(last=False)


def _digest(ticket: str) -> str:
    return sha256(ticket.encode()).hexdigest()
