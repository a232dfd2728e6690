"""The user directory of this recorder: in memory, behind a port for where it is kept.

It is either put here over HTTP and kept in the store, where a change and its audit rows are one transaction, or given
by whoever composes the recorder from another source (a folder's `users.csv`), which then is the only one: see
`Users.given_by`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory, Licence, User
from callkeeper.policy.users_csv import UsersFile
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock, instant_text
from callkeeper.recorder.errors import Conflict, PreconditionFailed, Unknown, Unprocessable
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.recovery import Recovery
from callkeeper.recorder.user_changes import (
    Difference,
    Row,
    changed_fields,
    licence_rows,
    restored,
    retire,
    see_ids,
)
from callkeeper.recorder.user_import import LineResult, UserImport, names, plan_import
from callkeeper.recorder.user_search import UserSearch

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A change somebody wants.

    Attributes:
        directory: what it makes of the directory.
        difference: to the one before.
        row: what the audit log says of it besides the licences; None when they say it all.
    """

    directory: Directory
    difference: Difference
    row: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A change with everything it takes."""

    search: UserSearch
    retired: Mapping[str, Retired]
    rows: Sequence[Row]
    difference: Difference


class Users:
    """Holds the directory of now."""

    def __init__(
        self,
        *,
        kept: Recovery,
        audit: AuditSink,
        clock: Clock,
        given: Directory | None = None,
        given_by: str | None = None,
    ) -> None:
        """Start with what the store keeps, or with the directory given.

        Args:
            kept: what the store keeps.
            audit: takes a change together with its rows.
            clock: for those rows.
            given: the directory of an authoritative source.
            given_by: that source in words, `users.csv`; puts are refused then.
        """
        self._audit = audit
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._retired = kept.retired
        self.given_by = given_by
        self.given_fault: str | None = None
        """Why that source, as it is now, is not what is in force; set by whoever reads it."""
        self.directory = Directory.of(kept.users) if given is None else given
        self.search = _warm(UserSearch(self.directory))

    def give(self, directory: Directory, given_by: str | None) -> None:
        """Swap in what the authoritative source says now."""
        self.search = _warm(UserSearch(directory))
        self.directory = directory
        self.given_by = given_by

    def get(self, reference: str) -> User:
        """The user with this id or e-mail address.

        Raises:
            Unknown: there is none.
        """
        found = self.directory.find(reference)
        if found is None:
            raise unknown_user()
        return found

    async def replace(
        self, directory: Directory, actor: Actor, *, fits: Callable[[str], bool], restore: bool = False
    ) -> bool:
        """Replace the directory as a whole; False when it is the same as before, and nothing is written.

        Args:
            directory: the users from now on.
            actor: who wants it.
            fits: whether the request was written for the directory of this revision.
            restore: whether ids that come back are taken for the same people.

        Raises:
            Conflict: an authoritative source gives the directory, or an id was somebody else's.
            PreconditionFailed: it was written for another directory.
            Full: too many deleted users are remembered.
            AuditFault: a row cannot be written; nothing was changed.
            StorageFault: it cannot be kept; what was there stays.
        """

        def wanted(before: Directory) -> Wanted:
            if not fits(before.revision):
                raise PreconditionFailed(
                    "directory-mismatch",
                    "the directory in force is not the one the request was written for",
                    "read it anew, and send If-Match with its revision",
                    {"revision": before.revision},
                )
            difference = Difference.between(before, directory)
            return Wanted(directory=directory, difference=difference, row=(Action.UPDATE_USERS, difference.counts))

        return await self._change(wanted, actor, restore=restore)

    async def put(self, user: User, actor: Actor, *, restore: bool = False) -> LineResult:
        """Make this user, or replace the one with this id.

        Raises:
            Unprocessable: the e-mail address is another user's.
            Conflict: as for `replace`; and Full, AuditFault and StorageFault.
        """
        result = LineResult.UNCHANGED

        def wanted(before: Directory) -> Wanted:
            nonlocal result
            old = before.users.get(user.id)
            others = (before.find(name) for name in names(user))
            if any(other is not None and other.id != user.id for other in others):
                raise Unprocessable(
                    "invalid-users", "the e-mail address is that of another user", "give each user one of their own"
                )
            directory = before.with_changes([user])
            difference = Difference.between(before, directory, [user.id])
            row: Row = Action.CREATE_USER, {"user": user.id}
            if old is not None:
                row = Action.UPDATE_USER, {"user": user.id, "fields": changed_fields(old, user)}
            result = LineResult.CREATED if old is None else LineResult.CHANGED
            return Wanted(directory=directory, difference=difference, row=row)

        changed = await self._change(wanted, actor, restore=restore)
        return result if changed else LineResult.UNCHANGED

    async def delete(self, reference: str, actor: Actor) -> None:
        """Delete the user with this id or e-mail address; the id is never given to somebody else.

        Raises:
            Unknown: there is none.
            Conflict: an authoritative source gives the directory; and Full, AuditFault and StorageFault.
        """

        def wanted(before: Directory) -> Wanted:
            user = _found(before, reference)
            directory = before.with_changes((), [user.id])
            row = Action.DELETE_USER, {"user": user.id}
            return Wanted(directory=directory, difference=Difference(removed=(user,)), row=row)

        await self._change(wanted, actor)

    async def set_licence(self, reference: str, licence: Licence, actor: Actor, *, granted: bool) -> tuple[bool, User]:
        """Give a user a licence or take it; False when that is how it is already. With the user as it is then.

        Raises:
            Unknown: there is no such user.
            Conflict: an authoritative source gives the directory; and AuditFault and StorageFault.
        """
        after: User | None = None

        def wanted(before: Directory) -> Wanted:
            nonlocal after
            user = _found(before, reference)
            own = {licence}
            after = replace(user, licences=user.licences | own if granted else user.licences - own)
            directory = before.with_changes([after])
            return Wanted(directory=directory, difference=Difference.between(before, directory, [user.id]), row=None)

        changed = await self._change(wanted, actor)
        assert after is not None
        return changed, after

    def plan(self, file: UsersFile, *, restore: bool) -> UserImport:
        """What an import would do now; changes nothing. Takes long for a long file.

        Raises:
            Conflict: an authoritative source gives the directory.
        """
        self._see_writable()
        return plan_import(file, self.directory, self._retired, restore=restore)

    async def import_(
        self, file: UsersFile, actor: Actor, *, skip_bad: bool = False, restore: bool = False
    ) -> UserImport:
        """Add and change the users of a file, all of them or, with `skip_bad`, those of the good lines.

        Where there are problems and they are not to be skipped, nothing is changed: look at the report.

        Raises:
            Conflict: an authoritative source gives the directory; and AuditFault and StorageFault.
        """
        planned = UserImport(users=(), report=())

        def wanted(before: Directory) -> Wanted:
            nonlocal planned
            planned = plan_import(file, before, self._retired, restore=restore)
            if planned.problems and not skip_bad:
                return Wanted(directory=before, difference=Difference(), row=None)
            directory = before.with_changes(planned.users)
            difference = Difference.between(before, directory, (user.id for user in planned.users))
            return Wanted(directory=directory, difference=difference, row=(Action.IMPORT_USERS, difference.counts))

        # Who was deleted was looked at line by line.
        await self._change(wanted, actor, restore=True)
        return planned

    def _see_writable(self) -> None:
        if self.given_by is not None:
            raise Conflict(
                "users-from-folder",
                f"the users come from {self.given_by}, which is authoritative",
                "edit that file; the recorder follows when it is saved",
            )

    async def _change(self, wanted: Callable[[Directory], Wanted], actor: Actor, *, restore: bool = False) -> bool:
        # Shielded: a request that is cancelled half way must not leave the store ahead of the memory.
        return await asyncio.shield(self._change_whole(wanted, actor, restore=restore))

    async def _change_whole(self, wanted: Callable[[Directory], Wanted], actor: Actor, *, restore: bool) -> bool:
        async with self._one_at_a_time:
            self._see_writable()
            prepared = await asyncio.to_thread(self._prepare, wanted, restore=restore)
            if prepared is None:
                return False
            difference, retired = prepared.difference, prepared.retired

            def change(rows: Writing) -> None:
                rows.save_users((*difference.added, *(after for _, after in difference.changed)))
                rows.retire_users({user.id: retired[user.id] for user in difference.removed})

            await self._audit.act_all(change, prepared.rows, at=self._clock.now(), actor=actor)
            self.search, self._retired = prepared.search, retired
            self.directory = prepared.search.directory
        log.info("users_changed", **difference.counts)
        return True

    def _prepare(self, wanted: Callable[[Directory], Wanted], *, restore: bool) -> _Prepared | None:
        """Everything that takes long, beside the event loop; None when nothing changes."""
        change = wanted(self.directory)
        difference, directory = change.difference, change.directory
        if not difference:
            return None
        if not restore:
            see_ids(difference, self._retired)
        retired = retire(difference, self._retired, instant_text(self._clock.now()))
        search = self.search.with_changes(directory, (after for _, after in difference.changed))
        rows: list[Row] = []
        if change.row is not None:
            action, details = change.row
            rows.append((action, {**details, **self._more(action, directory, difference)}))
        rows += licence_rows(difference)
        return _Prepared(search=_warm(search), retired=retired, rows=rows, difference=difference)

    def _more(self, action: Action, directory: Directory, difference: Difference) -> dict[str, Any]:
        back = restored(difference, self._retired)
        more: dict[str, Any] = {"revision": directory.revision}
        if action in {Action.UPDATE_USERS, Action.IMPORT_USERS}:
            more |= {"users": len(directory.users), "restored": back}
        elif back:
            more["restored"] = True
        return more


def _warm(search: UserSearch) -> UserSearch:
    """Make the look-ups before the directory is swapped in, so that no call waits for them."""
    directory = search.directory
    directory.find("@")
    directory.owners("0")
    directory.twins("0")
    assert directory.revision
    return search


def unknown_user() -> Unknown:
    """What is answered for a user who is not there, and for one who is not the asker's to see."""
    return Unknown(
        "unknown-user", "there is no such user, or you may not see them", "GET /v1/users?search= finds users by name"
    )


def _found(directory: Directory, reference: str) -> User:
    found = directory.find(reference)
    if found is None:
        raise unknown_user()
    return found
