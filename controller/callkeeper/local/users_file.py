"""A file that gives a recorder its users, followed while the recorder runs: `callkeeper recorder serve --users FILE`.

A file that is broken or gone leaves the users as they are, at a start those of before it, and says so once.
"""

import asyncio
from pathlib import Path
from typing import Self

import structlog

from callkeeper.local.exits import EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.given_users import GivenUsers
from callkeeper.local.users import read_users_file
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.principals import Principal

log = structlog.get_logger()

LOOK_SECONDS = 2.0
"""Between looks: a mounted file is exchanged under our feet in ways that no notification tells of everywhere."""

ACTOR = Actor(principal=Principal(id="recorder"))
"""Nobody is known who changed the file: the row names the recorder, which found it changed."""


class UsersFile:
    """The file, as it was read last. Use `open`."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self._path = path
        self._users = recorder.users
        self._given = GivenUsers(recorder, path.name, lambda: (ACTOR, {}))
        self._stamp: tuple[int, ...] | None = None
        self._said: str | None = None

    @classmethod
    async def open(cls, path: Path, recorder: Recorder) -> Self:
        """Bring its users into force before the recorder serves; those from before where it cannot be taken.

        Raises:
            CannotRun: it cannot be taken, and there are no users from before.
        """
        made = cls(path, recorder)
        read = await asyncio.to_thread(read_users_file, path)
        made._given.take(read)
        try:
            if read.directory is None and not await made._given.recall():
                raise CannotRun(_wrong(path, read.complaint))
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        return made

    async def follow(self) -> None:
        """Give the users to the recorder whenever the file changes, and leave the rows."""
        while True:
            await self._look()
            self._say(await self._given.tell(), "users_not_audited")
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            found = self._path.stat()
            stamp: tuple[int, ...] | None = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError:
            stamp = None
        if stamp is not None and stamp == self._stamp:
            return
        read = await asyncio.to_thread(read_users_file, self._path)
        self._stamp = stamp
        if self._given.take(read):
            log.info("users_changed", source=self._path.name, users=len(self._users.directory.users))
        if read.directory is None:
            self._say(_wrong(self._path, read.complaint), "users_file_unusable")
        else:
            self._said = None

    def _say(self, failure: str | None, event: str) -> None:
        """Say what is wrong, once."""
        if failure is not None and failure != self._said:
            log.error(event, source=self._path.name, detail=failure)
            self._said = failure


def _wrong(path: Path, why: str | None) -> str:
    return f"the users of {path} cannot be taken: {why}"
