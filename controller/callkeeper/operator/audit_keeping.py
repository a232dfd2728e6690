"""`AuditLog` carried out: how a log is to be kept is put to the collector, and how it fares there is on the object.

What a recorder has in force says how its log is kept (an AuditLog, or the defaults where there is none), so that its
gates hold here too. A collector that cannot be told, takes no rows or runs out of disk is named in the conditions.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from callkeeper.audit.errors import AuditError
from callkeeper.audit.space import DiskState
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.audit_logs import CollectorLogs
from callkeeper.policy.config import AuditSection
from callkeeper.reconcile.reasons import ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import Condition, ObjectStatus

log = structlog.get_logger()

LOOK_SECONDS = 60.0
"""How long a disk that fills may go unseen in the conditions; the collector's own metrics tell sooner."""

RETRY_SECONDS = 5.0


@dataclass(slots=True)
class _Log:
    wanted: AuditSection | None = None
    told: AuditSection | None = None
    problem: tuple[Reason, str] | None = None
    pressure: str | None = None


@dataclass(kw_only=True)
class AuditKeeping:
    """Keeps the collector told, for one term of leadership.

    Attributes:
        logs: the collector's logs.
        changed: called when something about the log of a Recorder is otherwise than before.
    """

    logs: CollectorLogs
    changed: Callable[[ObjectKey], None]
    _logs: dict[ObjectKey, _Log] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def want(self, recorder: ObjectKey, section: AuditSection) -> None:
        """This is how the Recorder's log is to be kept."""
        one = self._logs.setdefault(recorder, _Log())
        if one.wanted != section:
            one.wanted = section
            self._woken.set()

    def application_name(self, recorder: ObjectKey) -> str | None:
        """The AppName in force for the Recorder's rows; None where that is not known yet."""
        one = self._logs.get(recorder)
        return one.wanted.application_name if one is not None and one.wanted is not None else None

    def forget(self, recorder: ObjectKey) -> None:
        """The Recorder is not governed any more; its log stays as it is."""
        self._logs.pop(recorder, None)

    def judged(
        self, recorder: ObjectKey, status: ObjectStatus, now: datetime, before: ObjectStatus | None
    ) -> ObjectStatus:
        """The status of an AuditLog, with what the collector says of it."""
        one = self._logs.get(recorder)
        if one is None or not status.ready:
            return status
        conditions: Sequence[Condition] = status.conditions
        if one.problem is not None:
            conditions = _with_problem(status, *one.problem)
        if one.pressure is not None:
            conditions = (*conditions, _pressure(status, one.pressure, now))
        return replace(status, conditions=tuple(_since(condition, before, now) for condition in conditions))

    async def run(self) -> None:
        """Tell the collector what it was not told, and ask how the logs are, for ever."""
        while True:
            self._woken.clear()
            failed = False
            for recorder in list(self._logs):
                failed = not await self._settle(recorder) or failed
            try:
                async with asyncio.timeout(RETRY_SECONDS if failed else LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _settle(self, recorder: ObjectKey) -> bool:
        one = self._logs.get(recorder)
        if one is None or one.wanted is None:
            return True
        wanted, before = one.wanted, (one.problem, one.pressure)
        client = self.logs.log(recorder.namespace, recorder.name)
        try:
            if one.told != wanted:
                await client.put_settings(
                    rotation=wanted.rotation,
                    retention=wanted.retention,
                    application_name=wanted.application_name,
                    compress_closed=wanted.compress_closed,
                )
                one.told = wanted
            state = await client.status()
        except AuditError as error:
            one.problem = Reason.AUDIT_UNAVAILABLE, f"the collector is not told yet: {error}"
            log.warning("collector_not_told", recorder=str(recorder), error=str(error))
        else:
            one.pressure = None if state.disk is DiskState.OK else f"the collector's disk is {state.disk.value}"
            one.problem = None
            if state.failure is not None or state.disk is DiskState.FULL:
                why = state.failure or "its disk is full"
                one.problem = Reason.AUDIT_UNAVAILABLE, f"the collector takes no rows: {why}; make room, or see its log"
        if (one.problem, one.pressure) != before:
            self.changed(recorder)
        return one.problem is None


def _with_problem(status: ObjectStatus, reason: Reason, message: str) -> list[Condition]:
    """Not in force for this reason; tried again."""
    found = []
    for condition in status.conditions:
        if condition.type in {ConditionType.PROGRAMMED, ConditionType.READY}:
            found.append(replace(condition, status=ConditionStatus.FALSE, reason=reason, message=message))
        else:
            found.append(condition)
    ready = found[-1]
    return [*found, replace(ready, type=ConditionType.RECONCILING, status=ConditionStatus.TRUE)]


def _pressure(status: ObjectStatus, message: str, now: datetime) -> Condition:
    return Condition(
        type=ConditionType.DISK_PRESSURE,
        status=ConditionStatus.TRUE,
        reason=Reason.DISK_LOW,
        message=message,
        observed_generation=status.observed_generation,
        last_transition_time=now,
    )


def _since(condition: Condition, before: ObjectStatus | None, now: datetime) -> Condition:
    """With the instant since when it is so."""
    was = before.condition(condition.type) if before else None
    same = was is not None and was.status is condition.status
    return replace(condition, last_transition_time=was.last_transition_time if same and was else now)
