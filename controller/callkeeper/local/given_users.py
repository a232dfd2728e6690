"""Users that a file gives: in force as soon as it is read, with one row in the audit log for every change.

Who may be recorded does not wait for a log. The users that the last row was about are kept in the recorder's store and
change in the transaction of the row: so there is one row a change, whenever the process dies, and a start that finds
the file broken goes on with them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.local.users import FolderUsers
from callkeeper.policy.directory import Directory, user_from_json
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.user_changes import Difference

TOLD = "given-users-told"
"""The small fact which directory the last row is about, by its revision."""

KEPT = "given-users"
"""That directory, as canonical JSON."""


class GivenUsers:
    """Gives the users of one source to one recorder."""

    def __init__(self, recorder: Recorder, source: str, who: Callable[[], tuple[Actor, Mapping[str, str]]]) -> None:
        """Prepare.

        Args:
            recorder: takes them; it need not serve yet.
            source: the file in words, `users.csv`.
            who: tells whose change it is, and what the row says of it besides (author, commit); asked in a thread.
        """
        self._recorder = recorder
        self._source = source
        self._who = who
        self._given: Directory | None = None

    def take(self, read: FolderUsers) -> bool:
        """Bring into force what was read; where it cannot be taken, the users stay, and readiness says so.

        Returns:
            Whether the users are others than before.
        """
        users, directory = self._recorder.users, read.directory
        if directory is None:
            # A file that is not there and never was gives nothing and is no fault: users are put over the API then.
            users.given_fault = read.complaint if read.findings or users.given_by else None
            return False
        users.given_fault, self._given = None, directory
        if users.given_by == self._source and users.directory.revision == directory.revision:
            return False
        users.give(directory, self._source)
        return True

    async def recall(self) -> bool:
        """Go on with the users from before: those that were given last, else those of the store.

        Returns:
            Whether there are any.

        Raises:
            StorageFault: the store cannot be read.
        """
        users = self._recorder.users
        last = await self._last()
        users.give(users.directory if last is None else last, self._source)
        return bool(users.directory.users)

    async def tell(self) -> str | None:
        """Leave a row where the users given are not those of the last one.

        Returns:
            None, or what keeps the row from being written now; tell again later.
        """
        try:
            if self._given is not None:
                await self._tell(self._given)
        except (AuditFault, StorageFault) as fault:
            return fault.detail
        return None

    async def _tell(self, directory: Directory) -> None:
        parts = self._recorder.parts
        if await parts.store.read(lambda rows: rows.meta(TOLD)) == directory.revision:
            return
        actor, known = await asyncio.to_thread(self._who)
        details = await asyncio.to_thread(_details, await self._last(), directory)
        kept = directory.canonical_bytes.decode()

        def note(rows: Writing) -> None:
            rows.set_meta(TOLD, directory.revision)
            rows.set_meta(KEPT, kept)

        await parts.audit.act(
            note, Action.UPDATE_USERS, at=parts.clock.now(), actor=actor, details={**known, **details}
        )

    async def _last(self) -> Directory | None:
        """The users of the last row; None before the first."""
        kept = await self._recorder.parts.store.read(lambda rows: rows.meta(KEPT))
        if kept is None:
            return None
        try:
            return await asyncio.to_thread(_directory, kept)
        except (ValueError, KeyError, TypeError) as error:
            raise StorageFault(
                "the users given last are not in the store as they were written", "restore the state folder"
            ) from error


def _directory(kept: str) -> Directory:
    return Directory.of(map(user_from_json, json.loads(kept)))


def _details(before: Directory | None, directory: Directory) -> dict[str, Any]:
    counts = Difference.between(before or Directory.of(()), directory).counts
    return {"users": len(directory.users), **counts, "revision": directory.revision}
