"""What a change of the directory comes to: who comes, changes and goes, which ids return, which audit rows say so.

Pure: `Users` asks here, then writes the rows and keeps the directory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory, User, user_to_json
from callkeeper.recorder import bounds
from callkeeper.recorder.errors import Conflict, Full
from callkeeper.recorder.retired_users import Retired

Row = tuple[Action, Mapping[str, Any]]
SHOWN_IDS = 20
"""Ids that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Between two directories.

    Attributes:
        added: who came.
        changed: who is not as before, as (before, after).
        removed: who went.
    """

    added: tuple[User, ...] = ()
    changed: tuple[tuple[User, User], ...] = ()
    removed: tuple[User, ...] = ()

    @classmethod
    def between(cls, before: Directory, after: Directory, ids: Iterable[str] | None = None) -> "Difference":
        """Look at everybody, or at these ids where nobody else can have changed."""
        added, changed, removed = [], [], []
        for name in sorted(before.users.keys() | after.users.keys() if ids is None else set(ids)):
            old, new = before.users.get(name), after.users.get(name)
            if old is None and new is not None:
                added.append(new)
            elif new is None and old is not None:
                removed.append(old)
            elif old is not None and new is not None and old != new:
                changed.append((old, new))
        return cls(added=tuple(added), changed=tuple(changed), removed=tuple(removed))

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {"added": len(self.added), "changed": len(self.changed), "removed": len(self.removed)}


def restored(difference: Difference, retired: Mapping[str, Retired]) -> int:
    """How many of those who come had been deleted before."""
    return sum(user.id in retired for user in difference.added)


def see_ids(difference: Difference, retired: Mapping[str, Retired]) -> None:
    """See that nobody gets the id of somebody else who was deleted.

    Raises:
        Conflict: somebody would.
    """
    reused = [user.id for user in difference.added if is_reused(user, retired)]
    if not reused:
        return
    many = f"{len(reused)} ids were" if len(reused) > 1 else "the id was"
    raise Conflict(
        "retired-id",
        f"{many} given to somebody who was deleted (as far as can be told, somebody else), and is never given again",
        "choose another id; if it is the same person who comes back, send it again with ?restore=true",
        {"ids": reused[:SHOWN_IDS], "idCount": len(reused)},
    )


def is_reused(user: User, retired: Mapping[str, Retired]) -> bool:
    """Whether this newcomer's id was somebody else's, as far as can be told."""
    before = retired.get(user.id)
    return before is not None and not before.is_same(user)


def retire(difference: Difference, retired: Mapping[str, Retired], at: str) -> Mapping[str, Retired]:
    """The deleted users after this change.

    Raises:
        Full: there are too many.
    """
    if not difference.removed:
        return retired
    after = {**retired, **{user.id: Retired.of(user, at) for user in difference.removed}}
    if len(after) > bounds.RETIRED_USERS:
        raise Full(
            "too-many-retired-users",
            f"{bounds.RETIRED_USERS} deleted users are remembered, so that no id is given twice",
            "disable the users instead of deleting them (status: disabled)",
        )
    return after


def licence_rows(difference: Difference) -> Iterator[Row]:
    """A row per licence given or taken: over time they add up to the licences in use."""
    pairs: list[tuple[User | None, User | None]] = [(None, user) for user in difference.added]
    pairs += difference.changed
    pairs += [(user, None) for user in difference.removed]
    for before, after in pairs:
        had = before.licences if before is not None else frozenset()
        has = after.licences if after is not None else frozenset()
        for action, licences in ((Action.GRANT_LICENSE, has - had), (Action.REVOKE_LICENSE, had - has)):
            for licence in sorted(licences):
                user = after or before
                assert user is not None
                yield action, {"user": user.id, "licence": licence.value}


def changed_fields(before: User, after: User) -> list[str]:
    """The names of the fields that differ; what they hold is nobody's but the directory's."""
    old, new = user_to_json(before), user_to_json(after)
    return sorted(name for name in new if old[name] != new[name])
