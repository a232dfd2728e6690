"""What a call is, once its parties are recognized: who is recorded, which scope and direction, what is hit.

How a party is recognized is in `recognition`.
"""

from dataclasses import dataclass

from callkeeper.policy.call import Call, Direction, Scope
from callkeeper.policy.filters import has_direction
from callkeeper.policy.recognition import Recognized, RecordedUser, View


@dataclass(slots=True)
class Survey:
    """A segment with its parties recognized; made once per decision and not kept, so it need not be frozen.

    Attributes:
        call: the segment.
        calling: who placed the call.
        called: who was dialled for this segment.
        answered: who answered; the one called as long as nobody else is known to have.
        parties: those who take part.
        signalled: every party signalled for the segment, those who take part among them.
    """

    call: Call
    calling: Recognized | None
    called: Recognized | None
    answered: Recognized | None
    parties: list[Recognized]
    signalled: list[Recognized]


def survey(call: Call, view: View) -> Survey:
    """Recognize every party of the segment."""
    see = view.recognize
    calling = called = None
    parties = []
    if (party := call.calling) is not None:
        calling = see(party)
        parties.append(calling)
    if (party := call.called) is not None:
        called = see(party)
    answered = called if (party := call.connected) is None else see(party)
    if answered is not None:
        parties.append(answered)
    for party in call.participants:
        parties.append(see(party))  # noqa: PERF401 - appends to the ends above
    signalled = parties
    for party in (call.original_called, call.redirecting):
        if party is not None:
            signalled = [*signalled, see(party)]
    if called is not None and called is not answered:
        signalled = [*signalled, called]
    return Survey(call, calling, called, answered, parties, signalled)


def recorded_users(seen: Survey, view: View) -> tuple[RecordedUser, ...]:
    """Who is recorded on this segment, ordered by reference.

    Those the source names (`call.recorded_users`), else every directory user among the parties. Where only a shared
    line is known, every owner of it whose calls may be recorded.
    """
    if seen.call.recorded_users:
        found = [view.recorded_user(reference) for reference in seen.call.recorded_users]
    else:
        found = [user for party in seen.parties for user in party.recorded]
    if len(found) < 2:  # noqa: PLR2004 - nothing to put in order
        return tuple(found)
    # Whoever is known to be on the call by another end of it is not merely a possible owner of a shared line.
    known = {person.reference: person for person in sorted(found, key=lambda person: not person.shared_line)}
    return tuple([known[reference] for reference in sorted(known)])


def scope(seen: Survey) -> Scope:
    """Internal when everybody who takes part belongs to the organisation; external otherwise, and without parties."""
    for party in seen.parties:
        if not party.internal:
            return Scope.EXTERNAL
    return Scope.INTERNAL if seen.parties else Scope.EXTERNAL


def smallest_hit(seen: Survey) -> str | None:
    """The smallest pattern of the blacklist that hits a number signalled for the segment, or None."""
    smallest = None
    for party in seen.signalled:
        hit = party.hit
        if hit is not None and (smallest is None or hit < smallest):
            smallest = hit
    return smallest


def direction(seen: Survey, person: RecordedUser) -> Direction:
    """The direction seen from this user.

    As the source states it (a retrieval from park inherits that of the parked segment), else by the user's end: the
    calling one placed it, the called or connected one received it. An agent the source names who is at neither end
    of a call that a service endpoint (a queue) took is behind it: inbound. Group and meeting calls have none.
    """
    call = seen.call
    if not has_direction(call.kind):
        return Direction.UNKNOWN
    if call.direction is not None:
        return call.direction
    reference = person.reference
    if seen.calling is not None and reference in seen.calling.users:
        return Direction.OUTBOUND
    for end in (seen.answered, seen.called):
        if end is not None and (reference in end.users or (end.service and end is seen.answered)):
            return Direction.INBOUND
    return Direction.UNKNOWN
