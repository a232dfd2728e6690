"""Users that a file gives: in force as soon as it is read, with one row in the audit log for every change.

Who may be recorded does not wait for a log. Which users the last row was about is kept in the recorder's store and
changes in the transaction of the row, so that there is one row a change, whenever the process dies.
"""

from collections.abc import Mapping

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.user_changes import Difference

TOLD = "given-users-told"
"""The small fact which directory the last row is about."""


class GivenUsers:
    """Gives the users of one source to one recorder."""

    def __init__(self, recorder: Recorder, source: str) -> None:
        """Prepare.

        Args:
            recorder: runs.
            source: the file in words, `users.csv`.
        """
        self._recorder = recorder
        self._source = source
        self._before: Directory | None = None

    async def give(self, directory: Directory, actor: Actor, known: Mapping[str, str]) -> str | None:
        """Bring these users into force, and leave a row where they are not those of the last one.

        Args:
            directory: the users.
            actor: whose change it is.
            known: what the row says of it besides: author, commit.

        Returns:
            None, or what keeps the row from being written now; give them again later.
        """
        users = self._recorder.users
        if users.directory is not directory:
            users.give(directory, self._source)
        try:
            await self._tell(directory, actor, known)
        except (AuditFault, StorageFault) as fault:
            return fault.detail
        self._before = directory
        return None

    async def _tell(self, directory: Directory, actor: Actor, known: Mapping[str, str]) -> None:
        parts = self._recorder.parts
        told = await parts.store.read(lambda rows: rows.meta(TOLD))
        if told == directory.revision:
            return
        before = self._before
        if told is None:
            before = Directory.of(())
        elif before is not None and before.revision != told:
            before = None
        counts = {} if before is None else Difference.between(before, directory).counts
        details = {**known, "users": len(directory.users), **counts, "revision": directory.revision}
        await parts.audit.act(
            lambda rows: rows.set_meta(TOLD, directory.revision),
            Action.UPDATE_USERS,
            at=parts.clock.now(),
            actor=actor,
            details=details,
        )
