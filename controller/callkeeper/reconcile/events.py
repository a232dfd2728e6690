"""Changes become numbered audit rows: who did it, when, and from which revision to which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compile import ObjectResult, UsedConfirmation
from callkeeper.reconcile.attribution import Actor, Attribution
from callkeeper.reconcile.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What all rows of one change have in common.

    Attributes:
        at: the instant of the change.
        app_name: the emitter's application name.
        recorder: whose settings these are; acts where no object does.
        before: the revision before, or None.
        after: the revision after, or None where nothing was put.
    """

    at: datetime
    app_name: str
    recorder: ObjectKey
    before: str | None
    after: str | None


class RowWriter:
    """Numbers the rows of one change, one after the other."""

    def __init__(self, occasion: Occasion, attribution: Attribution, *, sender: str, sequence: int) -> None:
        self._occasion = occasion
        self._attribution = attribution
        self._sender = sender
        self._sequence = sequence
        self._rows: list[AuditEvent] = []

    @property
    def rows(self) -> tuple[AuditEvent, ...]:
        """The rows so far."""
        return tuple(self._rows)

    def changes(self, changes: Iterable[Change]) -> None:
        """Rows for settings that came into force."""
        for change in changes:
            self._add(change.action, change.object, {**change.details, **self._revisions()})

    def drift(self, action: Action, found: str | None, owner: str | None) -> None:
        """A row about a config of somebody else; the actor is the component, since who it was is not known here."""
        details = {"found": found, "foundOwner": owner, "object": str(self._occasion.recorder), **self._revisions()}
        self._append(action, Actor(email="system:reconcile"), details)

    def rejections(self, results: Iterable[ObjectResult]) -> None:
        """Rows for objects that do not come into force as they are now."""
        for result in results:
            details = {"reason": result.reason.value, "rules": sorted({one.rule for one in result.findings})[:20]}
            self._add(Action.REJECT_CONFIG, str(result.key), details)

    def confirmations(self, used: Iterable[UsedConfirmation], effects: Mapping[str, int]) -> None:
        """Rows for words that let a change pass."""
        for one in used:
            details = {"confirmation": one.text, "effects": dict(effects), **self._revisions()}
            self._add(Action.CONFIRM_DELETION, one.object, details)

    def recorder(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """A row for fields of the Recorder object."""
        names = [name for name in after if before.get(name) != after[name]]
        details = {"from": {name: before.get(name) for name in names}, "to": {name: after[name] for name in names}}
        self._add(Action.UPDATE_RECORDER, str(self._occasion.recorder), details)

    def _revisions(self) -> dict[str, Any]:
        return {"revision": self._occasion.after, "previousRevision": self._occasion.before}

    def _add(self, action: Action, object_text: str | None, details: Mapping[str, Any]) -> None:
        key = ObjectKey.parse(object_text) if object_text else self._occasion.recorder
        actor = self._attribution.actor(key)
        known = {"object": object_text, "author": actor.author, "commit": actor.commit}
        self._append(action, actor, {**{name: text for name, text in known.items() if text}, **details})

    def _append(self, action: Action, actor: Actor, details: Mapping[str, Any]) -> None:
        self._sequence += 1
        self._rows.append(
            AuditEvent(
                sender=self._sender,
                sequence=self._sequence,
                at=self._occasion.at,
                email=actor.email,
                ip_address=actor.ip_address,
                app_name=self._occasion.app_name,
                action=action,
                details={name: value for name, value in details.items() if value is not None},
            )
        )
