"""Where the user directory is kept when it is put over the API, and the ids of those who were deleted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from callkeeper.policy.directory import Directory, Licence, Role, User, UserStatus, line
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import Disk, replace_file

RETIRED = "retired-users.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What is remembered of a deleted user, so that nobody else gets the id and with it the recordings.

    Attributes:
        at: the instant of the deletion, as the API writes it.
        email: SHA-256 (hex) of the e-mail address, folded; empty when there was none.
    """

    at: str
    email: str

    @classmethod
    def of(cls, user: User, at: str) -> "Retired":
        """What is remembered of this user."""
        return cls(at=at, email=_hash(user.email))

    def is_same(self, user: User) -> bool:
        """Whether this is the same person as far as can be told: the same e-mail address."""
        return bool(self.email) and self.email == _hash(user.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDirectory:
    """What is kept.

    Attributes:
        directory: the users.
        retired: the deleted ones by id. May name somebody who is a user again: whoever is a user is not retired.
    """

    directory: Directory = field(default_factory=Directory)
    retired: Mapping[str, Retired] = field(default_factory=dict)


class DirectoryStore(Protocol):
    """Keeps the directory. Methods block and raise `StorageFault`."""

    def load(self) -> KeptDirectory:
        """What was saved last; empty before that."""
        ...

    def save(self, kept: KeptDirectory, *, retired_too: bool) -> None:
        """Keep it: on disk when this returns, else the directory that was there stands.

        Args:
            kept: what to keep.
            retired_too: whether anybody was retired by this change.
        """
        ...


class JsonDirectoryStore:
    """Keeps the directory in one JSON file, and the ids of deleted users in another beside it.

    The ids are written first: after a crash in between they name users who are still there, which means nothing.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._retired = path.with_name(RETIRED)
        self._disk = disk

    def load(self) -> KeptDirectory:
        """See `DirectoryStore.load`.

        Raises:
            StorageFault: a file cannot be read or is not what it should be.
        """
        users = self._read(self._path, "a user directory", lambda value: [_user(one) for one in _list(value)])
        retired = self._read(
            self._retired,
            "a list of deleted users",
            lambda value: {str(name): Retired(at=str(at), email=str(email)) for name, (at, email) in value.items()},
        )
        return KeptDirectory(directory=Directory.of(users or ()), retired=retired or {})

    def _read(self, path: Path, what: str, made: Any) -> Any:
        try:
            return made(json.loads(self._disk.read(path)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _fault("read", path, error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageFault(
                f"{path} is not {what}", "restore it from a backup, or remove it and put the users anew"
            ) from error

    def save(self, kept: KeptDirectory, *, retired_too: bool) -> None:
        """See `DirectoryStore.save`.

        Raises:
            StorageFault: it could not be written.
        """
        path = self._path
        try:
            self._disk.make_folder(path.parent)
            if retired_too:
                path = self._retired
                names = {name: (one.at, one.email) for name, one in kept.retired.items()}
                replace_file(self._disk, path, json.dumps(names, separators=(",", ":")).encode())
                path = self._path
            replace_file(self._disk, path, kept.directory.canonical_bytes)
        except OSError as error:
            raise _fault("write", path, error) from error


def _hash(email: str) -> str:
    return sha256(email.casefold().encode()).hexdigest() if email else ""


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
