"""The notes of the last hour, in memory: found by the write they are about, bounded, each taken once.

Every operator replica keeps them, so that a failover loses none. Read from worker threads too, so that it locks.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock

from callkeeper.operator.attribution.note import Note, Source, Verb, notes_of
from callkeeper.operator.attribution.versions import Mark

MAX_NOTES = 10_000
"""Notes kept, about 10 MB at worst; the oldest go first. A push of 5,000 objects makes 5,000, or twice that from two
sources."""

NOTE_SECONDS = 3600.0
"""How long a note is kept: long enough for an audit log that is away for a while, and for deletions that wait for
somebody's finalizer."""


class ChangeNotes:
    """Takes notes, and finds what is known about a write."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, most: int = MAX_NOTES, seconds: float = NOTE_SECONDS
    ) -> None:
        """Begin without notes.

        Args:
            clock: monotonic seconds.
            most: notes kept.
            seconds: how long.
        """
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._lock = Lock()
        self._notes: OrderedDict[str, tuple[float, Note]] = OrderedDict()
        self._by_uid: dict[str, tuple[str, ...]] = {}
        self._open: OrderedDict[str, None] = OrderedDict()
        self._audit_seen: float | None = None
        self._listeners: list[Callable[[], None]] = []
        self.taken = 0
        self.dropped = 0

    def on_arrival(self, listener: Callable[[], None]) -> None:
        """Call this whenever notes came."""
        self._listeners.append(listener)

    def take_body(self, body: bytes) -> int:
        """Take the notes of an HTTP body; how many were new.

        Raises:
            NoteError: it is no such body. Nothing of it was taken.
        """
        return self.take(notes_of(body))

    def take(self, notes: Iterable[Note]) -> int:
        """Take notes; those it has already are left. How many were new."""
        new = 0
        with self._lock:
            now = self._clock()
            self._expire(now)
            for note in notes:
                new += self._take(note, now)
            self.taken += new
        if new:
            for listener in self._listeners:
                listener()
        return new

    @property
    def expects_audit(self) -> bool:
        """Whether the API server's audit webhook has been heard of lately, so that it is worth waiting for."""
        seen = self._audit_seen
        return seen is not None and self._clock() - seen < self._seconds

    def __len__(self) -> int:
        return len(self._notes)

    def of_write(self, uid: str, mark: Mark, resource_version: int = 0) -> Note | None:
        """What is known about the creation or update that brought an object to this mark.

        Args:
            uid: the object's.
            mark: its state.
            resource_version: at which it was first seen in this state; 0 where unknown.
        """
        return _best(
            [
                note
                for note in self._of(uid)
                if note.verb is not Verb.DELETE
                and note.generation == mark.generation
                and note.annotations == mark.annotations
            ],
            resource_version,
        )

    def of_generation(self, uid: str, generation: int) -> Note | None:
        """What is known about the write that made a generation, whatever the annotations were then."""
        return _best([one for one in self._of(uid) if one.verb is not Verb.DELETE and one.generation == generation])

    def of_deletion(self, uid: str) -> Note | None:
        """What is known about the deletion of an object."""
        return _best([note for note in self._of(uid) if note.verb is Verb.DELETE])

    def open_notes(self) -> tuple[tuple[float, Note], ...]:
        """Notes that are a row by themselves unless something else tells it, with the time they came; oldest first.

        Refused attempts, and writes that are known to have taken place.
        """
        with self._lock:
            self._expire(self._clock())
            return tuple(self._notes[name] for name in self._open)

    def settle(self, name: str) -> None:
        """An open note needs no row any more; it stays for finding."""
        with self._lock:
            self._open.pop(name, None)

    def _of(self, uid: str) -> tuple[Note, ...]:
        with self._lock:
            if not uid:
                return ()
            found = (self._notes.get(name) for name in self._by_uid.get(uid, ()))
            return tuple(one[1] for one in found if one is not None and not one[1].refused)

    def _take(self, note: Note, now: float) -> bool:
        if note.source is Source.AUDIT:
            self._audit_seen = now
        name = note_name(note)
        if name in self._notes:
            return False
        while len(self._notes) >= self._most:
            self._forget_oldest()
            self.dropped += 1
        self._notes[name] = (now, note)
        if note.uid:
            self._by_uid[note.uid] = (*self._by_uid.get(note.uid, ()), name)
        if note.refused or note.stored:
            self._open[name] = None
        return True

    def _expire(self, now: float) -> None:
        while self._notes:
            came, _ = next(iter(self._notes.values()))
            if now - came < self._seconds:
                return
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        name, (_, note) = self._notes.popitem(last=False)
        self._open.pop(name, None)
        rest = tuple(one for one in self._by_uid.get(note.uid, ()) if one != name)
        if rest:
            self._by_uid[note.uid] = rest
        else:
            self._by_uid.pop(note.uid, None)


def note_name(note: Note) -> str:
    """Under which a note is known; the same when it comes again."""
    return f"{note.source.value}:{note.id}"


def _best(notes: list[Note], resource_version: int = 0) -> Note | None:
    """The note to go by of several about one state.

    The audit webhook's comes before admission's. Of several of its the first with the latest version that was not
    later than what was seen: who writes the same again changes nothing and is told the version of who did. Of
    admission's the last: those before it may have failed. Fields that one lacks another of that user may name.
    """
    if not notes:
        return None
    audit = [note for note in notes if note.source is Source.AUDIT]
    if audit:
        seen = [note for note in audit if note.resource_version <= resource_version] or audit
        latest = max(note.resource_version for note in seen) if resource_version else seen[0].resource_version
        best = next(note for note in seen if note.resource_version == latest)
    else:
        best = max(notes, key=lambda note: note.at)
    if best.fields:
        return best
    fields = next((note.fields for note in reversed(notes) if note.user == best.user and note.fields), ())
    return replace(best, fields=fields)
