"""Recordings in SQL: reading, media, tags and notes. How they are searched is in `searching`."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from callkeeper.recorder.calls.segment import Stretch
from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.recording import KeptParty, KeptRecording, Media, Note, Status
from callkeeper.recorder.store.schema import holds, notes, recording_parties, recording_tags, recordings, segments
from callkeeper.recorder.store.search import Looked, Place, Search, Viewer
from callkeeper.recorder.store.searching import look_for_keys, page_of_keys, visible
from callkeeper.recorder.store.segment_rows import SegmentRowsSql

_REACHABLE = recordings.c.status != Status.UNREACHABLE.value
_IN_ONE_QUERY = 500
"""Keys in one IN list: below the bound that every database puts on parameters."""


class RecordingRowsSql(SegmentRowsSql):
    """See `port.RecordingRows` and `port.NoteRows`, and what of `port.Writing` concerns them."""

    _connection: Connection

    def recording(self, identifier: str, viewer: Viewer) -> KeptRecording | None:
        """See the port."""
        asked = select(recordings.c.key).where(recordings.c.id == identifier, _REACHABLE, visible(viewer))
        found = self.recordings_of(self._connection.scalars(asked).all())
        return found[0] if found else None

    def search(self, search: Search, viewer: Viewer, after: Place | None, limit: int) -> list[KeptRecording]:
        """See the port."""
        place = None if after is None else (micros(after[0]), after[1])
        return self.recordings_of(page_of_keys(self._connection, search, viewer, place, limit))

    def look(self, search: Search, viewer: Viewer, after: Place | None, limit: int, most: int) -> Looked:
        """See the port."""
        place = None if after is None else (micros(after[0]), after[1])
        keys, end = look_for_keys(self._connection, search, viewer, place, limit + 1, most)
        found = self.recordings_of(keys[:limit])
        if len(keys) > limit:
            return Looked(recordings=found, next=(found[-1].opened, found[-1].key))
        return Looked(recordings=found, next=None if end is None else (instant_of(end[0]), end[1]))

    def stored_media(self, after: int, limit: int) -> list[tuple[int, str, Media]]:
        """See the port."""
        asked = (
            select(recordings)
            .where(recordings.c.path.is_not(None), recordings.c.key > after)
            .order_by(recordings.c.key)
            .limit(limit)
        )
        found = ((row.key, row.id, _media(row)) for row in self._connection.execute(asked))
        return [(key, identifier, media) for key, identifier, media in found if media is not None]

    def recordings_of(self, keys: Sequence[int]) -> list[KeptRecording]:
        """The recordings of these keys, in this order."""
        found: dict[int, KeptRecording] = {}
        for begun in range(0, len(keys), _IN_ONE_QUERY):
            found |= self._recordings_of(keys[begun : begun + _IN_ONE_QUERY])
        return [found[key] for key in keys if key in found]

    def _recordings_of(self, keys: Sequence[int]) -> dict[int, KeptRecording]:
        run = self._connection.execute
        asked = (
            select(recordings, segments.c.id.label("segment_id"))
            .join(segments, segments.c.number == recordings.c.segment)
            .where(recordings.c.key.in_(keys))
        )
        rows = run(asked).all()
        parties: dict[int, list[KeptParty]] = defaultdict(list)
        table = recording_parties
        for row in run(select(table).where(table.c.recording.in_(keys)).order_by(table.c.recording, table.c.position)):
            party = KeptParty(role=row.role, number=row.number, display=row.display, user=row.user)
            parties[row.recording].append(party)
        tags: dict[int, list[str]] = defaultdict(list)
        for row in run(select(recording_tags).where(recording_tags.c.recording.in_(keys))):
            tags[row.recording].append(row.tag)
        conversations = {row.conversation for row in rows}
        held = set(
            self._connection.scalars(
                select(holds.c.conversation).where(holds.c.conversation.in_(conversations), holds.c.released.is_(None))
            )
        )
        return {
            row.key: _recording(row, tuple(parties[row.key]), tuple(sorted(tags[row.key])), row.conversation in held)
            for row in rows
        }

    def set_media(self, recording: int, media: Media, *, status: Status, last_media: datetime) -> None:
        """See the port."""
        self._connection.execute(
            update(recordings)
            .where(recordings.c.key == recording)
            .values(
                content_type=media.content_type,
                bytes=media.bytes,
                duration=media.duration,
                sha256=media.sha256,
                path=media.path,
                channels=json.dumps(media.channels),
                status=status.value,
                last_media=micros(last_media),
            )
        )
        self._follow_recordings((recording,))

    def set_status(self, keys: Sequence[int], status: Status) -> None:
        """See the port."""
        for begun in range(0, len(keys), _IN_ONE_QUERY):
            some = keys[begun : begun + _IN_ONE_QUERY]
            self._connection.execute(update(recordings).where(recordings.c.key.in_(some)).values(status=status.value))
            if status is not Status.UNREACHABLE:
                # What becomes of a recording in the end changes nothing about its having been made.
                self._follow_recordings(some)

    def _follow_recordings(self, keys: Sequence[int]) -> None:
        numbers = select(recordings.c.segment).where(recordings.c.key.in_(keys)).distinct()
        self.follow(self._connection.scalars(numbers).all())

    def set_clock(self, recording: int, clock: datetime) -> None:
        """See the port."""
        self._connection.execute(update(recordings).where(recordings.c.key == recording).values(clock=micros(clock)))

    def grow_minimum(self, recording: int, minimum_until: datetime) -> None:
        """See the port."""
        until = micros(minimum_until)
        self._connection.execute(
            update(recordings)
            .where(recordings.c.key == recording)
            .values(minimum_until=func.max(until, func.coalesce(recordings.c.minimum_until, until)))
        )

    def add_tag(self, recording: int, tag: str, *, by: str, at: datetime) -> bool:
        """See the port."""
        there = select(recordings.c.key, recordings.c.opened).where(recordings.c.key == recording)
        row = self._connection.execute(there).first()
        if row is None:
            return False
        value = {"tag": tag, "opened": row.opened, "recording": recording, "added_by": by, "added": micros(at)}
        return self._connection.execute(insert(recording_tags).values(value).on_conflict_do_nothing()).rowcount > 0

    def remove_tag(self, recording: int, tag: str) -> bool:
        """See the port."""
        table = recording_tags
        gone = delete(table).where(table.c.recording == recording, table.c.tag == tag)
        return self._connection.execute(gone).rowcount > 0

    def notes_of(self, recording: int) -> list[Note]:
        """See the port."""
        asked = select(notes).where(notes.c.recording == recording).order_by(notes.c.created, notes.c.id)
        return [_note(row) for row in self._connection.execute(asked)]

    def note(self, identifier: str) -> Note | None:
        """See the port."""
        row = self._connection.execute(select(notes).where(notes.c.id == identifier)).first()
        return None if row is None else _note(row)

    def add_note(self, note: Note) -> None:
        """See the port."""
        opened = select(recordings.c.opened).where(recordings.c.key == note.recording).scalar_subquery()
        self._connection.execute(
            insert(notes).values(
                id=note.id,
                recording=note.recording,
                author=note.author,
                text=note.text,
                created=micros(note.created),
                edited=micros(note.edited),
                opened=opened,
            )
        )

    def edit_note(self, identifier: str, text: str, *, at: datetime) -> bool:
        """See the port."""
        changed = update(notes).where(notes.c.id == identifier).values(text=text, edited=micros(at))
        return self._connection.execute(changed).rowcount > 0

    def delete_note(self, identifier: str) -> bool:
        """See the port."""
        return self._connection.execute(delete(notes).where(notes.c.id == identifier)).rowcount > 0


def _note(row: Any) -> Note:
    return Note(
        id=row.id,
        recording=row.recording,
        author=row.author,
        text=row.text,
        created=instant_of(row.created),
        edited=instant_of(row.edited),
    )


def _media(row: Any) -> Media | None:
    if row.path is None:
        return None
    return Media(
        content_type=row.content_type,
        bytes=row.bytes,
        duration=row.duration,
        sha256=row.sha256,
        path=row.path,
        channels=tuple(json.loads(row.channels)),
    )


def _recording(row: Any, parties: tuple[KeptParty, ...], tags: tuple[str, ...], held: bool) -> KeptRecording:
    return KeptRecording(
        key=row.key,
        id=row.id,
        segment=row.segment_id,
        conversation=row.conversation,
        user=row.user,
        groups=tuple(json.loads(row.groups)),
        cause=row.cause,
        mode=row.mode,
        whole_call=row.whole_call,
        shared_line=row.shared_line,
        kind=row.kind,
        direction=row.direction,
        scope=row.scope,
        opened=instant_of(row.opened),
        closed=instant_of(row.closed),
        status=Status(row.status),
        clock=instant_of(row.clock),
        minimum_until=instant_of(row.minimum_until),
        last_media=instant_of(row.last_media),
        restricted=row.restricted,
        held=held,
        stretches=tuple(
            Stretch(begun=instant_of(begun), ended=instant_of(ended), ended_by=ended_by)
            for begun, ended, ended_by in json.loads(row.stretches)
        ),
        parties=parties,
        tags=tags,
        media=_media(row),
    )
