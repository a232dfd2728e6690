"""The calls of this recorder: the segments that are open, those that ended last, and what people do to them.

Call events are decided in memory, at once; their answer waits for the store (`kept`) as long as the store can take it,
and not at all when it cannot. What a user does (start, stop) is committed together with its audit event first, and
looked at again afterwards, because the call has gone on meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from time import time_ns
from types import MappingProxyType

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.call import Call, CallKind
from callkeeper.policy.config_json import revision
from callkeeper.policy.decision import Decision, Outcome
from callkeeper.recorder import bounds
from callkeeper.recorder import segment as segments
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock, instant_text
from callkeeper.recorder.errors import AuditFault, Conflict, Full, Refused, Unknown
from callkeeper.recorder.keeping import SegmentKeeper
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.segment import Recording, Segment, State
from callkeeper.recorder.store.recording import key_of
from callkeeper.recorder.users import Users

log = structlog.get_logger()

ITSELF = Actor(principal=Principal(id="recorder"))
"""Who acts when nobody does."""

PEERS = 2
"""Those who take part in a call between peers; one more makes it a group call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The start of a segment, as told by a source.

    Attributes:
        call: what starts.
        parent: the segment it continues, or None.
        kind_stated: the source said which kind it is; else it follows from how many take part.
    """

    call: Call
    parent: str | None = None
    kind_stated: bool = True


class Calls:
    """Holds the segments and applies events to them."""

    def __init__(
        self,
        *,
        programming: Programming,
        users: Users,
        audit: AuditSink,
        clock: Clock,
        keeper: SegmentKeeper,
        last_number: int,
        on_decision: Callable[[Segment], None] = lambda _: None,
        new_id: Callable[[], str] = lambda: new_segment_id(time_ns()),
    ) -> None:
        self._programming = programming
        self._users = users
        self._audit = audit
        self._clock = clock
        self._keeper = keeper
        self._on_decision = on_decision
        self._new_id = new_id
        self._number = last_number
        self._open: dict[str, Segment] = {}
        self._ended: OrderedDict[str, Segment] = OrderedDict()
        self._by_native_id: dict[str, str] = {}
        self._latest_of_conversation: dict[str, str] = {}
        self._paused: set[str] = set()
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
            raise Full(
                "too-many-open-segments",
                f"{bounds.OPEN_SEGMENTS} segments are open, the most this recorder holds",
                "end segments that are over; the call itself is not affected",
            )
        parent = None if arrival.parent is None else self.get(arrival.parent)
        if parent is not None and parent.call.conversation != call.conversation:
            raise Conflict(
                "other-conversation",
                "the parent segment belongs to another conversation",
                "send the conversation of the parent; all segments of a conversation share it",
            )
        self._number += 1
        begun = segments.begin(
            identifier=self._new_id(),
            number=self._number,
            call=segments.inherited_direction(_with_kind(call, stated=arrival.kind_stated), parent),
            begun_as=call,
            parent=parent,
            config=self._programming.config,
            directory=self._users.directory,
            started_before=self._started_before(call, parent),
            now=self._clock.now(),
        )
        self._by_native_id[call.native_id] = begun.id
        self._latest_of_conversation[call.conversation] = begun.id
        self._keep(begun)
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
        before = self._open_one(identifier)
        call = replace(before.call, **changes)  # type: ignore[arg-type]  # the body's model has typed them
        call = _with_kind(call, stated="kind" in changes)
        if call == before.call:
            return before
        changed = segments.change(before, call, self._users.directory, self._clock.now())
        self._keep(changed)
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
        ended = segments.end(self._open.pop(identifier), self._clock.now())
        del self._by_native_id[ended.call.native_id]
        self._ended[identifier] = ended
        self._noted(ended)
        if len(self._ended) > bounds.ENDED_SEGMENTS:
            _, forgotten = self._ended.popitem(last=False)
            if self._latest_of_conversation.get(forgotten.call.conversation) == forgotten.id:
                del self._latest_of_conversation[forgotten.call.conversation]
        return ended

    async def start_recording(self, identifier: str, user: str, actor: Actor) -> Segment:
        """A user starts recording on demand. Already recording is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or the settings do not let this user record it.
            AuditFault: the row cannot be written; nothing was started.
        """
        if self._recorded(identifier, user).users[user].state in {State.RECORDING, State.PAUSED}:
            return self._open[identifier]
        await self._let_start(identifier, user, actor)
        found = self._recorded(identifier, user)
        begun = segments.start(found, user, self._users.directory, self._clock.now())
        recording = begun.users[user].open_recording
        assert recording is not None
        # Whatever opens while the row is written gets another ordinal.
        self._open[identifier] = replace(found, reserved=recording.ordinal)
        await self._act(Action.START_RECORDING, begun, user, actor)
        # The call went on while the row was written: what holds is what the settings say now.
        try:
            await self._let_start(identifier, user, actor)
            found = self._recorded(identifier, user)
        except Refused:
            self._keeper.withdraw(key_of(begun.number, recording.ordinal))
            raise
        if found.users[user].open_recording is None:
            now = self._clock.now() if found.call is not begun.call else recording.opened
            started = segments.start(found, user, self._users.directory, now, ordinal=recording.ordinal)
        else:
            # A decision has opened one meanwhile.
            self._keeper.withdraw(key_of(begun.number, recording.ordinal))
            started = found
        self._keep(started)
        log.info("recording_started", segment=identifier)
        return started

    async def stop_recording(self, identifier: str, user: str, actor: Actor) -> Segment:
        """A user stops what they started. Not recording is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or the recording is automatic.
            AuditFault: the row cannot be written; nothing was stopped.
        """
        found = self._recorded(identifier, user)
        if not found.users[user].started:
            if found.users[user].open_recording is not None:
                raise Conflict(
                    "automatic-recording",
                    "this recording was not started by its user and cannot be stopped by them",
                    "nothing; the settings ask for it (see the decision's source)",
                )
            return found
        now = self._clock.now()
        await self._act(Action.STOP_RECORDING, segments.stop(found, user, now), user, actor)
        found = self._recorded(identifier, user)
        if not found.users[user].started:
            return found
        stopped = segments.stop(found, user, now)
        self._keep(stopped)
        log.info("recording_stopped", segment=identifier)
        return stopped

    async def pause_recording(self, identifier: str, user: str | None, actor: Actor) -> Segment:
        """Nothing is captured from here on, until it is resumed or `bounds.PAUSE_SECONDS` are over.

        Args:
            identifier: the segment.
            user: whose recording; None for all of the segment.
            actor: who asks.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended, or nothing is being recorded.
            AuditFault: the row cannot be written; nothing was paused.
        """
        now = self._clock.now()
        until = now + timedelta(seconds=bounds.PAUSE_SECONDS)
        found = self._open_one(identifier)
        paused = segments.pause(found, self._pausable(found, user), until, now)
        await self._act(Action.PAUSE_RECORDING, paused, user, actor, {"until": instant_text(until)})
        # The call went on while the row was written: who is recorded now is paused now.
        found = self._open_one(identifier)
        paused = segments.pause(found, self._pausable(found, user), until, self._clock.now())
        self._paused.add(identifier)
        self._keep(paused)
        log.info("recording_paused", segment=identifier)
        return paused

    async def resume_recording(self, identifier: str, user: str | None, actor: Actor) -> Segment:
        """What was paused goes on. Not paused is no change.

        Raises:
            Unknown: no such segment, or not this user's.
            Conflict: it has ended.
            AuditFault: the row cannot be written; it stays paused.
        """
        found = self._open_one(identifier)
        names = _of(segments.paused_users(found), user)
        if not names:
            return found
        now = self._clock.now()
        await self._act(Action.RESUME_RECORDING, segments.resume(found, names, now), user, actor)
        found = self._open_one(identifier)
        resumed = segments.resume(found, _of(segments.paused_users(found), user), self._clock.now())
        self._keep(resumed)
        log.info("recording_resumed", segment=identifier)
        return resumed

    async def resume_due(self) -> None:
        """End the pauses that have lasted as long as they may: at once, whether or not that can be told of."""
        for identifier in tuple(self._paused):
            found = self._open.get(identifier)
            names = frozenset() if found is None else segments.paused_users(found)
            if found is None or not names:
                self._paused.discard(identifier)
                continue
            now = self._clock.now()
            due = segments.overdue_pauses(found, now)
            if not due:
                continue
            self._keep(segments.resume(found, due, now))
            log.info("pause_ended", segment=identifier)
            for user in sorted(due):
                details = self._details(identifier, user) | {"automatic": True}
                try:
                    await self._audit.emit(Action.RESUME_RECORDING, at=now, actor=ITSELF, details=details)
                except AuditFault as fault:
                    log.error("pause_ended_untold", segment=identifier, detail=fault.detail)  # noqa: TRY400 - where it was raised says nothing

    def is_buffering(self, identifier: str) -> bool:
        """Whether somebody may still start this call and would keep it from its start.

        Raises:
            Unknown: no such segment.
        """
        found = self.get(identifier)
        policy = found.config.policy if found.config is not None else None
        if found.ended is not None or policy is None or policy.capture.value != "WholeCall":
            return False
        return any(user.state is State.WAITING for user in found.users.values())

    async def kept(self) -> None:
        """Wait until what happened to segments is on disk; not for a store that cannot write, or not soon."""
        await self._keeper.kept()

    def watch(self, told: Callable[[Segment], None]) -> None:
        """Have this told of every segment whenever it begins, changes or ends."""
        self._told = told

    def _keep(self, segment: Segment) -> None:
        """This is how an open segment stands now."""
        self._open[segment.id] = segment
        self._noted(segment)

    def _noted(self, segment: Segment) -> None:
        self._keeper.note(segment)
        self._told(segment)

    def _pausable(self, found: Segment, user: str | None) -> frozenset[str]:
        if user is not None and user not in found.users:
            raise unknown_segment()
        being_made = frozenset(name for name, one in found.users.items() if one.open_recording is not None)
        names = _of(being_made, user)
        if not names:
            raise Conflict(
                "not-recording", "nothing of this call is being recorded", "nothing; there is nothing to pause"
            )
        return names

    def _same(self, found: Segment, arrival: Arrival) -> Segment:
        if found.begun_as == arrival.call and found.parent == arrival.parent:
            return found
        raise Conflict(
            "segment-exists",
            "a segment with this nativeId is open and was started with another body",
            "send changes to :update, end the open segment first, or use another nativeId",
            {"segment": found.id},
        )

    def _started_before(self, call: Call, parent: Segment | None) -> frozenset[str]:
        """Whose start on demand goes on here: a transfer continues, a retrieval from park does not."""
        if call.kind is CallKind.UNPARKED:
            return frozenset()
        if parent is None:
            latest = self._latest_of_conversation.get(call.conversation)
            parent = (self._open.get(latest) or self._ended.get(latest)) if latest is not None else None
        return frozenset() if parent is None else segments.started_users(parent)

    def _open_one(self, identifier: str) -> Segment:
        found = self.get(identifier)
        if found.ended is not None:
            raise Conflict("segment-ended", "this segment has ended", "start a new segment of the conversation")
        return found

    def _recorded(self, identifier: str, user: str) -> Segment:
        found = self._open_one(identifier)
        if user not in found.users:
            raise unknown_segment()
        return found

    async def _let_start(self, identifier: str, user: str, actor: Actor) -> None:
        found = self._recorded(identifier, user)
        decision = segments.asked(found, self._users.directory, user)
        if decision is None:
            raise unknown_segment()
        if decision.outcome is Outcome.SKIP:
            await self._refuse_start(identifier, user, actor, decision)
            raise Conflict(
                "start-refused",
                f"this call is not recorded: {decision.deciding.message}",
                "nothing; the setting named in `source` decides",
                {"reason": decision.reason.value, "source": None if decision.source is None else str(decision.source)},
            )
        if len(found.users[user].recordings) >= bounds.RECORDINGS_PER_USER:
            raise Conflict(
                "too-many-recordings",
                f"this segment has {bounds.RECORDINGS_PER_USER} recordings of this user",
                "end the segment and start a new one of the conversation",
            )

    async def _act(
        self,
        action: Action,
        after: Segment,
        user: str | None,
        actor: Actor,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """Write what the segment becomes, together with the row of who did it."""
        details = self._details(after.id, user) | dict(more)
        await self._audit.act(
            lambda rows: rows.save_segments((after,)), action, at=self._clock.now(), actor=actor, details=details
        )

    async def _refuse_start(self, identifier: str, user: str, actor: Actor, refused_by: Decision) -> None:
        details = self._details(identifier, user) | {"reason": refused_by.reason.value}
        now = self._clock.now()
        await self._audit.emit(Action.REFUSE_RECORDING_START, at=now, actor=actor, details=details)

    def _details(self, identifier: str, user: str | None) -> dict[str, object]:
        config = self._open[identifier].config
        details: dict[str, object] = {"segment": identifier}
        if user is not None:
            details["user"] = user
        return details if config is None else details | {"revision": revision(config)}


def new_segment_id(now_nanoseconds: int) -> str:
    """32 hex digits: 12 of the millisecond, 20 by chance.

    Ids that grow go to the end of their indexes, where a commit changes one page for all of them; ids by chance change
    a page each, and a page is 4 KiB of journal.
    """
    return f"{now_nanoseconds // 1_000_000:012x}{token_hex(10)}"


def unknown_segment() -> Unknown:
    """What is answered for a segment that is not there, and for one that is not the asker's."""
    return Unknown(
        "unknown-segment",
        "there is no such segment, or it is not yours",
        "GET /v1/calls lists those in memory (open ones, and the last that ended)",
    )


def _of(names: frozenset[str], user: str | None) -> frozenset[str]:
    """This user, where among them; all of them for None."""
    return names if user is None else names & {user}


def _with_kind(call: Call, *, stated: bool) -> Call:
    """A third party makes a call between peers a group call, unless its source says what it is."""
    if stated or call.kind is not CallKind.PEER_TO_PEER or len(call.parties) <= PEERS:
        return call
    return replace(call, kind=CallKind.GROUP)
