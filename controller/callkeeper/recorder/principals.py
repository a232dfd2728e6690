"""Who asks: principals, and the token file that names them (`callkeeper.audit.token_file`).

    {"principals": [{"id": "ada", "email": "ada@example.com", "roles": ["user"], "tokenSha256": "…64 hex…"}]}

A token itself is shown once, to whoever makes it, and kept nowhere here.
"""

import json
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from callkeeper.audit import token_file
from callkeeper.audit.errors import TokenFileError
from callkeeper.policy.directory import Role
from callkeeper.recorder.files import LocalDisk, replace_file

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


class TokenFile(token_file.TokenFile[Principal]):
    """The principals of a token file, by token."""

    def __init__(self, path: Path, *, group_may_read: bool = False) -> None:
        """Read the file.

        Args:
            path: of the file.
            group_may_read: let its group read it too, as Kubernetes does with the files of a mounted Secret.

        Raises:
            TokenFileError: the file is missing, readable by others, or ill-formed.
        """
        super().__init__(path, _form(_BESIDES_READING_AS_GROUP if group_may_read else _OTHERS))


def create_principal(path: Path, principal: Principal) -> str:
    """Add a principal to the token file (made when missing, 0600) and return the new token, shown only here.

    A principal with the same id is replaced; its old token stops working.

    Raises:
        TokenFileError: the file there is exposed or ill-formed, or cannot be written.
    """
    entries = token_file.read_entries(path, _form(_OTHERS)) if path.exists() else []
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
        raise TokenFileError(
            f"cannot write {path}: {error.strerror}; see that its folder exists and belongs to this user"
        ) from error
    return token


def _form(refused_mode: int) -> token_file.TokenFileForm[Principal]:
    return token_file.TokenFileForm(
        refused_mode=refused_mode,
        exposed="{path} can be read by others than its owner; run: chmod 600 {path}, and renew its tokens",
        page="docs/reference/recorder.md",
        roles=frozenset(role.value for role in Role),
        wrong=lambda _: None,
        principal=_principal,
    )


def _principal(entry: Mapping[str, Any]) -> Principal:
    roles = frozenset(Role(role) for role in entry["roles"])
    return Principal(id=entry["id"], email=entry.get("email") or "", roles=roles)
