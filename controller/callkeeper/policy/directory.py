"""The user directory: who belongs to the organisation, with which lines and licences.

A directory is a fact, not a setting: it is not pinned to running segments and has a revision of its own.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from callkeeper.policy.numbers import normalize_number


class Licence(StrEnum):
    """What a user may be given; only `CALL_RECORDING` has a say in a decision."""

    CALL_RECORDING = "CallRecording"
    VOICE_ANALYTICS = "VoiceAnalytics"


class Role(StrEnum):
    """The six roles of the rights table; a principal may hold several."""

    USER = "user"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    SETTINGS = "settings"
    INGEST = "ingest"


class UserStatus(StrEnum):
    """Whether the user is in service."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line under its two names; either may be missing.

    Attributes:
        extension: the short internal number, normalized, `2001`.
        e164: the public number with its leading `+` (ITU-T E.164), normalized.
    """

    extension: str | None = None
    e164: str | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names this line has."""
        return tuple(number for number in (self.extension, self.e164) if number)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person of the organisation.

    Attributes:
        id: immutable, chosen by the source of the directory; never reused.
        name: given name.
        surname: family name.
        email: compared without regard to case.
        lines: the user's lines, extension and E.164 paired.
        licences: what the user was granted.
        roles: what the user may do with this recorder.
        groups: names of the groups the user belongs to.
        status: in service or not; a disabled user keeps policies and recordings.
    """

    id: str
    name: str = ""
    surname: str = ""
    email: str = ""
    lines: tuple[Line, ...] = ()
    licences: frozenset[Licence] = frozenset()
    roles: frozenset[Role] = frozenset({Role.USER})
    groups: tuple[str, ...] = ()
    status: UserStatus = UserStatus.ACTIVE

    @property
    def in_service(self) -> bool:
        """Whether the user is active."""
        return self.status is UserStatus.ACTIVE

    @property
    def recordable(self) -> bool:
        """Whether the user holds the Call Recording licence and is in service."""
        return Licence.CALL_RECORDING in self.licences and self.in_service


@dataclass(frozen=True)
class Directory:
    """All users, with the look-ups a decision needs.

    Attributes:
        users: by immutable id.
    """

    users: Mapping[str, User] = field(default_factory=dict)

    @classmethod
    def of(cls, users: Iterable[User]) -> "Directory":
        """Make a directory of these users; of two with one id the later stands."""
        return cls({user.id: user for user in users})

    @cached_property
    def _by_email(self) -> dict[str, User]:
        return {user.email.casefold(): user for user in self.users.values() if user.email}

    @cached_property
    def _by_number(self) -> dict[str, tuple[User, ...]]:
        owners = _owners(self.users.values())
        return {number: tuple(sorted(found, key=lambda user: user.id)) for number, found in owners.items()}

    @cached_property
    def _twins(self) -> dict[str, frozenset[str]]:
        twins: dict[str, set[str]] = {}
        for user in self.users.values():
            for line in user.lines:
                if line.extension and line.e164:
                    twins.setdefault(line.extension, set()).add(line.e164)
                    twins.setdefault(line.e164, set()).add(line.extension)
        return {number: frozenset(others) for number, others in twins.items()}

    def find(self, reference: str) -> User | None:
        """The user with this immutable id or, failing that, this e-mail address (case-insensitive)."""
        return self.users.get(reference) or self._by_email.get(reference.casefold())

    def owners(self, number: str) -> tuple[User, ...]:
        """Everybody who has this normalized number as a line, ordered by id; several on a shared line."""
        return self._by_number.get(number, ())

    def twins(self, number: str) -> frozenset[str]:
        """The other forms of the same line (extension and E.164); empty where the directory pairs none."""
        return self._twins.get(number, frozenset())

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All ids, sorted."""
        return tuple(sorted(self.users))

    @cached_property
    def _rows(self) -> dict[str, bytes]:
        return {name: _row(user) for name, user in self.users.items()}

    @cached_property
    def canonical_bytes(self) -> bytes:
        """The canonical JSON of all users, a list ordered by id."""
        return b"[" + b",".join(map(self._rows.__getitem__, self.order)) + b"]"

    @cached_property
    def revision(self) -> str:
        """SHA-256 (hex) of the canonical JSON of all users, independent of their order."""
        return hashlib.sha256(self.canonical_bytes).hexdigest()

    def with_changes(self, changed: Iterable[User], removed: Iterable[str] = ()) -> "Directory":
        """Another directory: these users come or are replaced, those of these ids go.

        What the look-ups hold of everybody else is taken over, so that one user among a hundred thousand costs copies
        and no reading anew.
        """
        come = {user.id: user for user in changed}
        gone = (set(removed) & self.users.keys()) - come.keys()
        touched = [*come.values(), *(self.users[name] for name in (come.keys() & self.users.keys()) | gone)]
        users = {name: user for name, user in self.users.items() if name not in gone} | come
        made = Directory(users)
        if len(touched) > len(users) // 4:
            return made  # to take over the few others would cost more than it saves
        kept = made.__dict__
        if not gone and come.keys() <= self.users.keys():
            kept["order"] = self.order
        rows = {name: row for name, row in self._rows.items() if name not in gone}
        kept["_rows"] = rows | {name: _row(user) for name, user in come.items()}
        emails = {email: user for email, user in self._by_email.items() if user.id not in come and user.id not in gone}
        kept["_by_email"] = emails | {user.email.casefold(): user for user in come.values() if user.email}
        owners, twins, new = dict(self._by_number), dict(self._twins), _owners(come.values())
        for number in {number for user in touched for line in user.lines for number in line.numbers}:
            others = [user for user in owners.get(number, ()) if user.id not in come and user.id not in gone]
            found = sorted([*others, *new.get(number, ())], key=lambda user: user.id)
            _set(owners, number, tuple(found))
            _set(twins, number, _twins_of(number, owners.get(number, ())))
        kept["_by_number"], kept["_twins"] = owners, twins
        return made


Found = TypeVar("Found", bound=Sized)


def _set(look_up: dict[str, Found], number: str, found: Found) -> None:
    """Keep what was found; a number that nothing is found for is not in the look-up."""
    if found:
        look_up[number] = found
    else:
        look_up.pop(number, None)


def _owners(users: Iterable[User]) -> dict[str, list[User]]:
    owners: dict[str, list[User]] = {}
    for user in users:
        for number in {number for line in user.lines for number in line.numbers}:
            owners.setdefault(number, []).append(user)
    return owners


def _twins_of(number: str, owners: tuple[User, ...]) -> frozenset[str]:
    lines = (line for user in owners for line in user.lines if number in line.numbers)
    return frozenset(other for line in lines for other in line.numbers if other != number)


def _row(user: User) -> bytes:
    return json.dumps(user_to_json(user), sort_keys=True, separators=(",", ":")).encode()


def user_to_json(user: User) -> dict[str, object]:
    """The user as plain JSON values, lists sorted: what the API answers and what the revision is taken of."""
    return {
        "id": user.id,
        "name": user.name,
        "surname": user.surname,
        "email": user.email,
        "lines": [{"extension": line.extension, "e164": line.e164} for line in user.lines],
        "licences": sorted(user.licences),
        "roles": sorted(user.roles),
        "groups": sorted(user.groups),
        "status": user.status.value,
    }


def line(*, extension: str | None = None, e164: str | None = None) -> Line:
    """Make a line from numbers as people write them.

    Raises:
        ValueError: one of them is not a number, or the public one lacks its leading `+`.
    """
    normalized: dict[str, str | None] = {"extension": None, "e164": None}
    for name, text in (("extension", extension), ("e164", e164)):
        if text:
            normalized[name] = normalize_number(text)
            if normalized[name] is None:
                raise ValueError(f"{name} is not a number (digits, *, # and one leading +)")
    if normalized["e164"] is not None and not normalized["e164"].startswith("+"):
        raise ValueError("e164 has no leading + (a public number is written +390212345)")
    return Line(extension=normalized["extension"], e164=normalized["e164"])


def user_from_json(value: Mapping[str, Any]) -> User:
    """The user again, from what `user_to_json` made.

    Raises:
        ValueError: it is something else; so do KeyError and TypeError say.
    """
    return User(
        id=value["id"],
        name=value["name"],
        surname=value["surname"],
        email=value["email"],
        lines=tuple(line(extension=pair["extension"], e164=pair["e164"]) for pair in value["lines"]),
        licences=frozenset(Licence(word) for word in value["licences"]),
        roles=frozenset(Role(word) for word in value["roles"]),
        groups=tuple(value["groups"]),
        status=UserStatus(value["status"]),
    )
