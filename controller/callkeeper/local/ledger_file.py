"""The ledger of one recorder in a file of the state folder, read once and written whole."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.local.files import write_file
from callkeeper.policy.config_json import ConfigError, from_json, to_json
from callkeeper.policy.config_json import revision as revision_of
from callkeeper.reconcile.ledger import Ledger, Pending, Remembered

VERSION = 1


class FileLedger:
    """Keeps a ledger in one file. The state folder's lock makes this process its only writer."""

    def __init__(self, path: Path, owner: str) -> None:
        """Prepare.

        Args:
            path: the file.
            owner: who this is to the recorder, for a ledger made anew; one that is there keeps its own.
        """
        self._path = path
        self._owner = owner
        self._kept: Ledger | None = None

    async def load(self) -> Ledger:
        """See `LedgerStore.load`.

        Raises:
            OSError: the file cannot be read, or does not hold a ledger.
        """
        if self._kept is None:
            try:
                self._kept = _ledger(json.loads(await asyncio.to_thread(self._path.read_bytes)))
            except FileNotFoundError:
                self._kept = Ledger(owner=self._owner, sender=f"reconcile-{secrets.token_hex(8)}")
            except (ValueError, KeyError, TypeError, ConfigError) as error:
                raise OSError(
                    f"{self._path} does not hold what was written there; restore it, or remove it and every object "
                    "must be valid at the next start"
                ) from error
        return self._kept

    async def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        data = await asyncio.to_thread(lambda: json.dumps(_value(ledger), separators=(",", ":")).encode())
        await asyncio.to_thread(write_file, self._path, data)
        self._kept = ledger


def _value(ledger: Ledger) -> dict[str, Any]:
    return {
        "version": VERSION,
        "owner": ledger.owner,
        "sender": ledger.sender,
        "epoch": ledger.epoch,
        "revision": ledger.revision,
        "sequence": ledger.sequence,
        "remembered": _remembered_value(ledger.remembered),
        "pending": None if ledger.pending is None else _pending_value(ledger.pending),
        "config": None if ledger.config is None else to_json(ledger.config),
    }


def _remembered_value(remembered: Remembered) -> dict[str, Any]:
    return {
        "rejected": dict(remembered.rejected),
        "drift": remembered.drift,
        "recorder": None if remembered.recorder is None else dict(remembered.recorder),
    }


def _pending_value(pending: Pending) -> dict[str, Any]:
    return {
        "put": pending.put,
        "events": [event_to_json(event) for event in pending.events],
        "after": _remembered_value(pending.after),
    }


def event_to_json(event: AuditEvent) -> dict[str, Any]:
    """A row that has yet to be written, for `event_from_json`."""
    return {
        "sender": event.sender,
        "sequence": event.sequence,
        "at": event.at.isoformat(),
        "email": event.email,
        "ipAddress": event.ip_address,
        "appName": event.app_name,
        "action": event.action.value,
        "details": dict(event.details),
    }


def _ledger(value: Mapping[str, Any]) -> Ledger:
    if value["version"] != VERSION:
        raise ValueError("another version")
    config = None if value["config"] is None else from_json(value["config"])
    if config is not None and revision_of(config) != value["revision"]:
        raise ValueError("the config does not fit its revision")
    return Ledger(
        owner=value["owner"],
        sender=value["sender"],
        epoch=value["epoch"],
        revision=value["revision"],
        config=config,
        sequence=value["sequence"],
        remembered=_remembered(value["remembered"]),
        pending=None if value["pending"] is None else _pending(value["pending"]),
    )


def _remembered(value: Mapping[str, Any]) -> Remembered:
    return Remembered(rejected=value["rejected"], drift=value["drift"], recorder=value["recorder"])


def _pending(value: Mapping[str, Any]) -> Pending:
    return Pending(
        put=value["put"],
        events=tuple(event_from_json(event) for event in value["events"]),
        after=_remembered(value["after"]),
    )


def event_from_json(value: Mapping[str, Any]) -> AuditEvent:
    """The row again.

    Raises:
        KeyError, TypeError, ValueError: it was not written by `event_to_json`.
    """
    return AuditEvent(
        sender=value["sender"],
        sequence=value["sequence"],
        at=datetime.fromisoformat(value["at"]),
        email=value["email"],
        ip_address=value["ipAddress"],
        app_name=value["appName"],
        action=Action(value["action"]),
        details=value["details"],
    )
