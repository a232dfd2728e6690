"""Token files: who asks, by the SHA-256 of a token. The collector and the recorder read theirs with this.

A file lists principals; a token itself is nowhere in it. It is read again when it changes; a changed file that cannot
be used leaves the principals in force as they were and is reported by `TokenFile.fault`, so that a half-written file
does not lock everybody out. What a principal is beside id, e-mail address and roles, each reader's form says.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Generic, TypeVar

from callkeeper.audit.errors import TokenFileError

P = TypeVar("P")
_DIGEST = re.compile(r"[0-9a-f]{64}")

PRINCIPALS = 10_000
"""Principals of a token file."""

TOKEN_FILE_BYTES = 8 * 1024 * 1024
"""A token file: 10,000 principals at their longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFileForm(Generic[P]):
    """What a token file has to be like.

    Attributes:
        refused_mode: bits of the file's mode that keep it from being used.
        exposed: what is wrong then, and what to do; `{path}` stands for the file.
        page: where its form is described.
        roles: the roles there are.
        wrong: what else is wrong with an entry, or None; its id, e-mail address, roles and hash are as they should be.
        principal: makes the principal of an entry that nothing is wrong with.
    """

    refused_mode: int
    exposed: str
    page: str
    roles: frozenset[str]
    wrong: Callable[[Mapping[str, Any]], str | None]
    principal: Callable[[Mapping[str, Any]], P]


class TokenFile(Generic[P]):
    """The principals of a token file, by token."""

    def __init__(self, path: Path, form: TokenFileForm[P]) -> None:
        """Read the file.

        Raises:
            TokenFileError: the file is missing, exposed or ill-formed.
        """
        self._path = path
        self._form = form
        self._fault: TokenFileError | None = None
        self._seen = _stamp(path)
        self._by_digest = self._read()

    @property
    def fault(self) -> str | None:
        """Why the file as it is now is not the one in force, or None when it is."""
        self._refresh()
        return None if self._fault is None else str(self._fault)

    def principal(self, token: str) -> P | None:
        """Whose token this is, or None.

        The look-up is by the SHA-256 of the token, which nobody can steer without knowing the token, and the match is
        compared in constant time.
        """
        self._refresh()
        presented = sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = self._by_digest.get(presented)
        return found[1] if found is not None and compare_digest(found[0], presented) else None

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return
            self._seen = stamp
            self._by_digest = self._read()
            self._fault = None
        except TokenFileError as fault:
            self._fault = fault

    def _read(self) -> Mapping[str, tuple[str, P]]:
        found, form = {}, self._form
        for number, entry in enumerate(read_entries(self._path, form), start=1):
            wrong = _wrong(entry, form.roles) or form.wrong(entry)
            if wrong is not None:
                raise TokenFileError(f"principal {number} of {self._path} is ill-formed: {wrong}; see {form.page}")
            found[entry["tokenSha256"]] = entry["tokenSha256"], form.principal(entry)
        return found


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise TokenFileError(
            f"cannot read {path}: {error.strerror}; make one: without it nobody can be told apart"
        ) from error
    return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)


def read_entries(path: Path, form: TokenFileForm[P]) -> list[dict[str, Any]]:
    """The entries of a token file, whatever is in each.

    Raises:
        TokenFileError: it is missing, exposed, too long, or no list of objects.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_IMODE(found.st_mode) & form.refused_mode:
                raise TokenFileError(form.exposed.format(path=path))
            if found.st_size > TOKEN_FILE_BYTES:
                raise TokenFileError(f"{path} has more than {TOKEN_FILE_BYTES} bytes; remove old principals")
            entries = json.loads(file.read())["principals"]
    except OSError as error:
        raise TokenFileError(f"cannot read {path}: {error.strerror}; see whose it is") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenFileError(f"{path} is not a token file; see {form.page}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise TokenFileError(f"`principals` of {path} is not a list of objects; see {form.page}")
    if len(entries) > PRINCIPALS:
        raise TokenFileError(f"{path} has more than {PRINCIPALS} principals; remove those not in use")
    return entries


def _wrong(entry: Mapping[str, Any], known: frozenset[str]) -> str | None:
    name, email, roles, digest = (entry.get(key) for key in ("id", "email", "roles", "tokenSha256"))
    if not isinstance(name, str) or not name:
        return "id is not a text"
    if email is not None and not isinstance(email, str):
        return "email is not a text"
    if not isinstance(roles, list) or not all(isinstance(role, str) and role in known for role in roles):
        return f"roles is not a list of {', '.join(sorted(known))}"
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return "tokenSha256 is not a SHA-256 in lower-case hex"
    return None
