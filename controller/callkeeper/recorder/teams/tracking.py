"""One call followed over its notifications: a frozen value, and functions from it to the next one.

No notification says all. The resource's members come in parts and the list of participants in changes, so what was
told so far is kept beside the `Call` made of it. The same notification again makes the same value: nothing is counted
and no time is read.

Facts:
    - Ends (who placed, who was called) and participants are told apart; a participant that is an end is known by its
      participant id, else as the same user or number, else as the one who hides.
    - An end that has left is left out once somebody else is there, so that what a party forbade ends with it. Between
      two peers the leaving of one is the end of the call, and changes nothing before it.
    - More than two at once make it a group call, and it stays one.
    - A change of a participant with a lower `rosterSequenceNumber` than the last one known came late and is dropped; so
      are changes of a call that has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from callkeeper.policy.call import Call, CallKind, Consent, Identity, Party
from callkeeper.policy.numbers import normalize_number
from callkeeper.recorder import bounds
from callkeeper.recorder.teams.call_resource import CallResource, End, Entry, Route
from callkeeper.recorder.teams.reading import GraphError

PEERS = 2
"""Those who take part in a call between peers."""


class Standing(StrEnum):
    """How far a call is.

    Attributes:
        WAITING: something was told of it, but not who is in it.
        OPEN: it is there.
        OVER: it has ended, whether it was ever there for us or not.
    """

    WAITING = "waiting"
    OPEN = "open"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a bot knows of a call and Graph does not say; None is what it does not say either.

    Attributes:
        continues: the call this one continues (a consultation, a transfer or a retrieval the platform does not link).
        retrieved_from_park: it was parked, and somebody took it.
        consent: what the parties said about recording.
    """

    continues: str | None = None
    retrieved_from_park: bool | None = None
    consent: Consent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedCall:
    """A call, with everything told of it so far.

    Attributes:
        native_id: the platform's call id.
        conversation: fixed when it starts; the id itself before.
        standing: how far it is.
        parent: the call it continues, or None.
        call: what the recorder is told; None while waiting, or when it ended before it started.
        told: the resource's members, merged.
        roster: participants by id, those that left too.
        context: what the bot added, merged.
        segment: the recorder's name for it, once it has one.
    """

    native_id: str
    conversation: str
    standing: Standing = Standing.WAITING
    parent: str | None = None
    call: Call | None = None
    told: CallResource = field(default_factory=CallResource)
    roster: Mapping[str, Entry] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    segment: str | None = None


def with_resource(tracked: TrackedCall, told: CallResource) -> TrackedCall:
    """The call, with what a resource tells; a list of participants inside it is the whole list."""
    roster = tracked.roster
    if told.participants is not None:
        listed = {name for name, _ in told.participants}
        gone = {name: replace(entry, here=False) for name, entry in roster.items() if name not in listed}
        kept = {name: entry for name, entry in roster.items() if name in listed}
        roster = {**_recent(gone), **kept, **_changed(roster, told.participants)}
    return replace(tracked, told=replace(tracked.told.merged(told), participants=None), roster=roster)


def with_entries(tracked: TrackedCall, entries: tuple[tuple[str, Entry], ...]) -> TrackedCall:
    """The call, with participants that came, changed or left.

    Raises:
        GraphError: more take part than a segment holds.
    """
    roster = {**tracked.roster, **_changed(tracked.roster, entries)}
    here = {name: entry for name, entry in roster.items() if entry.here}
    if len(here) > bounds.PARTIES:
        raise GraphError("participants", f"more than {bounds.PARTIES} take part")
    gone = {name: entry for name, entry in roster.items() if not entry.here}
    return replace(tracked, roster={**here, **_recent(gone)})


def with_context(tracked: TrackedCall, context: Context) -> TrackedCall:
    """The call, with what the bot adds."""
    before = tracked.context
    merged = Context(
        continues=before.continues if context.continues is None else context.continues,
        retrieved_from_park=(
            before.retrieved_from_park if context.retrieved_from_park is None else context.retrieved_from_park
        ),
        consent=before.consent if context.consent is None else context.consent,
    )
    return replace(tracked, context=merged)


def decidable(tracked: TrackedCall) -> bool:
    """Whether it is known who is in the call: an end of it, or participants of a call whose resource was seen."""
    told = tracked.told
    if told.source is not None or told.targets or told.other is not None:
        return True
    recorders = told.recorders or frozenset()
    listed = any(entry.here and name not in recorders for name, entry in tracked.roster.items())
    return told.chain is not None and listed


def composed(tracked: TrackedCall) -> Call:
    """What the recorder is told of this call now."""
    told = tracked.told
    grown = tracked.call is not None and tracked.call.kind is CallKind.GROUP
    present = _present(tracked, grown=grown)
    unparked = bool(tracked.context.retrieved_from_park)
    kind = CallKind.UNPARKED if unparked else told.kind or (CallKind.GROUP if grown else CallKind.PEER_TO_PEER)
    if kind is CallKind.PEER_TO_PEER and len(present.parties) > PEERS:
        kind = CallKind.GROUP
        present = _present(tracked, grown=True)
    called, original_called = _dialled(present.called, told.routes or ())
    if original_called is None and told.observed and told.placed is False:
        original_called = told.on_behalf_of
    diverted = [route.original for route in told.routes or () if route.forwarded and route.original is not None]
    return Call(
        native_id=tracked.native_id,
        conversation=tracked.conversation,
        kind=kind,
        calling=present.calling,
        called=called,
        original_called=original_called,
        redirecting=told.transferor or (diverted[-1] if diverted else None),
        participants=present.participants[: bounds.PARTIES],
        recorded_users=_recorded(told),
        consent=tracked.context.consent or Consent.NOT_ASKED,
    )


def people(call: Call) -> frozenset[str]:
    """The users and numbers of those who take part, to know them again in another call of theirs."""
    return frozenset(name for party in call.parties for name in names(party))


def names(party: Party) -> frozenset[str]:
    """The party's user and number, as far as they are known."""
    return frozenset(name for name in (party.user, _normalized(party)) if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """Who takes part, by place."""

    calling: Party | None
    called: Party | None
    participants: tuple[Party, ...]

    @property
    def parties(self) -> tuple[Party, ...]:
        return tuple(party for party in (self.calling, self.called, *self.participants) if party is not None)


def _ends(told: CallResource) -> tuple[End | None, End | None, tuple[End, ...]]:
    """Who placed it, who was called, and the ends of which neither is known. A meeting has no such two."""
    others: tuple[End | None, ...] = ()
    if told.observed and told.placed is None:
        calling, called, others = None, None, (told.source, told.other)
    elif told.observed:
        calling, called = (told.source, told.other) if told.placed else (told.other, told.source)
    else:
        targets = told.targets or ()
        calling, called, others = told.source, (targets[0] if targets else None), targets[1:]
    if told.kind is CallKind.MEETING:
        calling, called, others = None, None, (calling, called, *others)
    return calling, called, tuple(end for end in others if end is not None)


def _present(tracked: TrackedCall, *, grown: bool) -> _Present:
    calling, called, others = _ends(tracked.told)
    recorders = tracked.told.recorders or frozenset()
    unmatched = {name: entry for name, entry in tracked.roster.items() if name not in recorders}
    places: list[tuple[End, tuple[Entry, ...]]] = []
    for end in (calling, called, *others):
        if end is not None:
            matching = _matching(end, unmatched)
            places.append((end, tuple(unmatched.pop(name) for name in matching)))
    joined = tuple(entry.party or Party() for entry in unmatched.values() if entry.here)
    leave_out_gone = grown or bool(joined) or tracked.told.kind is not None

    def party_at(end: End | None) -> Party | None:
        entries = next((found for place, found in places if place is end), ())
        if end is None or (leave_out_gone and entries and not any(entry.here for entry in entries)):
            return None
        told = next((entry.party for entry in entries if entry.party is not None), None)
        return end.party if told is None else _completed(end.party, told)

    standing = tuple(party for end in others if (party := party_at(end)) is not None)
    return _Present(calling=party_at(calling), called=party_at(called), participants=(*standing, *joined))


def _matching(end: End, roster: Mapping[str, Entry]) -> list[str]:
    """The participants that are this end."""
    listed = [name for name in roster if name in end.participants]
    if listed:
        return listed
    alike = [name for name, entry in roster.items() if entry.party is not None and _same(entry.party, end.party)]
    if alike or end.party.identity is not Identity.ANONYMOUS:
        return alike
    hidden = (name for name, entry in roster.items() if entry.party and entry.party.identity is Identity.ANONYMOUS)
    return [name for name in (next(hidden, None),) if name is not None]


def _same(one: Party, other: Party) -> bool:
    if one.user is not None or other.user is not None:
        return one.user == other.user
    number = _normalized(one)
    return number is not None and number == _normalized(other)


def _completed(end: Party, told: Party) -> Party:
    """An end with what the list of participants adds: an asserted number, the tenant's word on who it is."""
    identity = told.identity if end.identity is Identity.UNKNOWN else end.identity
    return Party(number=end.number or told.number, user=end.user or told.user, identity=identity)


def _normalized(party: Party) -> str | None:
    return None if party.number is None else normalize_number(party.number)


def _dialled(called: Party | None, routes: tuple[Route, ...]) -> tuple[Party | None, Party | None]:
    """The called party with the number it was dialled by, and who was called at first."""
    for route in routes:
        original = route.original
        if original is None:
            continue
        resolved = not route.forwarded and original.user is None and original.identity is Identity.UNKNOWN
        if resolved and called is not None and (route.final is None or _same(route.final, called)):
            return (called if called.number else replace(called, number=original.number)), None
        return called, original
    return called, None


def _recorded(told: CallResource) -> tuple[str, ...]:
    if not told.observed or told.source is None or told.source.party.user is None:
        return ()
    return (told.source.party.user,)


def _changed(roster: Mapping[str, Entry], entries: tuple[tuple[str, Entry], ...]) -> dict[str, Entry]:
    changed: dict[str, Entry] = {}
    for name, entry in entries:
        before = changed.get(name) or roster.get(name)
        if before is None:
            changed[name] = entry
        elif entry.sequence == -1 or entry.sequence >= before.sequence:
            sequence = max(entry.sequence, before.sequence)
            changed[name] = replace(entry, party=entry.party or before.party, sequence=sequence)
    return changed


def _recent(gone: dict[str, Entry]) -> dict[str, Entry]:
    """Those that left, as many as may be here: enough to know a late change of theirs."""
    return dict(list(gone.items())[-bounds.PARTIES :])
