"""The calls of this recorder: the segments that are open, those that ended last, and what sources tell of them.

Call events are decided in memory, at once; their answer waits for the store (`kept`) as long as the store can take it,
and not at all when it cannot. What an event makes of a segment is `transitions`; what people do to recordings meanwhile
is `on_demand` and `pausing`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from secrets import token_hex
from time import time_ns

from callkeeper.policy.call import Call, CallKind
from callkeeper.recorder import bounds
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.calls.arrival import Arrival, with_direction, with_kind
from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.refusals import (
    other_conversation,
    segment_ended,
    segment_exists,
    too_many_segments,
    unknown_segment,
)
from callkeeper.recorder.calls.segment import Recording, Segment
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.users import Users


class Calls:
    """Holds the segments and applies what sources tell."""

    def __init__(
        self,
        *,
        programming: Programming,
        users: Users,
        clock: Clock,
        keeper: SegmentKeeper,
        last_number: int,
        on_decision: Callable[[Segment], None] = lambda _: None,
        new_id: Callable[[], str] = lambda: new_segment_id(time_ns()),
    ) -> None:
        self._programming = programming
        self._users = users
        self._clock = clock
        self._keeper = keeper
        self._on_decision = on_decision
        self._new_id = new_id
        self._number = last_number
        self._open: dict[str, Segment] = {}
        self._ended: OrderedDict[str, Segment] = OrderedDict()
        self._by_native_id: dict[str, str] = {}
        self._latest_of_conversation: dict[str, str] = {}
        self._told: Callable[[Segment], None] = lambda _: None

    @property
    def open_count(self) -> int:
        """How many segments are open."""
        return len(self._open)

    def get(self, identifier: str) -> Segment:
        """The segment, open or among the last that ended.

        Raises:
            Unknown: there is none.
        """
        found = self._open.get(identifier) or self._ended.get(identifier)
        if found is None:
            raise unknown_segment()
        return found

    def find_open(self, identifier: str) -> Segment | None:
        """The segment while it is open; None once it has ended, or where there never was one."""
        return self._open.get(identifier)

    def open_one(self, identifier: str) -> Segment:
        """The segment, to be changed.

        Raises:
            Unknown: there is none.
            Conflict: it has ended.
        """
        found = self.get(identifier)
        if found.ended is not None:
            raise segment_ended()
        return found

    def of_user(self, identifier: str, user: str) -> Segment:
        """The segment, to be changed for one of its recorded users.

        Raises:
            Unknown: there is none, or the user is none of those.
            Conflict: it has ended.
        """
        found = self.open_one(identifier)
        if user not in found.users:
            raise unknown_segment()
        return found

    def captured(self, segment: str, ordinal: int) -> tuple[Segment, Recording] | None:
        """A recording of a segment in memory, as both are now; None where there is none."""
        found = self._open.get(segment) or self._ended.get(segment)
        if found is None:
            return None
        for user in found.users.values():
            for recording in user.recordings:
                if recording.ordinal == ordinal:
                    return found, recording
        return None

    def all(self) -> tuple[Segment, ...]:
        """Every segment in memory, open or ended, in no order."""
        return (*self._open.values(), *self._ended.values())

    def start(self, arrival: Arrival) -> tuple[Segment, bool]:
        """A segment starts.

        Returns:
            The segment and whether it is new; the same start of a segment that is still open is the same segment.

        Raises:
            Conflict: a segment with this native id is open and started as something else.
            Unknown: the parent is named and not known.
            Full: too many segments are open.
        """
        call = arrival.call
        repeated = self._by_native_id.get(call.native_id)
        if repeated is not None:
            return self._same(self._open[repeated], arrival), False
        if len(self._open) >= bounds.OPEN_SEGMENTS:
            raise too_many_segments()
        parent = None if arrival.parent is None else self.get(arrival.parent)
        if parent is not None and parent.call.conversation != call.conversation:
            raise other_conversation()
        self._number += 1
        begun = transitions.begin(
            identifier=self._new_id(),
            number=self._number,
            call=with_direction(with_kind(call, stated=arrival.kind_stated), parent),
            begun_as=call,
            parent=parent,
            config=self._programming.config,
            directory=self._users.directory,
            started_before=self._started_before(call, parent),
            now=self._clock.now(),
        )
        self._by_native_id[call.native_id] = begun.id
        self._latest_of_conversation[call.conversation] = begun.id
        self.keep(begun)
        self._on_decision(begun)
        return begun, True

    def update(self, identifier: str, changes: Mapping[str, object]) -> Segment:
        """Parties, kind, direction or consent have changed.

        Args:
            identifier: the segment.
            changes: fields of `Call` and their new values.

        Raises:
            Unknown: no such segment.
            Conflict: it has ended.
        """
        before = self.open_one(identifier)
        call = replace(before.call, **changes)  # type: ignore[arg-type]  # the body's model has typed them
        call = with_kind(call, stated="kind" in changes)
        if call == before.call:
            return before
        changed = transitions.change(before, call, self._users.directory, self._clock.now())
        self.keep(changed)
        self._on_decision(changed)
        return changed

    def end(self, identifier: str) -> Segment:
        """The segment ends; ending it again changes nothing.

        Raises:
            Unknown: no such segment.
        """
        if identifier in self._ended:
            return self._ended[identifier]
        if identifier not in self._open:
            raise unknown_segment()
        ended = transitions.end(self._open.pop(identifier), self._clock.now())
        del self._by_native_id[ended.call.native_id]
        self._ended[identifier] = ended
        self._noted(ended)
        if len(self._ended) > bounds.ENDED_SEGMENTS:
            _, forgotten = self._ended.popitem(last=False)
            if self._latest_of_conversation.get(forgotten.call.conversation) == forgotten.id:
                del self._latest_of_conversation[forgotten.call.conversation]
        return ended

    def is_buffering(self, identifier: str) -> bool:
        """Whether somebody may still start this call and would keep it from its start.

        Raises:
            Unknown: no such segment.
        """
        return self.get(identifier).is_buffering

    def keep(self, segment: Segment) -> None:
        """This is how an open segment stands now: have it written, and tell who watches."""
        self._open[segment.id] = segment
        self._noted(segment)

    def reserve(self, segment: Segment, ordinal: int) -> None:
        """Give this ordinal to no recording that opens from now on; nobody is told, nothing has happened yet."""
        self._open[segment.id] = replace(segment, reserved=ordinal)

    async def kept(self) -> None:
        """Wait until what happened to segments is on disk; not for a store that cannot write, or not soon."""
        await self._keeper.kept()

    def watch(self, told: Callable[[Segment], None]) -> None:
        """Have this told of every segment whenever it begins, changes or ends."""
        self._told = told

    def _noted(self, segment: Segment) -> None:
        self._keeper.note(segment)
        self._told(segment)

    def _same(self, found: Segment, arrival: Arrival) -> Segment:
        if found.begun_as == arrival.call and found.parent == arrival.parent:
            return found
        raise segment_exists(found.id)

    def _started_before(self, call: Call, parent: Segment | None) -> frozenset[str]:
        """Whose start on demand goes on here: a transfer continues, a retrieval from park does not."""
        if call.kind is CallKind.UNPARKED:
            return frozenset()
        if parent is None:
            latest = self._latest_of_conversation.get(call.conversation)
            parent = (self._open.get(latest) or self._ended.get(latest)) if latest is not None else None
        return frozenset() if parent is None else parent.started_users


def new_segment_id(now_nanoseconds: int) -> str:
    """32 hex digits: 12 of the millisecond, 20 by chance.

    Ids that grow go to the end of their indexes, where a commit changes one page for all of them; ids by chance change
    a page each, and a page is 4 KiB of journal.
    """
    return f"{now_nanoseconds // 1_000_000:012x}{token_hex(10)}"
