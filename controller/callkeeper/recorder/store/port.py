"""The store as its users see it: subjects in domain values, a unit of work, and nothing of any database.

    await store.write(lambda rows: rows.add_note(note))          one transaction, on disk when it returns
    await store.read(lambda rows: rows.recording(identifier))    one snapshot

Facts about units:
    - A unit given to `write` runs in the writer's thread, after all units given before it and before all given later.
      It sees what they wrote. What it raises undoes that unit alone and reaches its caller; several units may share one
      commit, which is nobody's business but the writer's.
    - A unit must not wait, must not touch state of the event loop, and must not keep `rows` for later.
    - When the commit fails, nothing of the unit is there (`StorageFault`); the caller may try it again.
    - An action and its audit event belong in one unit: `rows.add_event(event)` beside the change, most simply through
      `AuditSink.emit(…, doing=unit)`.
    - A query given to `read` runs in one of a few threads, on a snapshot of what was committed before; it may stream
      (consume the iterator inside the query) and must not write. What it costs, calls do not wait for.
    - Cancelling the wait does not take a unit back.

`tests/recorder/store/contract/` is what any adapter has to pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from callkeeper.policy.call import Call
from callkeeper.policy.directory import User
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.ledger import LedgerRow, LedgerState
from callkeeper.recorder.store.outbox import Event, OutboxSize
from callkeeper.recorder.store.recording import KeptDecision, KeptRecording, Media, Note, Status
from callkeeper.recorder.store.recovery import Recovery
from callkeeper.recorder.store.retention import ErasureRequest, ExpiringRecording, KeptHold, Tombstone
from callkeeper.recorder.store.search import Looked, Place, Search, Viewer

T = TypeVar("T")


class SegmentRows(Protocol):
    """Segments and the ledger."""

    def ledger(self, start: datetime, end: datetime, after: int, limit: int) -> list[LedgerRow]:
        """Segments started in `[start, end)` with a number above `after`, ascending by number."""
        ...

    def ledger_totals(self, start: datetime, end: datetime) -> dict[LedgerState, int]:
        """How many segments started in `[start, end)` stand how; every state is there."""
        ...

    def decision_on(self, recording: int) -> KeptDecision | None:
        """The latest decision for the user of a recording, or None when there is no such recording."""
        ...

    def started_before(self, instant: datetime, after: int, limit: int) -> list[tuple[int, bool]]:
        """Number, and whether it has ended, of segments started before this instant, ascending after this number."""
        ...

    def calls_since(self, start: datetime) -> Iterator[tuple[str, Call]]:
        """Segment id and call of every segment started at this instant or later whose call is kept, streamed."""
        ...


class RecordingRows(Protocol):
    """Recordings, as somebody may see them. Those that are being removed (`UNREACHABLE`) are seen by nobody here."""

    def recording(self, identifier: str, viewer: Viewer) -> KeptRecording | None:
        """The recording of this id, or None when there is none or this viewer may not see it."""
        ...

    def search(self, search: Search, viewer: Viewer, after: Place | None, limit: int) -> list[KeptRecording]:
        """A page, the latest opened first, of equal instants the higher key first; after the given place."""
        ...

    def look(self, search: Search, viewer: Viewer, after: Place | None, limit: int, most: int) -> Looked:
        """The same, looking at so many recordings at most: all pages together are the same recordings."""
        ...

    def stored_media(self, after: int, limit: int) -> list[tuple[int, str, Media]]:
        """Key, id and media of recordings that have media, whatever their status, with a key above `after`."""
        ...


class RetentionRows(Protocol):
    """What deleting, holding and their arithmetic need."""

    def ended_before(self, instant: datetime, after: tuple[datetime, int] | None, limit: int) -> list[KeptRecording]:
        """Recordings whose clock is before this instant, ascending by clock and key, after the given clock and key.

        Those that are being removed are among them, so that a removal broken off is found again.
        """
        ...

    def unreachable(self, limit: int) -> list[KeptRecording]:
        """Recordings whose removal was begun, the earliest opened first."""
        ...

    def expiring(self, *, before: datetime | None = None, since: datetime | None = None) -> Iterator[ExpiringRecording]:
        """Every recording that is not being removed, as the arithmetic needs it, streamed in no order.

        Args:
            before: only those whose clock is before this instant, and those that have none.
            since: only those whose clock is this instant or later.
        """
        ...

    def holds_of(self, conversations: Iterable[str]) -> dict[str, tuple[KeptHold, ...]]:
        """All holds, released ones too, by conversation, in the order they were placed."""
        ...

    def all_holds(self) -> dict[str, tuple[KeptHold, ...]]:
        """The same of every conversation that has any."""
        ...

    def hold(self, identifier: str) -> KeptHold | None:
        """The hold of this id, or None."""
        ...

    def tombstone(self, recording: str) -> Tombstone | None:
        """What is left of the recording of this id, or None."""
        ...

    def tombstones_of(self, conversation: str, limit: int) -> list[Tombstone]:
        """The first tombstones of a conversation's recordings, in the order of their keys."""
        ...

    def tombstones_since(self, instant: datetime) -> Iterator[Tombstone]:
        """Recordings removed at this instant or later, ascending, streamed."""
        ...

    def open_erasures(self) -> list[ErasureRequest]:
        """Requests that were not carried out yet, the earliest first."""
        ...


class NoteRows(Protocol):
    """Notes and who wrote them. Tags are part of a recording."""

    def notes_of(self, recording: int) -> list[Note]:
        """The notes of a recording, the earliest first."""
        ...

    def note(self, identifier: str) -> Note | None:
        """The note of this id, or None."""
        ...


class OutboxRows(Protocol):
    """Audit events on their way."""

    def undelivered(self, limit: int) -> list[tuple[int, Event]]:
        """The first events with their numbers, ascending."""
        ...

    def outbox_size(self) -> OutboxSize:
        """How many wait, and since when."""
        ...

    def last_event_number(self) -> int:
        """The highest number an event was given; 0 before the first."""
        ...


class UserRows(Protocol):
    """The user directory, where it is kept here."""

    def users(self) -> list[User]:
        """All users, by id.

        Raises:
            StorageFault: a row is not what was written there.
        """
        ...

    def retired_users(self) -> dict[str, Retired]:
        """The deleted ones by id; may name somebody who is a user again."""
        ...


class MetaRows(Protocol):
    """Small facts by name: the last clock seen, a high-water mark."""

    def meta(self, name: str) -> str | None:
        """The value of this name, or None."""
        ...

    def metas(self, names: Sequence[str]) -> dict[str, str]:
        """The values of those of these names that have one."""
        ...


class Reading(SegmentRows, RecordingRows, RetentionRows, NoteRows, UserRows, OutboxRows, MetaRows, Protocol):
    """Everything that can be asked, on one snapshot."""


class Writing(Reading, Protocol):
    """Everything that can be changed, inside one transaction."""

    # Segments.
    def save_segments(self, segments: Sequence[Segment]) -> None:
        """Write these segments and their recordings as they are now, whether they are new or known.

        What others have written of a recording stays: its media, a status beyond closed, minimum, tags, notes.
        """
        ...

    def withdraw(self, recordings: Sequence[int]) -> None:
        """Take back rows of recordings that were written and then not begun; one that has media or ended stays."""
        ...

    def interrupt_open(self) -> tuple[int, int]:
        """Close what a run that died left open: segments at the last instant known of them, recordings as interrupted.

        Returns:
            How many segments, and how many recordings.
        """
        ...

    def forget_calls(self, segments: Sequence[int]) -> None:
        """Drop who took part in these segments, where they have ended; ledger and recordings stay."""
        ...

    # Recordings and media.
    def set_media(self, recording: int, media: Media, *, status: Status, last_media: datetime) -> None:
        """Record what is stored of a recording's media and how it stands now; the ledger follows."""
        ...

    def set_status(self, recordings: Sequence[int], status: Status) -> None:
        """Set how these recordings stand; the ledger follows."""
        ...

    def set_clock(self, recording: int, clock: datetime) -> None:
        """Set from when a recording's retention counts."""
        ...

    def grow_minimum(self, recording: int, minimum_until: datetime) -> None:
        """Promise to keep a recording until then; a promise that reaches further stays."""
        ...

    def add_tag(self, recording: int, tag: str, *, by: str, at: datetime) -> bool:
        """Add a tag; False when it was there."""
        ...

    def remove_tag(self, recording: int, tag: str) -> bool:
        """Remove a tag; False when it was not there."""
        ...

    def add_note(self, note: Note) -> None:
        """Add a note."""
        ...

    def edit_note(self, identifier: str, text: str, *, at: datetime) -> bool:
        """Change a note's text; False when there is no such note."""
        ...

    def delete_note(self, identifier: str) -> bool:
        """Remove a note; False when there is none."""
        ...

    # Retention and holds.
    def add_hold(self, hold: KeptHold) -> None:
        """Add a hold."""
        ...

    def release_hold(self, identifier: str, *, by: str, at: datetime) -> bool:
        """Release a hold; False when there is none or it was released before."""
        ...

    def bury(self, tombstone: Tombstone) -> bool:
        """Replace a recording, with all that hangs on it, by its tombstone; False when that was done before."""
        ...

    def bury_all(self, buried: Sequence[Tombstone]) -> frozenset[str]:
        """The same for many; the ids of the recordings with which it was not done before."""
        ...

    def add_erasure(self, request: ErasureRequest) -> None:
        """Register a request and restrict access to its recording."""
        ...

    def execute_erasure(self, identifier: str, *, at: datetime) -> bool:
        """Mark a request as carried out; False when there is none or it was carried out before."""
        ...

    # Users.
    def save_users(self, changed: Iterable[User]) -> None:
        """Add these users, or put them in place of those with their ids."""
        ...

    def retire_users(self, retired: Mapping[str, Retired]) -> None:
        """Remove the users with these ids, and remember them as deleted."""
        ...

    # Audit events and small facts.
    def add_event(self, event: Event) -> int:
        """Put an event into the outbox; its number is returned and never given again."""
        ...

    def add_events(self, events: Sequence[Event]) -> None:
        """Put events into the outbox, in this order."""
        ...

    def acknowledge(self, sequence: int) -> None:
        """Everything up to this number has been delivered: it need not be kept, and none of it is given again."""
        ...

    def renumber_events(self, *, after: int, least: int) -> None:
        """Give the waiting events with a number above `after` new ones in the same order, from `least` on.

        Only for events that were never sent: others are known elsewhere by the number they have.

        Args:
            after: the last number that stays.
            least: the first new one, above all that were given.
        """
        ...

    def set_meta(self, name: str, value: str) -> None:
        """Set a small fact."""
        ...

    def set_metas(self, values: Mapping[str, str]) -> None:
        """Set small facts."""
        ...

    def forget_metas(self, names: Sequence[str]) -> None:
        """Drop small facts; harmless where they are not there."""
        ...

    def forget_meta(self, name: str) -> None:
        """Drop a small fact; harmless when it is not there."""
        ...


class Store(Protocol):
    """A store, open; for one event loop and one process.

    Opening it closes what a run that died had left open (`Writing.interrupt_open`).
    """

    @property
    def recovery(self) -> Recovery:
        """What opening it found."""
        ...

    def watch_outbox(self, told: Callable[[], None]) -> None:
        """Have this called, in the event loop's thread, after each commit that put events into the outbox."""
        ...

    async def write(self, unit: Callable[[Writing], T]) -> T:
        """Run a unit in a transaction; what it returned, once it is on disk.

        Raises:
            StorageFault: it could not be committed; nothing of it is there. What the unit raised comes as it is.
        """
        ...

    async def save_segments(self, segments: Sequence[Segment]) -> None:
        """Write these segments as they are now, as `write` does with `Writing.save_segments`: what calls wait for.

        Raises:
            StorageFault: they could not be committed; nothing of them is there.
            RowsRefused: they contradict what is there, and always will.
            ValueError: a text among them cannot be kept.
        """
        ...

    async def read(self, query: Callable[[Reading], T]) -> T:
        """Run a query on a snapshot.

        Raises:
            StorageFault: the store cannot be read.
        """
        ...

    async def close(self) -> None:
        """Finish what was given and let go; harmless when done twice."""
        ...
