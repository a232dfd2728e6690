"""Which recordings, in which order, for whom: one walk along one index whatever is asked.

A page wants the latest opened of those that fit. Whatever narrows most picks the index to walk (a conversation, a
party's number, a user, a tag, what the viewer may see, …), in time order; everything else is looked at on the way.
SQLite is told which index by name, because a table without statistics makes it guess.

`visible` is the one predicate of who sees what; every query about recordings for people carries it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, false, literal, or_, select, true, union

from callkeeper.recorder.store.instants import micros
from callkeeper.recorder.store.schema import (
    holds,
    notes,
    recording_parties,
    recording_tags,
    recording_viewers,
    recordings,
    segments,
)
from callkeeper.recorder.store.values import Search, Status, Viewer

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
    if len(walks) == 1:
        return connection.scalars(_page(walks[0], search, after, limit)).all()
    pages = [select(_page(walk, search, after, limit).subquery()) for walk in walks]
    both = union(*pages).subquery()
    columns = both.c
    merged = select(columns.key).order_by(columns.opened.desc(), columns.key.desc()).limit(limit)
    return connection.scalars(merged).all()


class _Walk:
    """A way through the recordings in time order.

    Attributes:
        asked: the columns `key` and `opened`, joined with recordings.
        opened: the column the index is ordered by.
        key: likewise, of equal instants.
    """

    def __init__(self, table: Any, key: Any, index: str | None, *conditions: Condition) -> None:
        self.opened, self.key = table.c.opened, key
        asked = select(key.label("key"), table.c.opened.label("opened"))
        if table is not recordings:
            asked = asked.select_from(table.join(recordings, recordings.c.key == key))
        if index is not None:
            asked = asked.with_hint(table, f"INDEXED BY {index}", "sqlite")
        self.asked: Select[Any] = asked.where(*conditions)


def _walks(search: Search, viewer: Viewer, keys: tuple[str, ...]) -> list[_Walk]:  # noqa: PLR0911 - a list of choices
    """The walk for what narrows most; several where a viewer may see what several groups may see."""
    own = recordings.c
    seen = visible(viewer)
    if search.segment is not None:
        number = select(segments.c.number).where(segments.c.id == search.segment).scalar_subquery()
        return [_Walk(recordings, own.key, "ix_recordings_segment", own.segment == number, seen)]
    if search.conversation is not None:
        return [_Walk(recordings, own.key, "ix_recordings_conversation", own.conversation == search.conversation, seen)]
    if search.number is not None:
        table = recording_parties
        walk = _Walk(table, table.c.recording, "ix_recording_parties_number", table.c.number == search.number, seen)
        walk.asked = walk.asked.distinct()
        return [walk]
    if search.note is not None:
        noted = select(notes.c.recording).where(notes.c.text.icontains(search.note, autoescape=True))
        return [_Walk(recordings, own.key, None, own.key.in_(noted), seen)]
    if search.tags:
        table = recording_tags
        return [_Walk(table, table.c.recording, None, table.c.tag == search.tags[0], seen)]
    if search.user is not None:
        return [_Walk(recordings, own.key, "ix_recordings_user", own.user == search.user, seen)]
    if search.held:
        held = select(holds.c.conversation).where(holds.c.released.is_(None))
        return [_Walk(recordings, own.key, "ix_recordings_conversation", own.conversation.in_(held), seen)]
    if not viewer.everything:
        table = recording_viewers
        return [_Walk(table, table.c.recording, None, table.c.viewer == key) for key in keys]
    return [_Walk(recordings, own.key, _index(search))]


def _index(search: Search) -> str:
    """The index for what is left, the value that fewest recordings have first."""
    if search.status is not None and search.status is not Status.COMPLETE:
        return "ix_recordings_status"
    for name in ("kind", "direction", "mode"):
        if getattr(search, name) is not None:
            return f"ix_recordings_{name}"
    return "ix_recordings_opened"


def _page(walk: _Walk, search: Search, after: DbPlace | None, limit: int) -> Select[Any]:
    asked = walk.asked.where(*_conditions(search))
    if search.opened_from is not None:
        asked = asked.where(walk.opened >= micros(search.opened_from))
    if search.opened_to is not None:
        asked = asked.where(walk.opened < micros(search.opened_to))
    if after is not None:
        opened, key = after
        asked = asked.where(walk.opened <= opened, or_(walk.opened < opened, walk.key < key))
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
        found.append(_beside(note, note.c.text.icontains(search.note, autoescape=True)))
    if search.held is not None:
        held = exists(select(literal(1)).where(holds.c.conversation == own.conversation, holds.c.released.is_(None)))
        found.append(held if search.held else ~held)
    return found


def _beside(aliased: Any, *conditions: Condition) -> Condition:
    return exists(select(literal(1)).select_from(aliased).where(aliased.c.recording == recordings.c.key, *conditions))
