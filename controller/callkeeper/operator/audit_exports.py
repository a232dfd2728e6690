"""`AuditExport` carried out: the collector is asked for the file, and its answer becomes the object's status.

An export is named by the object's UID and generation, so that asking again is harmless and another range is another
file. A file goes with its object only where the object said so, and without a finalizer: what is to go is noted in a
ConfigMap of the operator's namespace before it is asked for, and whoever leads removes what has no object any more.
"""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from callkeeper.audit.collector.answers import ExportState, ExportStatus
from callkeeper.audit.errors import AuditError, CollectorRefused
from callkeeper.kinds.audit_export import AuditExport
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.instant import parse_instant
from callkeeper.operator import paths
from callkeeper.operator.api import Json, KubeApi
from callkeeper.operator.audit_logs import CollectorLogs
from callkeeper.operator.errors import ApiError, ApiNotFound
from callkeeper.operator.governed import utc_now
from callkeeper.operator.ledger_object import KEPT_LABEL
from callkeeper.operator.registry import Entry, Registry
from callkeeper.operator.status_values import known_status, requested
from callkeeper.operator.status_writer import StatusWriter
from callkeeper.policy.compile import AcceptedReason
from callkeeper.reconcile.attribution import Attribution
from callkeeper.reconcile.reasons import AnyReason, ConditionStatus, ConditionType, Reason
from callkeeper.reconcile.status import Condition, ObjectStatus
from callkeeper.reconcile.status_json import instant_to_text, status_to_json

log = structlog.get_logger()

KIND = "AuditExport"
NOTES = "callkeeper-exports"
POLL_SECONDS = 2.0
"""Between looks at an export under way, and between attempts."""

RETRY_SECONDS = 60.0
"""Until one that failed is asked for again: a log that has not begun begins, a disk that is full gets room."""

IDLE_SECONDS = 300.0
MAX_NOTED = 5_000
"""Exports whose files go with them; a line has 100 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What is said of one export.

    Attributes:
        good: it is complete.
        reason: of `Ready`.
        message: likewise.
        accepted: the object is valid and its Recorder is there.
        stalled: nothing more happens until somebody acts, as far as can be told.
        file: what the collector made.
    """

    good: bool = False
    reason: AnyReason
    message: str
    accepted: bool = True
    stalled: bool = False
    file: ExportStatus | None = None


@dataclass(kw_only=True)
class AuditExports:
    """Carries exports out, for one term of leadership.

    Attributes:
        api: the API server.
        registry: knows the objects.
        writer: brings statuses to the API server.
        logs: the collector's logs; None where no audit rows are kept.
        attribution: knows who asked.
        home: the operator's namespace.
        scope: the namespaces governed; empty for all.
    """

    api: KubeApi
    registry: Registry
    writer: StatusWriter
    logs: CollectorLogs | None
    attribution: Attribution
    home: str
    scope: tuple[str, ...] = ()
    _noted: dict[str, str] = field(default_factory=dict)
    _version: str | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """An export, or a Recorder, is otherwise than before."""
        self._woken.set()

    async def run(self) -> None:
        """Carry out what there is, for ever."""
        loaded = False
        while True:
            self._woken.clear()
            try:
                if not loaded:
                    await self._load()
                    loaded = True
                pause = await self._round()
            except (ApiError, AuditError) as error:
                log.warning("exports_wait", error=str(error))
                pause = POLL_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _round(self) -> float:
        """Look at every export; when to look again, in seconds."""
        pause = IDLE_SECONDS
        for namespace in self.registry.namespaces():
            for key, entry in list(self.registry.entries(namespace).items()):
                if key.kind == KIND and not _is_settled(entry):
                    verdict = await self._verdict(entry)
                    pause = min(pause, _pause(entry, verdict))
                    await self.writer.write({key: (entry.uid, _status_value(key, entry, verdict, utc_now()))})
        await self._remove_left_behind()
        return pause

    async def _verdict(self, entry: Entry) -> _Verdict:
        reading = entry.reading
        export = reading.resource
        if not isinstance(export, AuditExport):
            first = next((one.message for one in reading.findings), "not readable")
            return _Verdict(reason=AcceptedReason.INVALID, message=first, accepted=False, stalled=True)
        name = export.spec.recorder_ref.name
        if self.registry.get(ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=name)) is None:
            message = (
                f"there is no Recorder {name} in namespace {reading.key.namespace}; add it, or correct recorderRef"
            )
            return _Verdict(reason=AcceptedReason.RECORDER_NOT_FOUND, message=message, accepted=False, stalled=True)
        if self.logs is None:
            message = "this operator keeps no audit rows (--without-audit), so there is nothing to export"
            return _Verdict(reason=Reason.NOT_SUPPORTED, message=message, stalled=True)
        if reading.deleting:
            return _Verdict(reason=Reason.PENDING, message="the object is being deleted", stalled=True)
        return await self._ask(entry, export, name)

    async def _ask(self, entry: Entry, export: AuditExport, recorder: str) -> _Verdict:
        assert self.logs is not None
        key, spec = entry.reading.key, export.spec
        name = export_name(entry.uid, entry.reading.generation)
        if spec.delete_with_object:
            await self._note(name, f"{key.namespace}/{recorder}")
        try:
            found = await self.logs.log(key.namespace, recorder).put_export(
                name,
                start=spec.start,
                end=spec.end,
                email=spec.email,
                action=spec.action,
                requested_by=self.attribution.actor(key).email,
            )
        except CollectorRefused as error:
            return _Verdict(reason=Reason.EXPORT_FAILED, message=str(error), stalled=True)
        except AuditError as error:
            return _Verdict(reason=Reason.AUDIT_UNAVAILABLE, message=str(error))
        match found.state:
            case ExportState.COMPLETE:
                return _Verdict(good=True, reason=Reason.EXPORTED, message=f"{found.rows} rows exported", file=found)
            case ExportState.FAILED:
                return _Verdict(reason=Reason.EXPORT_FAILED, message=found.message or "failed")
            case ExportState.PENDING:
                return _Verdict(reason=Reason.PENDING, message=found.message or "being exported")

    async def _remove_left_behind(self) -> None:
        """Delete the files of objects that are gone and wanted them to go along."""
        if self.logs is None or not self._noted:
            return
        there = {entry.uid for name in self.registry.namespaces() for entry in self.registry.entries(name).values()}
        gone = {name: where for name, where in self._noted.items() if name.rpartition(".")[0] not in there}
        for name, where in gone.items():
            namespace, _, recorder = where.partition("/")
            if self.scope and namespace not in self.scope:
                continue
            await self.logs.log(namespace, recorder).delete_export(name)
            log.info("export_deleted", log=where, export=name)
            del self._noted[name]
        if gone:
            await self._save()

    async def _note(self, name: str, where: str) -> None:
        if name in self._noted:
            return
        if len(self._noted) >= MAX_NOTED:
            raise CollectorRefused(f"there are {MAX_NOTED} exports with deleteWithObject already; delete some")
        self._noted[name] = where
        try:
            await self._save()
        except ApiError:
            del self._noted[name]
            raise

    async def _load(self) -> None:
        try:
            found = await self.api.get(paths.config_map(self.home, NOTES))
        except ApiNotFound:
            self._noted, self._version = {}, None
            return
        self._noted = json.loads((found.get("data") or {}).get("exports") or "{}")
        self._version = found["metadata"]["resourceVersion"]

    async def _save(self) -> None:
        metadata: Json = {"name": NOTES, "namespace": self.home, "labels": {KEPT_LABEL: "exports"}}
        data = {"exports": json.dumps(self._noted, sort_keys=True)}
        document: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        if self._version is None:
            written = await self.api.create(paths.config_map(self.home), document)
        else:
            metadata["resourceVersion"] = self._version
            written = await self.api.replace(paths.config_map(self.home, NOTES), document)
        self._version = written["metadata"]["resourceVersion"]


def _pause(entry: Entry, verdict: _Verdict) -> float:
    """Until an export is looked at again: one under way soon, a range that is not over yet is waited for."""
    if verdict.reason is Reason.EXPORT_FAILED:
        return RETRY_SECONDS
    if verdict.good or verdict.stalled:
        return IDLE_SECONDS
    export = entry.reading.resource
    assert isinstance(export, AuditExport)
    left = (parse_instant(export.spec.end) - utc_now()).total_seconds()
    return min(max(left, POLL_SECONDS), IDLE_SECONDS)


def export_name(uid: str, generation: int) -> str:
    """Under which the collector knows an export."""
    return f"{uid}.{generation}"


def _is_settled(entry: Entry) -> bool:
    """Whether nothing more is to be done about this generation."""
    value = entry.status_value
    if value.get("observedGeneration") != entry.reading.generation or not (requested(entry).items() <= value.items()):
        return False
    ready: dict[str, Any] = next(
        (one for one in value.get("conditions", ()) if one["type"] == ConditionType.READY.value), {}
    )
    return bool(ready.get("reason") == Reason.EXPORTED.value)


def _status_value(key: ObjectKey, entry: Entry, verdict: _Verdict, now: datetime) -> Json:
    before = known_status(key, entry)
    status = ObjectStatus(key=key, observed_generation=entry.reading.generation, conditions=())
    conditions = [_condition(entry, before, ConditionType.ACCEPTED, verdict.accepted, verdict, now)]
    conditions.append(_condition(entry, before, ConditionType.READY, verdict.good, verdict, now))
    if not verdict.good:
        kind = ConditionType.STALLED if verdict.stalled else ConditionType.RECONCILING
        conditions.append(_condition(entry, before, kind, True, verdict, now))
    value = status_to_json(replace(status, conditions=tuple(conditions))) | requested(entry)
    if verdict.file is not None:
        was = entry.status_value
        completed = was.get("completedAt") if was.get("sha256") == verdict.file.sha256 else None
        value |= {
            "file": verdict.file.file,
            "rows": verdict.file.rows,
            "bytes": verdict.file.size,
            "sha256": verdict.file.sha256,
            "completedAt": completed or instant_to_text(now),
        }
    return {name: one for name, one in value.items() if one is not None}


def _condition(
    entry: Entry, before: ObjectStatus | None, kind: ConditionType, good: bool, verdict: _Verdict, now: datetime
) -> Condition:
    was = before.condition(kind) if before else None
    status = ConditionStatus.TRUE if good else ConditionStatus.FALSE
    accepted = kind is ConditionType.ACCEPTED and good
    return Condition(
        type=kind,
        status=status,
        reason=AcceptedReason.ACCEPTED if accepted else verdict.reason,
        message="valid, and its Recorder is there" if accepted else verdict.message[:1024],
        observed_generation=entry.reading.generation,
        last_transition_time=was.last_transition_time if was is not None and was.status is status else now,
    )
