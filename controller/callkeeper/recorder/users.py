"""The user directory of this recorder: in memory, behind a port for where it is kept.

It is either put here over HTTP and kept as JSON in the state folder, or given by whoever composes the recorder from
another source (a folder's `users.csv`), which then is the only one: see `Users.given_by`.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Protocol

import structlog

from callkeeper.audit.actions import Action
from callkeeper.policy.directory import Directory, Licence, Role, User, UserStatus, line, user_to_json
from callkeeper.recorder.auditing import Actor, AuditSink
from callkeeper.recorder.clock import Clock
from callkeeper.recorder.errors import Conflict, StorageFault, Unknown
from callkeeper.recorder.files import Disk, replace_file

log = structlog.get_logger()


class DirectoryStore(Protocol):
    """Keeps the directory. Methods block and raise `StorageFault`."""

    def load(self) -> Directory:
        """What was saved last; empty before that."""
        ...

    def save(self, directory: Directory) -> None:
        """Keep it: on disk when this returns, else what was there stands."""
        ...


class JsonDirectoryStore:
    """Keeps the directory in one JSON file."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk

    def load(self) -> Directory:
        """See `DirectoryStore.load`.

        Raises:
            StorageFault: the file cannot be read or is not a directory.
        """
        try:
            return Directory.of(_user(value) for value in _list(json.loads(self._disk.read(self._path))))
        except FileNotFoundError:
            return Directory()
        except OSError as error:
            raise _fault("read", self._path, error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise StorageFault(
                f"{self._path} is not a user directory", "restore it from a backup, or remove it and put the users anew"
            ) from error

    def save(self, directory: Directory) -> None:
        """See `DirectoryStore.save`.

        Raises:
            StorageFault: it could not be written.
        """
        rows = [user_to_json(user) for _, user in sorted(directory.users.items())]
        try:
            self._disk.make_folder(self._path.parent)
            replace_file(self._disk, self._path, json.dumps(rows, separators=(",", ":")).encode())
        except OSError as error:
            raise _fault("write", self._path, error) from error


class Users:
    """Holds the directory of now.

    Raises:
        StorageFault: at the start, when what was kept cannot be read.
    """

    def __init__(
        self,
        *,
        store: DirectoryStore | None,
        audit: AuditSink,
        clock: Clock,
        given: Directory | None = None,
        given_by: str | None = None,
    ) -> None:
        """Start with what the store keeps, or with the directory given.

        Args:
            store: where puts are kept; None when the directory is given.
            audit: where a put leaves its row.
            clock: for that row.
            given: the directory of an authoritative source.
            given_by: that source in words, `users.csv`; puts are refused then.
        """
        self._store = store
        self._audit = audit
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self.given_by = given_by
        self.directory = given if given is not None else store.load() if store is not None else Directory()
        self._warm(self.directory)

    def give(self, directory: Directory, given_by: str | None) -> None:
        """Swap in what the authoritative source says now (`local/` calls this when the file was saved)."""
        self._warm(directory)
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

    async def put(self, directory: Directory, actor: Actor) -> bool:
        """Replace the directory as a whole; False when it is the same as before, and nothing is written.

        Raises:
            Conflict: an authoritative source gives the directory.
            AuditFault: the row cannot be written; nothing was changed.
            StorageFault: it cannot be kept; what was there stays.
        """
        # Shielded: a request that is cancelled half way must not leave the disk ahead of the memory.
        return await asyncio.shield(self._put(directory, actor))

    async def _put(self, directory: Directory, actor: Actor) -> bool:
        async with self._one_at_a_time:
            if self.given_by is not None or self._store is None:
                raise Conflict(
                    "users-from-folder",
                    f"the users come from {self.given_by or 'elsewhere'}, which is authoritative",
                    "edit that file; the recorder follows when it is saved",
                )
            revision = await asyncio.to_thread(self._warm, directory)
            before = self.directory
            if revision == before.revision:
                return False
            details = {"users": len(directory.users), "revision": revision}
            await self._audit.emit(Action.UPDATE_USERS, at=self._clock.now(), actor=actor, details=details)
            await asyncio.to_thread(self._store.save, directory)
            self.directory = directory
        log.info("users_replaced", **_counts(before, directory))
        return True

    @staticmethod
    def _warm(directory: Directory) -> str:
        """Make the look-ups before the directory is swapped in, so that no call waits for them."""
        directory.find("@")
        directory.owners("0")
        directory.twins("0")
        return directory.revision


def unknown_user() -> Unknown:
    """What is answered for a user who is not there, and for one who is not the asker's to see."""
    return Unknown(
        "unknown-user", "there is no such user, or you may not see them", "GET /v1/users?search= finds users by name"
    )


def _counts(before: Directory, after: Directory) -> dict[str, int]:
    shared = before.users.keys() & after.users.keys()
    return {
        "added": len(after.users.keys() - shared),
        "removed": len(before.users.keys() - shared),
        "changed": sum(before.users[name] != after.users[name] for name in shared),
    }


def _user(value: dict[str, Any]) -> User:
    lines = _list(value["lines"])
    return User(
        id=str(value["id"]),
        name=str(value["name"]),
        surname=str(value["surname"]),
        email=str(value["email"]),
        lines=tuple(line(extension=pair["extension"], e164=pair["e164"]) for pair in lines),
        licences=frozenset(Licence(word) for word in _list(value["licences"])),
        roles=frozenset(Role(word) for word in _list(value["roles"])),
        groups=tuple(_list(value["groups"])),
        status=UserStatus(value["status"]),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _fault(verb: str, path: Path, error: OSError) -> StorageFault:
    return StorageFault(
        f"cannot {verb} {path}: {error.strerror or error}",
        "see that the state folder exists, belongs to this user and its disk has room, then try again",
    )
