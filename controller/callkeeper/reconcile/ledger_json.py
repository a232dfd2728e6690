"""Ledgers and audit rows as plain JSON values and back; where they are kept is the source's business."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.policy.config_json import from_json, to_json
from callkeeper.policy.config_json import revision as revision_of
from callkeeper.reconcile.ledger import Ledger, Pending, Remembered

VERSION = 1


def ledger_to_json(ledger: Ledger) -> dict[str, Any]:
    """A ledger for `ledger_from_json`."""
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


def ledger_from_json(value: Mapping[str, Any]) -> Ledger:
    """The ledger again.

    Raises:
        KeyError, TypeError, ValueError, ConfigError: it was not written by `ledger_to_json`.
    """
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
