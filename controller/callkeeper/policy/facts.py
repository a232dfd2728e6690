"""What a call is, once its parties are recognized: whose numbers, who is recorded, which scope and direction.

Settings are not looked at here, but for `internalNumbers`, which widen the organisation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from callkeeper.policy.call import Call, Direction, Scope
from callkeeper.policy.directory import Directory
from callkeeper.policy.filters import has_direction
from callkeeper.policy.recognition import Recognized, RecordedUser, recognize, recorded_user


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


def survey(call: Call, directory: Directory) -> Survey:
    """Recognize every party of the segment."""
    calling = called = None
    parties = []
    if (party := call.calling) is not None:
        calling = recognize(party, directory)
        parties.append(calling)
    if (party := call.called) is not None:
        called = recognize(party, directory)
    answered = called if (party := call.connected) is None else recognize(party, directory)
    if answered is not None:
        parties.append(answered)
    for party in call.participants:
        parties.append(recognize(party, directory))  # noqa: PERF401 - appends to the ends above
    signalled = parties
    for party in (call.original_called, call.redirecting):
        if party is not None:
            signalled = [*signalled, recognize(party, directory)]
    if called is not None and called is not answered:
        signalled = [*signalled, called]
    return Survey(call, calling, called, answered, parties, signalled)


def recorded_users(call: Call, directory: Directory) -> tuple[RecordedUser, ...]:
    """Who is recorded on this segment, ordered by reference.

    Those the source names (`call.recorded_users`), else every directory user among the parties. Where only a shared
    line is known, every owner of it whose calls may be recorded.
    """
    return surveyed_users(survey(call, directory), directory)


def surveyed_users(seen: Survey, directory: Directory) -> tuple[RecordedUser, ...]:
    """`recorded_users` of a segment whose parties are recognized."""
    if seen.call.recorded_users:
        found = [recorded_user(reference, directory) for reference in seen.call.recorded_users]
    else:
        found = [user for party in seen.parties for user in party.recorded]
    if len(found) < 2:  # noqa: PLR2004 - nothing to put in order
        return tuple(found)
    # Whoever is known to be on the call by another end of it is not merely a possible owner of a shared line.
    known = {person.reference: person for person in sorted(found, key=lambda person: not person.shared_line)}
    return tuple([known[reference] for reference in sorted(known)])


def scope(seen: Survey, is_internal: Callable[[tuple[str, ...]], bool]) -> Scope:
    """Internal when everybody who takes part belongs to the organisation; external otherwise, and without parties.

    Args:
        seen: the segment.
        is_internal: whether one of a party's numbers counts as the organisation's own (`internalNumbers`).
    """
    for party in seen.parties:
        internal = party.internal
        if internal is None:
            internal = is_internal(party.numbers)
        if not internal:
            return Scope.EXTERNAL
    return Scope.INTERNAL if seen.parties else Scope.EXTERNAL


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
