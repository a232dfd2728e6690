"""A row in the audit log for every change of `users.csv`, once, whenever this process dies.

The row is kept in the state folder before it is written, under a number of its own: one that was not acknowledged is
written again under the same number, which the log knows. Users are in force all the same; who may be recorded does not
wait for a log.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import AuditError
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.store import AuditStore
from callkeeper.local.attribution import FolderAttribution
from callkeeper.local.files import write_file
from callkeeper.policy.directory import Directory
from callkeeper.reconcile.attribution import Actor
from callkeeper.reconcile.ledger_json import event_from_json, event_to_json
from callkeeper.recorder.user_changes import Difference

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is remembered.

    Attributes:
        sender: under this name the rows are numbered.
        sequence: the number of the last row.
        revision: the directory the last row is about; empty before the first.
        pending: that row, until it is acknowledged.
    """

    sender: str
    sequence: int = 0
    revision: str = ""
    pending: AuditEvent | None = None


class UsersJournal:
    """Writes the rows. The state folder's lock makes this process its only writer."""

    def __init__(
        self,
        path: Path,
        users_file: Path,
        audit: AuditStore,
        attribution: FolderAttribution,
        clock: Callable[[], datetime],
    ) -> None:
        """Prepare.

        Args:
            path: where it is remembered what was written.
            users_file: `users.csv`.
            audit: takes the rows.
            attribution: knows who changed the file.
            clock: the instant of a change.
        """
        self._path = path
        self._users_file = users_file
        self._audit = audit
        self._attribution = attribution
        self._clock = clock
        self._kept: _Kept | None = None

    async def record(self, directory: Directory, before: Directory | None) -> str | None:
        """Leave a row where these users are not those of the last one.

        Args:
            directory: the users in force from now on.
            before: those before, as far as they are known; others than those of the last row say nothing.

        Returns:
            None, or what keeps the row from being written now; it is written later, or at the next start.
        """
        try:
            await self._record(directory, before)
        except (OSError, AuditError) as error:
            return str(error)
        return None

    async def _record(self, directory: Directory, before: Directory | None) -> None:
        if self._kept is None:
            self._kept = await asyncio.to_thread(self._load)
        kept = self._kept
        await self._deliver(kept)
        if directory.revision == kept.revision:
            return
        if not kept.revision:
            before = Directory.of(())
        elif before is not None and before.revision != kept.revision:
            before = None
        actor = await asyncio.to_thread(self._attribution.actor_of_file, self._users_file)
        row = AuditEvent(
            sender=kept.sender,
            sequence=kept.sequence + 1,
            at=self._clock(),
            email=actor.email,
            ip_address=actor.ip_address,
            app_name="callkeeper",
            action=Action.UPDATE_USERS,
            details=_details(actor, directory, before),
        )
        kept = _Kept(sender=row.sender, sequence=row.sequence, revision=directory.revision, pending=row)
        await self._keep(kept)
        await self._deliver(kept)

    async def _deliver(self, kept: _Kept) -> None:
        if kept.pending is not None:
            await self._audit.append([kept.pending])
            await self._keep(replace(kept, pending=None))

    async def _keep(self, kept: _Kept) -> None:
        value = {
            "version": VERSION,
            "sender": kept.sender,
            "sequence": kept.sequence,
            "revision": kept.revision,
            "pending": None if kept.pending is None else event_to_json(kept.pending),
        }
        await asyncio.to_thread(write_file, self._path, json.dumps(value, separators=(",", ":")).encode())
        self._kept = kept

    def _load(self) -> _Kept:
        try:
            return _kept(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return _Kept(sender=f"users-{secrets.token_hex(8)}")
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(
                f"{self._path} does not hold what was written there; restore it, or remove it and the users are told "
                "as new ones"
            ) from error


def _kept(value: Mapping[str, Any]) -> _Kept:
    if value["version"] != VERSION:
        raise ValueError("another version")
    return _Kept(
        sender=value["sender"],
        sequence=value["sequence"],
        revision=value["revision"],
        pending=None if value["pending"] is None else event_from_json(value["pending"]),
    )


def _details(actor: Actor, directory: Directory, before: Directory | None) -> dict[str, Any]:
    counts = {} if before is None else Difference.between(before, directory).counts
    known = {"author": actor.author, "commit": actor.commit}
    return {
        **{name: text for name, text in known.items() if text},
        "users": len(directory.users),
        **counts,
        "revision": directory.revision,
    }
