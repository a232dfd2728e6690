"""Which rows are due: from what was seen, what was told, and the notes. No I/O, no clock.

Accepted changes are told by what was seen of the object, one row for each generation and each state of our
annotations; a generation that went by unseen gets its row too, from its note. What never was seen at all (made and
deleted between two looks) is told from notes of the audit webhook, which knows what took place.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.operator.attribution.book import Book, Told, row_key
from callkeeper.operator.attribution.note import Note, Source, Verb
from callkeeper.operator.attribution.notes import ChangeNotes, note_name
from callkeeper.operator.attribution.row import Telling
from callkeeper.operator.attribution.sightings import Sighting, Sightings
from callkeeper.operator.attribution.versions import Mark
from callkeeper.operator.attribution.who import who_wrote

NOTE_WAIT_SECONDS = 2.0
"""How long a change waits for a note of who made it. The admission webhook's is there before the change is seen."""

AUDIT_WAIT_SECONDS = 5.0
"""How long it waits for the audit webhook's note, which knows the address, where the cluster has one; its batches come
every second as the documentation sets them."""

UNSEEN_WAIT_SECONDS = 10.0
"""After which a write that the audit webhook told of, of an object nobody saw, is told from that."""

MAX_MISSED_TOLD = 50
"""Generations of one object that went by unseen and are told one by one; of more, the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long to wait for notes, in seconds; see the constants of this module."""

    note_seconds: float = NOTE_WAIT_SECONDS
    audit_seconds: float = AUDIT_WAIT_SECONDS
    unseen_seconds: float = UNSEEN_WAIT_SECONDS


@dataclass(slots=True, kw_only=True)
class Due:
    """What is to be done now.

    Attributes:
        tellings: rows, in order.
        told: objects' lines in the book as they are once these rows are there; None takes a line out.
        settled: notes that need no row any more.
        seen: uids of which nothing more is to be told.
        again_at: monotonic seconds at which more may be due; None where nothing waits.
    """

    tellings: list[Telling] = field(default_factory=list)
    told: dict[str, Told | None] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    again_at: float | None = None

    def wait_until(self, instant: float) -> None:
        """Look again then, at the latest."""
        self.again_at = instant if self.again_at is None else min(self.again_at, instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What planning needs beside the namespace's own.

    Attributes:
        notes: the notes.
        trusted: accounts whose annotations name the author.
        now: monotonic seconds.
        instant: the same as an instant, for what has no other.
        waits: how long to wait.
        most: rows at most.
        told: the book's keys, quick to look in.
    """

    notes: ChangeNotes
    trusted: Collection[str]
    now: float
    instant: datetime
    waits: Waits
    most: int
    told: Collection[str]


def due_changes(sightings: Sightings, book: Book, about: Circumstances) -> Due:
    """Rows about objects that were seen, or that were told of and are not there any more."""
    due = Due()
    for uid in list(sightings.dirty):
        if len(due.tellings) >= about.most:
            due.wait_until(about.now)
            return due
        _object(uid, sightings, book, about, due)
    if sightings.complete_since is not None:
        for uid in book.objects.keys() - sightings.objects.keys():
            if len(due.tellings) >= about.most:
                due.wait_until(about.now)
                return due
            _vanished(uid, book.objects[uid], sightings.complete_since, about, due)
    return due


def due_unseen(sightings: Sightings, book: Book, found: Collection[tuple[float, Note]], about: Circumstances) -> Due:
    """Rows about writes that took place, as notes say, and that nobody saw.

    Args:
        sightings: what was seen.
        book: what was told.
        found: open notes of this namespace about writes that took place, with the time they came.
        about: the rest.
    """
    due = Due()
    for came, note in found:
        name = note_name(note)
        if not note.uid or _is_told(note, sightings, book, about.told):
            due.settled.append(name)
        elif note.uid in sightings.dirty or _will_be_seen(note, sightings):
            continue  # told when it is seen, and settled after that
        elif about.now - came < about.waits.unseen_seconds:
            due.wait_until(came + about.waits.unseen_seconds)
        elif len(due.tellings) >= about.most:
            due.wait_until(about.now)
        else:
            due.tellings.append(_from_note(note, sightings, book, about))
            due.settled.append(name)
    return due


def _object(uid: str, sightings: Sightings, book: Book, about: Circumstances, due: Due) -> None:
    """One object that was seen in a state not told yet, perhaps."""
    seen, before = sightings.objects[uid], book.objects.get(uid)
    if before is None and row_key(uid, None) in about.told:
        due.seen.append(uid)
        return
    steps = list(_steps(uid, seen, before, about))
    ripe_at = max((_ripe_at(note, seen.since, about) for _, note in steps), default=about.now)
    if steps and not sightings.has_recorder(seen.version.recorder):
        # The Recorder is often applied together with what names it, and a moment later.
        ripe_at = max(ripe_at, seen.since + about.waits.note_seconds)
    if ripe_at > about.now:
        due.wait_until(ripe_at)
        return
    due.seen.append(uid)
    if before is not None and not steps:
        return
    recorder = sightings.log_of(seen.version.recorder, before.recorder if before else None)
    due.told[uid] = None if seen.removed else Told(key=seen.version.key, recorder=recorder, mark=seen.version.mark)
    base = sightings.bases.get(uid)
    for mark, note in steps:
        telling = _telling(seen, mark, note, recorder, about)
        if mark == _last_mark(seen) and base is not None and before is not None and base[0] == before.mark:
            telling = replace(telling, before=base[1], before_generation=base[0].generation)
        if before is None and mark is not None and mark == steps[0][0] and not _creation_told(uid, seen, about):
            telling = replace(telling, action=Action.CREATE_SETTINGS)
        due.tellings.append(telling)


def _creation_told(uid: str, seen: Sighting, about: Circumstances) -> bool:
    """Whether a note told of the creation before the object was seen."""
    last = _last_mark(seen)
    first = about.notes.of_generation(uid, 1) if last.generation > 1 else None
    return first is not None and row_key(uid, Mark(generation=1, annotations=first.annotations)) in about.told


def _steps(
    uid: str, seen: Sighting, before: Told | None, about: Circumstances
) -> Iterator[tuple[Mark | None, Note | None]]:
    """The rows of one object: the mark of each and its note; no mark is the deletion."""
    notes, last = about.notes, _last_mark(seen)
    first = before.mark.generation + 1 if before else _first_known(uid, last.generation, notes)
    for generation in range(max(first, last.generation - MAX_MISSED_TOLD + 1), last.generation + 1):
        if generation == last.generation:
            mark, note = last, notes.of_write(uid, last, seen.version.resource_version)
        else:
            note = notes.of_generation(uid, generation)
            mark = Mark(generation=generation, annotations=note.annotations if note else "")
        if row_key(uid, mark) not in about.told:
            yield mark, note
    if before and before.mark.generation == last.generation and not seen.version.deleting and before.mark != last:
        yield last, notes.of_write(uid, last, seen.version.resource_version)
    if seen.removed:
        yield None, notes.of_deletion(uid)


def _first_known(uid: str, last: int, notes: ChangeNotes) -> int:
    """The first generation to tell of, of an object that was never told of: the first one with a note, else this."""
    earliest = max(1, last - MAX_MISSED_TOLD + 1)
    return next((one for one in range(earliest, last) if notes.of_generation(uid, one) is not None), last)


def _last_mark(seen: Sighting) -> Mark:
    """The mark of the last change of the spec; the request to delete an object moves the generation as well."""
    mark = seen.version.mark
    return replace(mark, generation=max(1, mark.generation - 1)) if seen.version.deleting else mark


def _ripe_at(note: Note | None, since: float, about: Circumstances) -> float:
    """When a row need not wait for better notes any more."""
    waits = about.waits
    if note is not None and note.source is Source.AUDIT:
        return since
    if about.notes.expects_audit:
        return since + waits.audit_seconds
    return since if note is not None else since + waits.note_seconds


def _telling(seen: Sighting, mark: Mark | None, note: Note | None, recorder: str, about: Circumstances) -> Telling:
    version = seen.version
    last = mark is not None and mark == _last_mark(seen)
    who = who_wrote(note, version if last else None, about.trusted)
    at = note.at if note else about.instant
    if note is None and last:
        at = (version.created if mark == Mark(generation=1) else version.written) or about.instant
    return Telling(
        action=Action.DELETE_SETTINGS if mark is None else Action.UPDATE_SETTINGS,
        key=version.key,
        recorder=recorder,
        at=at,
        who=who,
        row_key=row_key(version.uid, mark),
        uid=version.uid,
        mark=mark,
        generation=mark.generation if mark else version.mark.generation,
        before=seen.facts if mark is None else None,
        after=seen.facts if last else None,
        fields=note.fields if note else (),
    )


def _vanished(uid: str, told: Told, since: float, about: Circumstances, due: Due) -> None:
    """An object that was told of and is not there, though everything was listed: it went while nobody watched."""
    note = about.notes.of_deletion(uid)
    ripe_at = _ripe_at(note, since, about)
    if ripe_at > about.now:
        due.wait_until(ripe_at)
        return
    due.told[uid] = None
    due.tellings.append(
        Telling(
            action=Action.DELETE_SETTINGS,
            key=told.key,
            recorder=told.recorder,
            at=note.at if note else about.instant,
            who=who_wrote(note, None, about.trusted),
            row_key=row_key(uid, None),
            uid=uid,
            generation=told.mark.generation,
        )
    )


def _is_told(note: Note, sightings: Sightings, book: Book, told: Collection[str]) -> bool:
    mark = Mark(generation=note.generation, annotations=note.annotations)
    if row_key(note.uid, None if note.verb is Verb.DELETE else mark) in told:
        return True
    line = book.objects.get(note.uid)
    if note.verb is Verb.DELETE or line is None:
        return False
    if note.generation < line.mark.generation or mark == line.mark:
        return True
    seen = sightings.objects.get(note.uid)
    # An object on its way out has a generation more than its last change made.
    return seen is not None and seen.version.deleting and note.generation <= line.mark.generation


def _will_be_seen(note: Note, sightings: Sightings) -> bool:
    """Whether the object is watched, and this write is later than what was seen of it."""
    seen = sightings.objects.get(note.uid)
    if seen is None or seen.removed:
        return False
    return note.verb is Verb.DELETE or note.resource_version > seen.version.resource_version


def _from_note(note: Note, sightings: Sightings, book: Book, about: Circumstances) -> Telling:
    action = {
        Verb.CREATE: Action.CREATE_SETTINGS,
        Verb.UPDATE: Action.UPDATE_SETTINGS,
        Verb.DELETE: Action.DELETE_SETTINGS,
    }[note.verb]
    mark = None if note.verb is Verb.DELETE else Mark(generation=note.generation, annotations=note.annotations)
    line = book.objects.get(note.uid)
    return Telling(
        action=action,
        key=note.key,
        recorder=sightings.log_of(note.recorder, line.recorder if line else None),
        at=note.at,
        who=who_wrote(note, None, about.trusted),
        row_key=row_key(note.uid, mark),
        uid=note.uid,
        mark=mark,
        generation=note.generation,
        fields=note.fields,
    )
