"""Who may ask the collector for what: principals, and the token file that names them.

The file lists principals with the SHA-256 of their tokens, never a token. It has the form of the recorder's token file,
with the collector's roles, and with the logs and senders a principal is held to:

    {"principals": [
      {"id": "recorder-teams", "roles": ["sender"], "logs": ["voice/teams"], "senders": ["recorder/*"],
       "tokenSha256": "…64 hex…"},
      {"id": "operator", "roles": ["operator"], "tokenSha256": "…"},
      {"id": "vera", "email": "vera@example.com", "roles": ["auditor"], "logs": ["voice/*"], "tokenSha256": "…"}]}

`logs` absent means every log, `senders` absent every sender; `*` ends a name that stands for all that begin so.
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from callkeeper.audit import token_file
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.names import LogName

_MEMBERS = frozenset({"id", "email", "roles", "tokenSha256", "logs", "senders"})


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


class TokenFile(token_file.TokenFile[CollectorPrincipal]):
    """The principals of a token file, by token."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            TokenFileError: the file is missing, may be written by others, or is ill-formed.
        """
        super().__init__(path, _FORM)


def _principal(entry: Mapping[str, Any]) -> CollectorPrincipal:
    return CollectorPrincipal(
        id=entry["id"],
        email=entry.get("email") or "",
        roles=frozenset(CollectorRole(role) for role in entry["roles"]),
        logs=tuple(entry.get("logs") or ()),
        senders=tuple(entry.get("senders") or ()),
    )


def _wrong(entry: Mapping[str, Any]) -> str | None:
    if unknown := sorted(entry.keys() - _MEMBERS):
        # A misspelt `logs` would let a principal at every log.
        return f"`{unknown[0]}` is not known; what is: {', '.join(sorted(_MEMBERS))}"
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


_FORM = token_file.TokenFileForm(
    # To be read by others tells them nothing they could use: hashes of long random texts. A mounted Secret is.
    refused_mode=stat.S_IWGRP | stat.S_IWOTH,
    exposed="{path} can be written by others than its owner; run: chmod go-w {path}",
    page="docs/reference/audit-collector.md",
    roles=frozenset(role.value for role in CollectorRole),
    wrong=_wrong,
    principal=_principal,
)
