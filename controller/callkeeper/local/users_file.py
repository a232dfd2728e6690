"""A file that gives a recorder its users, followed while the recorder runs: `callkeeper recorder serve --users FILE`.

A file that is broken or gone leaves the users as they are, and says so once.
"""

import asyncio
from pathlib import Path
from typing import Self

import structlog

from callkeeper.local.exits import CannotRun
from callkeeper.local.given_users import GivenUsers
from callkeeper.local.users import read_users_file
from callkeeper.policy.directory import Directory
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.principals import Principal

log = structlog.get_logger()

LOOK_SECONDS = 2.0
"""Between looks: a mounted file is exchanged under our feet in ways that no notification tells of everywhere."""

ACTOR = Actor(principal=Principal(id="recorder"))
"""Nobody is known who changed the file: the row names the recorder, which found it changed."""


class UsersFile:
    """The file, as it was read last. Use `open`."""

    def __init__(self, path: Path, directory: Directory) -> None:
        self.name = path.name
        self.directory = directory
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self._said = ""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Read it for the first time.

        Raises:
            CannotRun: something is wrong with it.
        """
        found = await asyncio.to_thread(read_users_file, path)
        if found.directory is None:
            raise CannotRun(_wrong(path, found.findings[0].finding.message if found.findings else "it is not there"))
        return cls(path, found.directory)

    async def follow(self, recorder: Recorder) -> None:
        """Give the users to the recorder, now and whenever the file changes."""
        given = GivenUsers(recorder, self.name)
        while True:
            self._say(await given.give(self.directory, ACTOR, {"source": self.name}), "users_not_audited")
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

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
        if read.directory is None:
            why = read.findings[0].finding.message if read.findings else "it is not there"
            self._say(_wrong(self._path, why), "users_file_unusable")
            return
        if read.directory.revision != self.directory.revision:
            self.directory = read.directory
            log.info("users_changed", source=self.name, users=len(read.directory.users))
        self._said = ""

    def _say(self, failure: str | None, event: str) -> None:
        """Say what is wrong, once."""
        if failure is not None and failure != self._said:
            log.error(event, source=self.name, detail=failure)
            self._said = failure


def _wrong(path: Path, why: str) -> str:
    return f"the users of {path} cannot be taken: {why}"
