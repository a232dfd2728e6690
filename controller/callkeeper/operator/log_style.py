"""How rows about settings objects are written, so that they fit what else is in their recorder's log.

A number must read the same in the row that says who changed an object and in the one that says what came into force:
both are masked under the key of the Recorder's ledger. The AppName is the one in force for that log.

Facts
    The key is known a moment after a term began, when the ledger was read. Rows wait for that, though not for long: a
    ledger that is not to be had must not hold up who changed what.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from callkeeper.kinds.audit_log import AuditLog
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import BookError
from callkeeper.operator.audit_keeping import AuditKeeping
from callkeeper.operator.governed import Governed
from callkeeper.operator.registry import Registry
from callkeeper.policy.config import AuditSection
from callkeeper.reconcile.changes import ShowPattern

PATIENCE_SECONDS = 30.0
"""From the time that a Recorder is governed; after that rows are masked under the book's own key."""

MAX_ENDED = 1_000
"""Recorders gone whose key is remembered, for the rows that say so."""


@dataclass(kw_only=True)
class LogStyle:
    """Knows it for every Recorder, for one term.

    Attributes:
        registry: knows the objects.
        governed: the Recorders.
        keeping: knows the names in force.
        clock: monotonic seconds.
    """

    registry: Registry
    governed: Mapping[ObjectKey, Governed]
    keeping: AuditKeeping
    clock: Callable[[], float] = time.monotonic
    _ended: dict[ObjectKey, tuple[ShowPattern, str]] = field(default_factory=dict)
    _begun: float = 0.0

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def ended(self, key: ObjectKey, governed: Governed) -> None:
        """A Recorder is not governed any more; the rows that say so come yet."""
        if governed.ledger.is_read:
            self._ended[key] = governed.ledger.show, self.app_name(key.namespace, key.name)
            while len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]

    def show(self, namespace: str, recorder: str) -> ShowPattern | None:
        """Masks a pattern for the log of a Recorder; None where it has no key.

        Raises:
            BookError: not known yet; try again.
        """
        key = _recorder(namespace, recorder)
        governed = self.governed.get(key)
        if governed is not None and governed.ledger.is_read:
            return governed.ledger.show
        if governed is None and self.registry.get(key) is None:
            return self._ended[key][0] if key in self._ended else None
        since = governed.begun if governed is not None else self._begun
        if self.clock() - since < PATIENCE_SECONDS:
            raise BookError(f"rows for the log of {key} wait: its ledger is not read yet")
        return None

    def app_name(self, namespace: str, recorder: str) -> str:
        """What AppName says in the log of a Recorder."""
        key = _recorder(namespace, recorder)
        name = self.keeping.application_name(key)
        if name is None and self.registry.get(key) is None and key in self._ended:
            name = self._ended[key][1]
        return name or self._said(key) or AuditSection().application_name

    def _said(self, recorder: ObjectKey) -> str | None:
        """The name that the only AuditLog of a recorder says, before anything is known to be in force."""
        own = [
            entry.reading.resource
            for key, entry in list(self.registry.entries(recorder.namespace).items())
            if key.kind == "AuditLog" and entry.reading.recorder == recorder.name
        ]
        only = own[0] if len(own) == 1 else None
        return only.spec.application_name if isinstance(only, AuditLog) else None


def _recorder(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(kind="Recorder", namespace=namespace, name=name)
