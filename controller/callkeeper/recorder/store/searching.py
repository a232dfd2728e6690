"""Which recordings, in which order, for whom: one walk along one index whatever is asked.

A page wants the latest opened of those that fit. Whatever narrows most picks the index to walk (a conversation, a
party's number, a user, a tag, what the viewer may see, …), in time order; everything else is looked at on the way.
SQLite is told which index by name, because a table without statistics makes it guess.

What is looked at on the way and does not fit costs as well: a page for people (`look_for_keys`) ends after so many
steps and says where, so that every page takes its time and no longer, whatever is asked for.

`visible` is the one predicate of who sees what; every query about recordings for people carries it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, exists, false, func, literal, or_, select, true, union

from callkeeper.recorder.store.instants import micros
from callkeeper.recorder.store.recording import Status
from callkeeper.recorder.store.schema import (
    holds,
    notes,
    recording_parties,
    recording_tags,
    recording_viewers,
    recordings,
    segments,
)
from callkeeper.recorder.store.search import Search, Viewer

Condition = ColumnElement[bool]
DbPlace = tuple[int, int]


def viewer_keys(viewer: Viewer) -> tuple[str, ...]:
    """What a viewer is called in `recording_viewers`."""
    own = () if viewer.user is None else (f"u:{viewer.user}",)
    return (*own, *(f"g:{group}" for group in sorted(viewer.groups)))


def visible(viewer: Viewer) -> Condition:
    """Whether this viewer may see a recording."""
    if viewer.everything:
        return true()
    keys = viewer_keys(viewer)
    if not keys:
        return false()
    table = recording_viewers
    return exists(
        select(literal(1)).where(
            table.c.recording == recordings.c.key, table.c.opened == recordings.c.opened, table.c.viewer.in_(keys)
        )
    )


def page_of_keys(
    connection: Connection, search: Search, viewer: Viewer, after: DbPlace | None, limit: int
) -> Sequence[int]:
    """Keys of a page, the latest opened first."""
    keys = () if viewer.everything else viewer_keys(viewer)
    if not viewer.everything and not keys:
        return ()
    walks = _walks(search, viewer, keys)
    return _keys(connection, walks, search, _Span(after=after), limit)


def look_for_keys(
    connection: Connection, search: Search, viewer: Viewer, after: DbPlace | None, limit: int, most: int
) -> tuple[Sequence[int], DbPlace | None]:
    """Keys of a page that looks at so many recordings at most, and the place it came to where it ended for that."""
    keys = () if viewer.everything else viewer_keys(viewer)
    if not viewer.everything and not keys:
        return (), None
    walks = _walks(search, viewer, keys)
    span, each = _Span(after=after), max(1, most // len(walks))
    ends = [found for walk in walks if (found := walk.end(connection, search, span, each)) is not None]
    # Of several walks the shortest: down to there, all of them were looked at.
    end = max(ends, default=None)
    return _keys(connection, walks, search, replace(span, last=end), limit), end


def _keys(connection: Connection, walks: "Sequence[_Walk]", search: Search, span: "_Span", limit: int) -> Sequence[int]:
    if len(walks) == 1:
        return connection.scalars(_page(walks[0], search, span, limit)).all()
    pages = [select(_page(walk, search, span, limit).subquery()) for walk in walks]
    both = union(*pages).subquery()
    columns = both.c
    merged = select(columns.key).order_by(columns.opened.desc(), columns.key.desc()).limit(limit)
    return connection.scalars(merged).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Which part of a walk.

    Attributes:
        after: it begins behind this place; None at the latest.
        last: it ends with this place; None at the earliest.
    """

    after: DbPlace | None = None
    last: DbPlace | None = None

    def conditions(self, walk: "_Walk", search: Search) -> list[Condition]:
        found: list[Condition] = []
        if search.opened_from is not None:
            found.append(walk.opened >= micros(search.opened_from))
        if search.opened_to is not None:
            found.append(walk.opened < micros(search.opened_to))
        if self.after is not None:
            opened, key = self.after
            found += [walk.opened <= opened, or_(walk.opened < opened, walk.key < key)]
        if self.last is not None:
            opened, key = self.last
            found += [walk.opened >= opened, or_(walk.opened > opened, walk.key >= key)]
        return found


class _Walk:
    """A way through the recordings in time order.

    Attributes:
        asked: the columns `key` and `opened`, joined with recordings.
        opened: the column the index is ordered by.
        key: likewise, of equal instants.
    """

    def __init__(
        self, table: Any, key: Any, index: str | None, *conditions: Condition, seen: Condition | None = None
    ) -> None:
        """Walk along the index of a table.

        Args:
            table: whose.
            key: its column for the recording.
            index: its name; None for the table's own order, or for no order.
            conditions: what the index is entered by.
            seen: what else has to hold, which is looked at on the way.
        """
        self.opened, self.key = table.c.opened, key
        asked = select(key.label("key"), table.c.opened.label("opened"))
        if index is not None:
            asked = asked.with_hint(table, f"INDEXED BY {index}", "sqlite")
        self._steps: Select[Any] = asked.where(*conditions)
        if table is not recordings:
            asked = asked.select_from(table.join(recordings, recordings.c.key == key))
        self.asked: Select[Any] = asked.where(*conditions, *(() if seen is None else (seen,)))

    def end(self, connection: Connection, search: Search, span: _Span, most: int) -> DbPlace | None:
        """The place of the last of so many steps, found in the index alone; None where it ends before."""
        steps = self._steps.where(*span.conditions(self, search)).order_by(self.opened.desc(), self.key.desc())
        found = connection.execute(steps.limit(1).offset(most - 1)).first()
        return None if found is None else (found.opened, found.key)


def _walks(search: Search, viewer: Viewer, keys: tuple[str, ...]) -> list[_Walk]:  # noqa: PLR0911 - a list of choices
    """The walk for what narrows most; several where a viewer may see what several groups may see."""
    own = recordings.c
    seen = visible(viewer)
    if search.segment is not None:
        number = select(segments.c.number).where(segments.c.id == search.segment).scalar_subquery()
        return [_Walk(recordings, own.key, "ix_recordings_segment", own.segment == number, seen=seen)]
    if search.conversation is not None:
        return [
            _Walk(recordings, own.key, "ix_recordings_conversation", own.conversation == search.conversation, seen=seen)
        ]
    if search.number is not None:
        table = recording_parties
        walk = _Walk(
            table, table.c.recording, "ix_recording_parties_number", table.c.number == search.number, seen=seen
        )
        walk.asked = walk.asked.distinct()
        return [walk]
    if search.tags:
        table = recording_tags
        return [_Walk(table, table.c.recording, None, table.c.tag == search.tags[0], seen=seen)]
    if search.user is not None:
        return [_Walk(recordings, own.key, "ix_recordings_user", own.user == search.user, seen=seen)]
    if search.held:
        held = select(holds.c.conversation).where(holds.c.released.is_(None))
        return [_Walk(recordings, own.key, "ix_recordings_conversation", own.conversation.in_(held), seen=seen)]
    if not viewer.everything:
        table = recording_viewers
        return [_Walk(table, table.c.recording, None, table.c.viewer == key) for key in keys]
    if search.note is not None:
        # Whatever narrows by an index goes before: a text is found by reading.
        walk = _Walk(notes, notes.c.recording, "ix_notes_opened")
        walk.asked = walk.asked.distinct()
        return [walk]
    return [_Walk(recordings, own.key, *_index(search))]


def _index(search: Search) -> tuple[Any, ...]:
    """The index for what is left and how it is entered, the value that fewest recordings have first."""
    own = recordings.c
    if search.status is not None and search.status is not Status.COMPLETE:
        return "ix_recordings_status", own.status == search.status.value
    for name in ("kind", "direction", "mode"):
        wanted = getattr(search, name)
        if wanted is not None:
            return f"ix_recordings_{name}", own[name] == str(wanted)
    return ("ix_recordings_opened",)


def _page(walk: _Walk, search: Search, span: _Span, limit: int) -> Select[Any]:
    asked = walk.asked.where(*_conditions(search), *span.conditions(walk, search))
    return asked.order_by(walk.opened.desc(), walk.key.desc()).limit(limit)


def _conditions(search: Search) -> list[Condition]:
    own = recordings.c
    found: list[Condition] = [own.status != Status.UNREACHABLE.value]
    for name in ("user", "conversation", "direction", "scope", "kind", "mode", "status"):
        wanted = getattr(search, name)
        if wanted is not None:
            found.append(own[name] == str(wanted))
    if search.shortest is not None:
        found.append(own.duration >= search.shortest)
    if search.longest is not None:
        found.append(own.duration <= search.longest)
    if search.segment is not None:
        found.append(own.segment == select(segments.c.number).where(segments.c.id == search.segment).scalar_subquery())
    if search.number is not None:
        party = recording_parties.alias()
        found.append(_beside(party, party.c.number == search.number))
    for tag in search.tags:
        tagged = recording_tags.alias()
        found.append(_beside(tagged, tagged.c.tag == tag, tagged.c.opened == own.opened))
    if search.note is not None:
        note = notes.alias()
        folded = func.casefold(note.c.text, type_=Text)
        found.append(_beside(note, folded.contains(search.note.casefold(), autoescape=True)))
    if search.held is not None:
        held = exists(select(literal(1)).where(holds.c.conversation == own.conversation, holds.c.released.is_(None)))
        found.append(held if search.held else ~held)
    return found


def _beside(aliased: Any, *conditions: Condition) -> Condition:
    return exists(select(literal(1)).select_from(aliased).where(aliased.c.recording == recordings.c.key, *conditions))
