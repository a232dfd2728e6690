"""Who may ask the collector for what: principals, and the token file that names them.

The file lists principals with the SHA-256 of their tokens, never a token. It has the form of the recorder's token file,
with the collector's roles, and with the logs and senders a principal is held to:

    {"principals": [
      {"id": "recorder-teams", "roles": ["sender"], "logs": ["voice/teams"], "senders": ["recorder/*"],
       "tokenSha256": "…64 hex…"},
      {"id": "operator", "roles": ["operator"], "tokenSha256": "…"},
      {"id": "vera", "email": "vera@example.com", "roles": ["auditor"], "logs": ["voice/*"], "tokenSha256": "…"}]}

`logs` absent means every log, `senders` absent every sender; `*` ends a name that stands for all that begin so. The
file is read again when it changes; a changed file that cannot be used leaves the principals as they were, and is
reported (`TokenFile.fault`).
"""

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.names import LogName
from callkeeper.audit.errors import AuditError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORM = "see docs/reference/audit-collector.md for its form"
_MEMBERS = frozenset({"id", "email", "roles", "tokenSha256", "logs", "senders"})


class TokenFileError(AuditError):
    """The token file is missing, may be written by others, or is ill-formed; the message says which and where."""


class CollectorRole(StrEnum):
    """What a principal may do with the logs it is let at."""

    SENDER = "sender"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorPrincipal:
    """Somebody who may ask; never a bare token.

    Attributes:
        id: a person's or a component's name.
        email: e-mail address, empty for a component.
        roles: what they may do.
        logs: names of logs, each whole or a beginning with `*`; empty for all.
        senders: ids of senders, likewise.
    """

    id: str
    email: str = ""
    roles: frozenset[CollectorRole] = frozenset()
    logs: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()

    @property
    def audit_email(self) -> str:
        """What stands in the Email column: the e-mail address, else `system:<component>`."""
        return self.email or f"system:{self.id}"

    def may_use(self, log: LogName) -> bool:
        """Whether this log is among its own."""
        return _among(str(log), self.logs)

    def may_send_as(self, sender: str) -> bool:
        """Whether it may number events under this id."""
        return _among(sender, self.senders)


def _among(name: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in allowed)


class TokenFile:
    """The principals of a token file, by token.

    Raises:
        TokenFileError: at the start, when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fault: TokenFileError | None = None
        self._seen = _stamp(path)
        self._by_digest = _read(path)

    @property
    def fault(self) -> str | None:
        """Why the file as it is now is not the one in force, or None when it is."""
        self._refresh()
        return None if self._fault is None else str(self._fault)

    def principal(self, token: str) -> CollectorPrincipal | None:
        """Whose token this is, or None.

        The look-up is by the token's SHA-256, which nobody can steer without knowing the token.
        """
        self._refresh()
        presented = sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = self._by_digest.get(presented)
        return found[1] if found is not None and compare_digest(found[0], presented) else None

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._seen = stamp
                self._by_digest = _read(self._path)
                self._fault = None
        except TokenFileError as fault:
            self._fault = fault


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise TokenFileError(f"cannot read {path}: {error.strerror}; without it nobody can be told apart") from error
    return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)


def _read(path: Path) -> Mapping[str, tuple[str, CollectorPrincipal]]:
    principals = (_principal(path, number, entry) for number, entry in enumerate(_entries(path), start=1))
    return {digest: (digest, principal) for digest, principal in principals}


def _entries(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            # To be read by others tells them nothing they could use: hashes of long random texts. A mounted Secret is.
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise TokenFileError(f"{path} can be written by others than its owner; run: chmod go-w {path}")
            if found.st_size > bounds.TOKEN_FILE_BYTES:
                raise TokenFileError(f"{path} has more than {bounds.TOKEN_FILE_BYTES} bytes; remove old principals")
            entries = json.loads(file.read())["principals"]
    except OSError as error:
        raise TokenFileError(f"cannot read {path}: {error.strerror}; see whose it is") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenFileError(f"{path} is not a token file; {_FORM}") from error
    if not isinstance(entries, list) or len(entries) > bounds.PRINCIPALS:
        raise TokenFileError(f"`principals` of {path} is not a list of at most {bounds.PRINCIPALS}; {_FORM}")
    return entries


def _principal(path: Path, number: int, entry: Any) -> tuple[str, CollectorPrincipal]:
    wrong = "it is no object" if not isinstance(entry, dict) else _wrong(entry)
    if wrong is not None:
        raise TokenFileError(f"principal {number} of {path} is ill-formed: {wrong}; {_FORM}")
    return entry["tokenSha256"], CollectorPrincipal(
        id=entry["id"],
        email=entry.get("email") or "",
        roles=frozenset(CollectorRole(role) for role in entry["roles"]),
        logs=tuple(entry.get("logs") or ()),
        senders=tuple(entry.get("senders") or ()),
    )


def _wrong(entry: Mapping[str, Any]) -> str | None:
    name, email, roles, digest = (entry.get(key) for key in ("id", "email", "roles", "tokenSha256"))
    known = {role.value for role in CollectorRole}
    if unknown := sorted(entry.keys() - _MEMBERS):
        # A misspelt `logs` would let a principal at every log.
        return f"`{unknown[0]}` is not known; what is: {', '.join(sorted(_MEMBERS))}"
    if not isinstance(name, str) or not name:
        return "id is not a text"
    if email is not None and not isinstance(email, str):
        return "email is not a text"
    if not isinstance(roles, list) or not all(isinstance(role, str) and role in known for role in roles):
        return f"roles is not a list of {', '.join(sorted(known))}"
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return "tokenSha256 is not a SHA-256 in lower-case hex"
    return next((f"{key} {complaint}" for key in ("logs", "senders") if (complaint := _not_names(entry, key))), None)


def _not_names(entry: Mapping[str, Any], key: str) -> str | None:
    if key not in entry:
        return None
    names = entry[key]
    if not isinstance(names, list) or not 1 <= len(names) <= bounds.ALLOWANCES:
        # An empty list would read as "none" and mean "all".
        return f"is not a list of 1 to {bounds.ALLOWANCES} names; leave it away to allow all"
    if not all(isinstance(one, str) and one and "*" not in one[:-1] for one in names):
        return "holds something else than a name, or the beginning of one with a `*` at its end"
    return None
