"""What the Prometheus operator is told: where metrics are, and what somebody should be woken for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.generate import choices, names
from deploy.generate.names import metadata, selector
from deploy.generate.values import Merged

from callkeeper.local.installation_secrets import MONITORING

_VERSION = "monitoring.coreos.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert.

    Attributes:
        name: of the alert.
        part: who exposes what it is made of.
        expression: in PromQL.
        lasting: for how long.
        severity: `critical` wakes somebody, `warning` waits for the morning.
        summary: what is the matter.
        action: what to do.
    """

    name: str
    part: str
    expression: str
    lasting: str
    severity: str
    summary: str
    action: str


ALERTS = (
    Alert(
        name="CallkeeperOperatorNoLeader",
        part=names.OPERATOR,
        expression="absent(callkeeper_operator_leader == 1)",
        lasting="2m",
        severity="critical",
        summary="No operator leads; changes of settings do not come into force",
        action="See that operator pods run and may write their Lease.",
    ),
    Alert(
        name="CallkeeperOperatorSeveralLeaders",
        part=names.OPERATOR,
        expression="sum(callkeeper_operator_leader) > 1",
        lasting="1m",
        severity="critical",
        summary="Several operators believe to lead; recorders refuse all but the newest",
        action="End the older pods, and see whether their clocks or the API server are slow.",
    ),
    Alert(
        name="CallkeeperRecorderNotSynced",
        part=names.OPERATOR,
        expression="max by (namespace, recorder) (callkeeper_operator_recorder_synced) == 0",
        lasting="10m",
        severity="warning",
        summary="Recorder {{ $labels.namespace }}/{{ $labels.recorder }} does not run what its objects say",
        action="kubectl callkeeper status says why.",
    ),
    Alert(
        name="CallkeeperChangeNotInForce",
        part=names.OPERATOR,
        expression="max(callkeeper_operator_oldest_unprogrammed_seconds) > 300",
        lasting="5m",
        severity="warning",
        summary="A change of settings has been waiting for more than five minutes",
        action="kubectl callkeeper status -A names what waits.",
    ),
    Alert(
        name="CallkeeperOperatorTaskFailed",
        part=names.OPERATOR,
        expression="sum by (task) (increase(callkeeper_operator_task_failures_total[15m])) > 0",
        lasting="0m",
        severity="warning",
        summary="Task {{ $labels.task }} of the operator ended with an error that nobody foresaw, and was begun anew",
        action="Event task_failed of the operator's log says where; please report it.",
    ),
    Alert(
        name="CallkeeperWebhookCertificateEnds",
        part=names.WEBHOOK,
        expression="min(callkeeper_webhook_certificate_expiry_timestamp_seconds) - time() < 86400",
        lasting="10m",
        severity="critical",
        summary="The webhook's certificate ends within a day and was not renewed",
        action="See the webhook's log, and that it may write its Secret and its configuration.",
    ),
    Alert(
        name="CallkeeperWebhookTellsNobody",
        part=names.WEBHOOK,
        expression="max(callkeeper_webhook_operators_reachable) < 1",
        lasting="5m",
        severity="warning",
        summary="No operator takes notes; rows will not say who changed what",
        action="See that the changes token is the same on both sides, and the network policy.",
    ),
    Alert(
        name="CallkeeperAuditLogFailed",
        part=names.COLLECTOR,
        expression="max by (log) (callkeeper_audit_log_failed) == 1",
        lasting="1m",
        severity="critical",
        summary="The audit log {{ $labels.log }} takes no rows",
        action="GET /v1/logs/…/status says why; senders keep their rows meanwhile.",
    ),
    Alert(
        name="CallkeeperAuditDiskLow",
        part=names.COLLECTOR,
        expression='max by (log, state) (callkeeper_audit_disk_state{state=~"low|full"}) == 1',
        lasting="5m",
        severity="critical",
        summary="The disk of the audit log {{ $labels.log }} is {{ $labels.state }}",
        action="Enlarge the volume; when it is full, rows are refused.",
    ),
    Alert(
        name="CallkeeperAuditRowsWait",
        part=names.RECORDER,
        expression="max(callkeeper_outbox_oldest_seconds) > 900",
        lasting="5m",
        severity="warning",
        summary="Audit rows have been waiting for the collector for more than a quarter of an hour",
        action="See that the collector runs and takes the recorder's token.",
    ),
    Alert(
        name="CallkeeperSegmentsLost",
        part=names.RECORDER,
        expression="increase(callkeeper_segments_lost_total[15m]) > 0",
        lasting="0m",
        severity="critical",
        summary="The recorder could not write what became of calls",
        action="See the recorder's disk.",
    ),
    Alert(
        name="CallkeeperRecorderTaskFailed",
        part=names.RECORDER,
        expression="sum by (task) (increase(callkeeper_task_failures_total[15m])) > 0",
        lasting="0m",
        severity="warning",
        summary="Task {{ $labels.task }} of the recorder ended with an error that nobody foresaw, and was begun anew",
        action="Event task_failed of the recorder's log says where; please report it.",
    ),
    Alert(
        name="CallkeeperMediaLost",
        part=names.RECORDER,
        expression="increase(callkeeper_media_lost_total[15m]) > 0",
        lasting="0m",
        severity="critical",
        summary="Media that was asked for is not on the recorder's disk as it was stored",
        action="callkeeper recorder check names what is missing or altered.",
    ),
    Alert(
        name="CallkeeperRetentionStopped",
        part=names.RECORDER,
        expression="max(callkeeper_retention_clock_stopped) == 1",
        lasting="5m",
        severity="warning",
        summary="The recorder does not believe its clock, and nothing expires",
        action="Put the clock right, or give an administrator's word.",
    ),
)


def monitoring() -> Iterator[tuple[choices.Part, dict[str, Any]]]:
    """ServiceMonitors and rules, with the part each belongs to."""
    for name, part, endpoint in (
        (names.OPERATOR, choices.OPERATOR, {"port": "http"}),
        (names.WEBHOOK, choices.WEBHOOK, {"port": "health"}),
        (names.COLLECTOR, choices.COLLECTOR, _with_token("collector-token")),
        (names.RECORDER, choices.RECORDER, _with_token("recorder-token")),
    ):
        yield part, _monitor(name, endpoint)
        yield part, _rules(name)


def _with_token(key: str) -> dict[str, Any]:
    return {"port": "http", "authorization": {"type": "Bearer", "credentials": {"name": MONITORING, "key": key}}}


def _labelled(name: str) -> dict[str, Any]:
    return metadata(name) | {"labels": Merged(fixed=selector(name), value=choices.MONITORING_LABELS)}


def _monitor(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": _VERSION,
        "kind": "ServiceMonitor",
        "metadata": _labelled(name),
        "spec": {
            "selector": {"matchLabels": selector(name)},
            "endpoints": [{"path": "/metrics", "interval": "30s", **endpoint}],
        },
    }


def _rules(name: str) -> dict[str, Any]:
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expression,
            "for": alert.lasting,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "description": alert.action},
        }
        for alert in ALERTS
        if alert.part == name
    ]
    return {
        "apiVersion": _VERSION,
        "kind": "PrometheusRule",
        "metadata": _labelled(name),
        "spec": {"groups": [{"name": name, "rules": rules}]},
    }
