"""Who asks: principals, and the token file that names them.

The file lists principals with the SHA-256 of their tokens; a token itself is shown once, to whoever makes it, and kept
nowhere here. It is read again when it changes; a changed file that cannot be used leaves the principals in force as
they were and is reported by `TokenFile.fault`, so that a half-written file does not lock everybody out.

    {"principals": [{"id": "ada", "email": "ada@example.com", "roles": ["user"], "tokenSha256": "…64 hex…"}]}
"""

import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from callkeeper.policy.directory import Role
from callkeeper.recorder import bounds
from callkeeper.recorder.errors import TokenFileFault
from callkeeper.recorder.files import LocalDisk, replace_file

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORM = "see docs/reference/recorder.md for its form"
_ROLES = frozenset(role.value for role in Role)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BESIDES_READING_AS_GROUP = _OTHERS & ~stat.S_IRGRP


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who may ask; never a bare token.

    Attributes:
        id: of the directory for people, a component's name otherwise.
        email: e-mail address, empty for a component.
        roles: what they may do.
    """

    id: str
    email: str = ""
    roles: frozenset[Role] = frozenset()

    @property
    def audit_email(self) -> str:
        """What stands in the audit's Email column: the e-mail address, else `system:<component>`."""
        return self.email or f"system:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    token_sha256: str
    principal: Principal


class TokenFile:
    """The principals of a token file, by token."""

    def __init__(self, path: Path, *, group_may_read: bool = False) -> None:
        """Read the file.

        Args:
            path: of the file.
            group_may_read: let its group read it too, as Kubernetes does with the files of a mounted Secret.

        Raises:
            TokenFileFault: the file is missing, readable by others, or ill-formed.
        """
        self._path = path
        self._refused_mode = _BESIDES_READING_AS_GROUP if group_may_read else _OTHERS
        self._seen: tuple[int, ...] | None = None
        self._by_digest: Mapping[str, _Entry] = {}
        self._fault: TokenFileFault | None = None
        self._seen = _stamp(path)
        self._by_digest = _read(path, self._refused_mode)

    @property
    def fault(self) -> str | None:
        """Why the file as it is now is not the one in force, or None when it is."""
        self._refresh()
        return None if self._fault is None else str(self._fault)

    def principal(self, token: str) -> Principal | None:
        """Whose token this is, or None.

        The look-up is by the SHA-256 of the token, which nobody can steer without knowing the token, and the match is
        compared in constant time.
        """
        self._refresh()
        presented = sha256(token.encode()).hexdigest()
        found = self._by_digest.get(presented)
        if found is None or not compare_digest(found.token_sha256, presented):
            return None
        return found.principal

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return
            self._seen = stamp
            self._by_digest = _read(self._path, self._refused_mode)
            self._fault = None
        except TokenFileFault as fault:
            self._fault = fault


def create_principal(path: Path, principal: Principal) -> str:
    """Add a principal to the token file (made when missing, 0600) and return the new token, shown only here.

    A principal with the same id is replaced; its old token stops working.

    Raises:
        TokenFileFault: the file there is exposed or ill-formed, or cannot be written.
    """
    entries = _entries(path) if path.exists() else []
    token = secrets.token_urlsafe(32)
    entries = [entry for entry in entries if entry.get("id") != principal.id]
    entries.append(
        {
            "id": principal.id,
            "email": principal.email,
            "roles": sorted(principal.roles),
            "tokenSha256": sha256(token.encode()).hexdigest(),
        }
    )
    try:
        replace_file(LocalDisk(), path, json.dumps({"principals": entries}, indent=1).encode())
    except OSError as error:
        raise TokenFileFault(
            f"cannot write {path}: {error.strerror}", "see that its folder exists and belongs to this user"
        ) from error
    return token


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise TokenFileFault(
            f"cannot read {path}: {error.strerror}", "make one; without it nobody can be told apart"
        ) from error
    return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)


def _entries(path: Path, refused_mode: int = _OTHERS) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_IMODE(found.st_mode) & refused_mode:
                raise TokenFileFault(
                    f"{path} can be read by others than its owner", f"run: chmod 600 {path}, and renew its tokens"
                )
            if found.st_size > bounds.TOKEN_FILE_BYTES:
                raise TokenFileFault(f"{path} is larger than {bounds.TOKEN_FILE_BYTES} bytes", "remove old principals")
            entries = json.loads(file.read())["principals"]
    except OSError as error:
        raise TokenFileFault(f"cannot read {path}: {error.strerror}", "see that it belongs to this user") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenFileFault(f"{path} is not a token file", _FORM) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise TokenFileFault(f"`principals` of {path} is not a list of objects", _FORM)
    if len(entries) > bounds.PRINCIPALS:
        raise TokenFileFault(f"{path} has more than {bounds.PRINCIPALS} principals", "remove those not in use")
    return entries


def _read(path: Path, refused_mode: int) -> Mapping[str, _Entry]:
    return {entry.token_sha256: entry for entry in _parsed(path, _entries(path, refused_mode))}


def _parsed(path: Path, entries: Iterable[Mapping[str, Any]]) -> Iterator[_Entry]:
    for number, entry in enumerate(entries, start=1):
        wrong = _wrong(entry)
        if wrong is not None:
            raise TokenFileFault(f"principal {number} of {path} is ill-formed: {wrong}", _FORM)
        roles = frozenset(Role(role) for role in entry["roles"])
        principal = Principal(id=entry["id"], email=entry.get("email") or "", roles=roles)
        yield _Entry(token_sha256=entry["tokenSha256"], principal=principal)


def _wrong(entry: Mapping[str, Any]) -> str | None:
    name, email, roles, digest = (entry.get(key) for key in ("id", "email", "roles", "tokenSha256"))
    if not isinstance(name, str) or not name:
        return "id is not a text"
    if email is not None and not isinstance(email, str):
        return "email is not a text"
    if not isinstance(roles, list) or not all(isinstance(role, str) and role in _ROLES for role in roles):
        return f"roles is not a list of {', '.join(sorted(_ROLES))}"
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return "tokenSha256 is not a SHA-256 in lower-case hex"
    return None
