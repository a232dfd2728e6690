"""Notes and tags: what people add to recordings they work with. Each change commits with its audit event."""

from collections.abc import Callable
from secrets import token_hex

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory, Role
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Conflict, NotAllowed, Unknown
from callkeeper.recorder.recordings.access import WORKING, known_as, viewer
from callkeeper.recorder.recordings.found import find
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recording import KeptRecording, Note
from callkeeper.recorder.store.search import Viewer


class Annotating:
    """Adds, changes and removes notes and tags."""

    def __init__(self, *, audit: AuditSink, clock: Clock, new_id: Callable[[], str] = lambda: token_hex(16)) -> None:
        self._audit = audit
        self._clock = clock
        self._new_id = new_id

    async def add_note(self, identifier: str, text: str, *, actor: Actor, directory: Directory) -> Note:
        """Write a note.

        Raises:
            Unknown: no such recording, or not for this actor.
            Gone: it was removed.
            Conflict: it has too many notes, or an erasure is registered.
            AuditFault: nothing was done.
        """
        seen, now, name = viewer(actor.principal, directory, WORKING), self._clock.now(), self._new_id()
        author = known_as(actor.principal, directory)

        def unit(rows: Writing) -> Note:
            recording = _open_to_work(rows, identifier, seen)
            if len(rows.notes_of(recording.key)) >= bounds.NOTES:
                raise Conflict(
                    "too-many-notes", f"the recording has {bounds.NOTES} notes, the most it takes", "delete some"
                )
            note = Note(id=name, recording=recording.key, author=author, text=text, created=now)
            rows.add_note(note)
            return note

        details = {"recording": identifier, "note": name}
        return await self._audit.act(unit, Action.ADD_NOTE, at=now, actor=actor, details=details)

    async def edit_note(self, identifier: str, note: str, text: str, *, actor: Actor, directory: Directory) -> Note:
        """Change a note's text; its author's and an administrator's.

        Raises:
            Unknown: no such recording or note, or not for this actor.
            NotAllowed: somebody else wrote it.
            Gone, Conflict, AuditFault: as `add_note`.
        """
        seen, now = viewer(actor.principal, directory, WORKING), self._clock.now()

        def unit(rows: Writing) -> Note:
            own = _own_note(rows, identifier, note, seen, actor, directory)
            rows.edit_note(own.id, text, at=now)
            edited = rows.note(own.id)
            assert edited is not None
            return edited

        details = {"recording": identifier, "note": note}
        return await self._audit.act(unit, Action.UPDATE_NOTE, at=now, actor=actor, details=details)

    async def delete_note(self, identifier: str, note: str, *, actor: Actor, directory: Directory) -> None:
        """Remove a note; its author's and an administrator's.

        Raises:
            Unknown, NotAllowed, Gone, Conflict, AuditFault: as `edit_note`.
        """
        seen, now = viewer(actor.principal, directory, WORKING), self._clock.now()

        def unit(rows: Writing) -> None:
            rows.delete_note(_own_note(rows, identifier, note, seen, actor, directory).id)

        details = {"recording": identifier, "note": note}
        await self._audit.act(unit, Action.DELETE_NOTE, at=now, actor=actor, details=details)

    async def add_tag(self, identifier: str, tag: str, *, actor: Actor, directory: Directory) -> tuple[str, ...]:
        """Set a tag; one that is set already is no change and leaves no row.

        Returns:
            All tags, sorted.

        Raises:
            Unknown: no such recording, or not for this actor.
            Gone: it was removed.
            Conflict: it has too many tags, or an erasure is registered.
            AuditFault: nothing was done.
        """
        seen, now = viewer(actor.principal, directory, WORKING), self._clock.now()
        author = known_as(actor.principal, directory)

        def unit(rows: Writing) -> tuple[str, ...]:
            recording = _open_to_work(rows, identifier, seen)
            if tag in recording.tags:
                raise _Unchanged(recording.tags)
            if len(recording.tags) >= bounds.TAGS:
                raise Conflict(
                    "too-many-tags", f"the recording has {bounds.TAGS} tags, the most it takes", "remove some"
                )
            rows.add_tag(recording.key, tag, by=author, at=now)
            return tuple(sorted((*recording.tags, tag)))

        return await self._tag(unit, Action.ADD_TAG, identifier, tag, actor)

    async def remove_tag(self, identifier: str, tag: str, *, actor: Actor, directory: Directory) -> tuple[str, ...]:
        """Take a tag away; one that is not set is no change and leaves no row.

        Returns:
            All tags, sorted.

        Raises:
            Unknown, Gone, Conflict, AuditFault: as `add_tag`.
        """
        seen = viewer(actor.principal, directory, WORKING)

        def unit(rows: Writing) -> tuple[str, ...]:
            recording = _open_to_work(rows, identifier, seen)
            if not rows.remove_tag(recording.key, tag):
                raise _Unchanged(recording.tags)
            return tuple(other for other in recording.tags if other != tag)

        return await self._tag(unit, Action.REMOVE_TAG, identifier, tag, actor)

    async def _tag(
        self, unit: Callable[[Writing], tuple[str, ...]], action: Action, identifier: str, tag: str, actor: Actor
    ) -> tuple[str, ...]:
        details = {"recording": identifier, "tag": tag}
        try:
            return await self._audit.act(unit, action, at=self._clock.now(), actor=actor, details=details)
        except _Unchanged as unchanged:
            return unchanged.tags


class _Unchanged(Exception):  # noqa: N818 - no error: there is nothing to do, and nothing to tell of
    def __init__(self, tags: tuple[str, ...]) -> None:
        super().__init__()
        self.tags = tags


def _open_to_work(rows: Reading, identifier: str, seen: Viewer) -> KeptRecording:
    recording = find(rows, identifier, seen)
    if recording.restricted:
        raise restricted()
    return recording


def restricted() -> Conflict:
    """What is answered where an erasure is registered."""
    return Conflict(
        "recording-restricted",
        "a request to erase this recording is registered; nothing is done with it but keeping it while it is held",
        "nothing; it is erased when its protection ends",
    )


def _own_note(rows: Reading, identifier: str, name: str, seen: Viewer, actor: Actor, directory: Directory) -> Note:
    recording = _open_to_work(rows, identifier, seen)
    note = rows.note(name)
    if note is None or note.recording != recording.key:
        raise Unknown("unknown-note", "the recording has no such note", "GET the recording for those it has")
    if note.author != known_as(actor.principal, directory) and Role.ADMINISTRATOR not in actor.principal.roles:
        raise NotAllowed(
            "not-your-note",
            "somebody else wrote this note",
            "ask its author or an administrator, or write a note of your own",
        )
    return note
