"""What a call is, as far as deciding about it goes: one segment, its parties and its facts.

A conversation is what people take for one call; each transfer leg and each retrieval from park is a segment of it.
These values are made by whoever speaks a protocol (HTTP now, SIP session recording later) and are never changed: a
change of parties is a new value.
"""

from dataclasses import dataclass
from enum import StrEnum


class CallKind(StrEnum):
    """The four kinds a filter tells apart (RecordingFilter)."""

    PEER_TO_PEER = "peerToPeer"
    GROUP = "group"
    MEETING = "meeting"
    UNPARKED = "unparked"


class Direction(StrEnum):
    """Seen from the recorded user."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Internal when every party belongs to the organisation, else external."""

    INTERNAL = "internal"
    EXTERNAL = "external"


class Identity(StrEnum):
    """What the signalling says a party is.

    Attributes:
        USER: somebody of the organisation's directory.
        GUEST: invited, with an account elsewhere.
        FEDERATED: a user of another organisation.
        ANONYMOUS: withheld; a number that is asserted all the same is matched and never displayed.
        SERVICE: a queue, voicemail or room of the organisation.
        UNKNOWN: nothing is known but perhaps a number, as for a caller from the telephone network.
    """

    USER = "user"
    GUEST = "guest"
    FEDERATED = "federated"
    ANONYMOUS = "anonymous"
    SERVICE = "service"
    UNKNOWN = "unknown"


class Consent(StrEnum):
    """Whether the parties were asked about recording, and what they said."""

    NOT_ASKED = "notAsked"
    GIVEN = "given"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of the call.

    Attributes:
        number: as signalled, a `tel:`/`sip:`/`sips:` URI or plain text; None when there is none.
        user: the directory id or e-mail address when the source knows it, else None.
        identity: what the signalling says this party is.
    """

    number: str | None = None
    user: str | None = None
    identity: Identity = Identity.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One segment of a conversation: what `decide` decides about.

    Attributes:
        native_id: the telephony platform's own id of this segment.
        conversation: id shared by all segments of one conversation; the unit the always-on limit samples.
        kind: peer to peer, group, meeting, or retrieved from park.
        calling: who placed the call.
        called: who was dialled for this segment.
        original_called: who was dialled at first, before any diversion (a queue's number).
        redirecting: who diverted the call here.
        connected: who answered, when not the one called.
        participants: everybody of a group call or meeting not named above.
        recorded_users: directory ids or e-mail addresses the source says are recorded (who answered a shared line, an
            agent behind a queue); empty: every directory user among the parties.
        direction: as stated by the source or inherited from a parked segment; None: seen from each user's end.
        consent: what the parties said about recording.
    """

    native_id: str
    conversation: str
    kind: CallKind = CallKind.PEER_TO_PEER
    calling: Party | None = None
    called: Party | None = None
    original_called: Party | None = None
    redirecting: Party | None = None
    connected: Party | None = None
    participants: tuple[Party, ...] = ()
    recorded_users: tuple[str, ...] = ()
    direction: Direction | None = None
    consent: Consent = Consent.NOT_ASKED

    @property
    def answered(self) -> Party | None:
        """Who answered; the one called as long as nobody else is known to have answered."""
        return self.connected if self.connected is not None else self.called

    @property
    def parties(self) -> tuple[Party, ...]:
        """Those who take part: calling, who answered (else the one called), and the other participants."""
        ends = (self.calling, self.answered, *self.participants)
        return tuple([party for party in ends if party is not None])

    @property
    def signalled(self) -> tuple[Party, ...]:
        """Every party signalled for the segment, whether it takes part or not: what the blacklist is held against."""
        named = (self.calling, self.called, self.original_called, self.redirecting, self.connected)
        return tuple([party for party in (*named, *self.participants) if party is not None])

    @property
    def signalled_as(self) -> tuple[tuple[str, Party], ...]:
        """The same parties, each with the place it was signalled in: `calling`, `called`, … or `participant`."""
        named = (
            ("calling", self.calling),
            ("called", self.called),
            ("originalCalled", self.original_called),
            ("redirecting", self.redirecting),
            ("connected", self.connected),
        )
        found = [(place, party) for place, party in named if party is not None]
        return (*found, *[("participant", party) for party in self.participants])
