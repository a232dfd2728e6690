"""All calls of Teams that are followed: notifications in, events out, and nothing else.

A protocol's state machine without I/O. `receive` changes nothing: it says which calls would be what, and which events
lead there; whoever has carried the events out keeps the result (`keep`). So a notification whose events could not be
carried out can be sent again, and does the same.

What is remembered, and how much: calls that are open (as many as the recorder holds), the last that ended (a
notification of theirs that comes late changes nothing, and a transfer finds the call it continues), and calls that are
only known by a change of participants or state, because that came before who is in them.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from callkeeper.policy.call import Call
from callkeeper.recorder import bounds
from callkeeper.recorder.teams.events import Event, PartiesChanged, SegmentEnded, SegmentStarted
from callkeeper.recorder.teams.notifications import (
    CallChanged,
    Irrelevant,
    Notification,
    ParticipantsChanged,
    RecordCreated,
)
from callkeeper.recorder.teams.tracking import (
    Context,
    Standing,
    TrackedCall,
    composed,
    decidable,
    names,
    people,
    with_context,
    with_entries,
    with_resource,
)


class Ignored(StrEnum):
    """Why a notification led to nothing.

    Attributes:
        NOT_ABOUT_PARTIES: about an operation, a tone, shared content.
        WAITING_FOR_CALL: kept until a notification says who is in the call.
        ENDED_BEFORE_START: the call ended, and who was in it was never told.
        NOTHING_TO_END: a record of a conversation that is not open here and names nobody.
    """

    NOT_ABOUT_PARTIES = "notAboutParties"
    WAITING_FOR_CALL = "waitingForCall"
    ENDED_BEFORE_START = "endedBeforeStart"
    NOTHING_TO_END = "nothingToEnd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What becomes of one call.

    Attributes:
        after: the call, to be kept once the events are carried out.
        events: what leads there, in order; empty when nothing changed.
    """

    after: TrackedCall
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a notification leads to.

    Attributes:
        steps: one per call; several only for a call record.
        ignored: why there is nothing to carry out; None when there is, or when the notification came before.
    """

    steps: tuple[Step, ...] = ()
    ignored: Ignored | None = None


KEPT: Mapping[Standing, int] = {
    Standing.WAITING: bounds.GRAPH_WAITING_CALLS,
    Standing.OPEN: bounds.OPEN_SEGMENTS,
    Standing.OVER: bounds.ENDED_SEGMENTS,
}
"""How many calls of each standing are remembered."""

CALLS_PER_PERSON = 8
"""Calls in which whoever transferred is looked for: the transferred one is among the last few they had."""


class TeamsCalls:
    """Remembers the calls that are followed."""

    def __init__(self) -> None:
        self._known: dict[Standing, OrderedDict[str, TrackedCall]] = {standing: OrderedDict() for standing in Standing}
        self._of_chain: dict[str, tuple[str, ...]] = {}
        self._of_person: dict[str, tuple[str, ...]] = {}

    def get(self, native_id: str) -> TrackedCall | None:
        """The call as last kept."""
        return next((found for calls in self._known.values() if (found := calls.get(native_id)) is not None), None)

    def receive(self, notification: Notification, contexts: Mapping[str, Context]) -> Received:
        """What a notification leads to; nothing is remembered before `keep`.

        Args:
            notification: as read.
            contexts: what the bot adds, by call id in its one form.

        Raises:
            GraphError: more take part than a segment holds.
        """
        match notification:
            case Irrelevant():
                return Received(ignored=Ignored.NOT_ABOUT_PARTIES)
            case RecordCreated():
                return self._recorded(notification)
            case CallChanged(native_id=native_id, told=told, over=over):
                before = self._before(native_id)
                if before.standing is Standing.OVER:
                    return _unchanged(before)
                context = contexts.get(native_id, Context())
                return self._followed(before, with_context(with_resource(before, told), context), over=over)
            case ParticipantsChanged(native_id=native_id, entries=entries):
                before = self._before(native_id)
                if before.standing is Standing.OVER:
                    return _unchanged(before)
                context = contexts.get(native_id, Context())
                return self._followed(before, with_context(with_entries(before, entries), context), over=False)
            case _:
                assert_never(notification)

    def keep(self, after: TrackedCall) -> None:
        """Remember the call as it is now; the oldest of as many as are kept is forgotten."""
        before = self.get(after.native_id)
        if before is not None:
            self._forget(before)
        self._known[after.standing][after.native_id] = after
        if after.call is not None:
            self._of_chain[_chain(after)] = (*self._of_chain.get(_chain(after), ()), after.native_id)
            for person in people(after.call):
                self._of_person[person] = (*self._of_person.get(person, ()), after.native_id)[-CALLS_PER_PERSON:]
        kept = self._known[after.standing]
        if len(kept) > KEPT[after.standing]:
            self._forget(next(iter(kept.values())))

    def _before(self, native_id: str) -> TrackedCall:
        return self.get(native_id) or TrackedCall(native_id=native_id, conversation=native_id)

    def _forget(self, gone: TrackedCall) -> None:
        del self._known[gone.standing][gone.native_id]
        if gone.call is None:
            return
        _take_out(self._of_chain, _chain(gone), gone.native_id)
        for person in people(gone.call):
            _take_out(self._of_person, person, gone.native_id)

    def _followed(self, before: TrackedCall, after: TrackedCall, *, over: bool) -> Received:
        if before.standing is Standing.WAITING:
            if not decidable(after):
                if over:
                    return Received(
                        steps=(Step(after=replace(after, standing=Standing.OVER)),), ignored=Ignored.ENDED_BEFORE_START
                    )
                return Received(steps=(Step(after=after),), ignored=Ignored.WAITING_FOR_CALL)
            after = self._linked(after)
            after = replace(after, call=composed(after), standing=Standing.OPEN)
            assert after.call is not None
            events: tuple[Event, ...] = (SegmentStarted(call=after.call, parent=after.parent),)
        else:
            after = replace(after, call=composed(after))
            assert after.call is not None
            events = () if after.call == before.call else (PartiesChanged(call=after.call),)
        if over:
            # What changes with the end itself is no fact of the call.
            events = (*(event for event in events if isinstance(event, SegmentStarted)), _ended(after))
            after = replace(after, standing=Standing.OVER, call=after.call if before.call is None else before.call)
        return Received(steps=(Step(after=after, events=events),))

    def _linked(self, after: TrackedCall) -> TrackedCall:
        """The call with its conversation and the call it continues, as it starts."""
        parent = self._parent(after)
        chain = after.told.chain or after.native_id
        if parent is None:
            return replace(after, conversation=chain)
        return replace(after, conversation=parent.conversation, parent=parent.native_id)

    def _parent(self, after: TrackedCall) -> TrackedCall | None:
        """The call this one continues.

        As the bot says; else the last call that whoever transferred it had with the other side; else a call that one
        of its ends leaves for this one; else, after a transfer or a retrieval, the last of its chain.
        """
        told, context = after.told, after.context
        if context.continues is not None and (stated := self._there(context.continues, after)) is not None:
            return stated
        if told.transferor is not None and (transferred := self._transferred(after)) is not None:
            return transferred
        for end in (told.source, *(told.targets or ())):
            if end is not None and end.replaces is not None and (left := self._there(end.replaces, after)) is not None:
                return left
        if told.transferor is not None or context.retrieved_from_park:
            of_chain = self._of_chain.get(told.chain or "", ())
            return None if not of_chain else self._there(of_chain[-1], after)
        return None

    def _there(self, native_id: str, but: TrackedCall) -> TrackedCall | None:
        found = None if native_id == but.native_id else self.get(native_id)
        return None if found is None or found.call is None else found

    def _transferred(self, after: TrackedCall) -> TrackedCall | None:
        """Found by people: the platform keeps `callChainId` over a transfer in some cases, and not in others."""
        told = after.told
        other = told.other if told.observed else told.source
        if told.transferor is None or other is None:
            return None
        for person in names(told.transferor):
            for native_id in reversed(self._of_person.get(person, ())):
                found = self._there(native_id, after)
                if found is not None and found.call is not None and people(found.call) & names(other.party):
                    return found
        return None

    def _recorded(self, record: RecordCreated) -> Received:
        members = [self.get(name) for name in self._of_chain.get(record.conversation, ())]
        known = [found for found in members if found is not None]
        if known:
            still_open = [found for found in known if found.standing is Standing.OPEN]
            steps = [Step(after=replace(one, standing=Standing.OVER), events=(_ended(one),)) for one in still_open]
            return Received(steps=tuple(steps) or tuple(Step(after=one) for one in known))
        missed = tuple(self._missed(call) for call in record.calls)
        return Received(steps=missed, ignored=None if missed else Ignored.NOTHING_TO_END)

    def _missed(self, call: Call) -> Step:
        """A call that no notification told of: decided and over at once, so that the ledger has it."""
        after = TrackedCall(native_id=call.native_id, conversation=call.conversation, standing=Standing.OVER, call=call)
        return Step(after=after, events=(SegmentStarted(call=call), _ended(after)))


def _chain(tracked: TrackedCall) -> str:
    return tracked.told.chain or tracked.conversation


def _take_out(index: dict[str, tuple[str, ...]], key: str, name: str) -> None:
    left = tuple(found for found in index.get(key, ()) if found != name)
    if left:
        index[key] = left
    else:
        index.pop(key, None)


def _ended(tracked: TrackedCall) -> SegmentEnded:
    return SegmentEnded(native_id=tracked.native_id)


def _unchanged(before: TrackedCall) -> Received:
    ignored = None if before.call is not None else Ignored.ENDED_BEFORE_START
    return Received(steps=(Step(after=before),), ignored=ignored)
