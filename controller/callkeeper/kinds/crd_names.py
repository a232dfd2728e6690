"""What each kind is called on the command line, and the table `kubectl get` shows of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from callkeeper.kinds.crd_status import (
    AuditExportStatus,
    BlacklistStatus,
    OverridesStatus,
    RecorderStatus,
    SettingsStatus,
    Status,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`.

    Attributes:
        name: the heading.
        path: JSON path of the value.
        description: what the column says.
        type: of the value, in OpenAPI's words.
        wide: whether it is shown with `-o wide` only.
    """

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a kind is called on the command line, and what its table and status hold.

    Attributes:
        plural: the resource's name in URLs and commands.
        short: the short name.
        status: model of the status.
        columns: those of this kind alone, shown first.
    """

    plural: str
    short: str
    status: type[Status]
    columns: tuple[Column, ...]


_OVERRIDES = Column(
    name="Overrides", path=".status.overrides", type="integer", description="Overrides of this object in force."
)

NAMES: Mapping[str, Names] = {
    "Recorder": Names(
        plural="recorders",
        short="rec",
        status=RecorderStatus,
        columns=(
            Column(name="Endpoint", path=".spec.endpoint", description="Base URL; empty for the embedded recorder."),
            Column(name="Settings", path=".status.settings", type="integer", description="Settings objects in force."),
            Column(name="Suspended", path=".spec.suspend", type="boolean", description="Left as it is.", wide=True),
            Column(name="Revision", path=".status.revision", description="Config programmed last.", wide=True),
        ),
    ),
    "RecordingPolicy": Names(
        plural="recordingpolicies",
        short="rpol",
        status=OverridesStatus,
        columns=(
            Column(name="Mode", path=".spec.defaultMode", description="Default mode; empty is OnDemand."),
            Column(
                name="Limit",
                path=".spec.alwaysOnLimitPercent",
                type="integer",
                description="Always-on limit in percent; empty is 100.",
            ),
            _OVERRIDES,
        ),
    ),
    "UserPolicy": Names(plural="userpolicies", short="upol", status=OverridesStatus, columns=(_OVERRIDES,)),
    "RecordingFilter": Names(
        plural="recordingfilters",
        short="rfilt",
        status=SettingsStatus,
        columns=tuple(
            Column(
                name=name,
                path=f".spec.{name.lower()}",
                type="boolean",
                description=f"Whether {name.lower()} calls are recorded; empty is true.",
            )
            for name in ("Internal", "External", "Inbound", "Outbound")
        ),
    ),
    "Blacklist": Names(
        plural="blacklists",
        short="bl",
        status=BlacklistStatus,
        columns=(
            Column(name="Entries", path=".status.entries", type="integer", description="Patterns and ranges in force."),
        ),
    ),
    "RetentionRule": Names(
        plural="retentionrules",
        short="rret",
        status=SettingsStatus,
        columns=(
            Column(name="Retention", path=".spec.retention", description="How long; empty is forever."),
            Column(name="Extra", path=".spec.extraRetention", description="What a hold adds; empty is disabled."),
            Column(name="Minimum", path=".spec.minimumRetention", description="Deleted by nobody until then."),
        ),
    ),
    "AuditLog": Names(
        plural="auditlogs",
        short="alog",
        status=SettingsStatus,
        columns=(
            Column(name="Rotation", path=".spec.rotation", description="When a further file begins; empty is daily."),
            Column(name="Retention", path=".spec.retention", description="How long; empty is forever."),
        ),
    ),
    "AuditExport": Names(
        plural="auditexports",
        short="aexp",
        status=AuditExportStatus,
        columns=(
            Column(name="From", path=".spec.from", description="First instant of the range."),
            Column(name="To", path=".spec.to", description="The instant the range ends before."),
            Column(name="Rows", path=".status.rows", type="integer", description="Rows exported."),
            Column(name="File", path=".status.file", description="Path on the audit volume.", wide=True),
        ),
    ),
}

RECORDER_COLUMN = Column(name="Recorder", path=".spec.recorderRef.name", description="The Recorder it belongs to.")
IN_FORCE_COLUMNS = (
    Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status', description="Whether it is in force."),
    Column(name="Reason", path='.status.conditions[?(@.type=="Ready")].reason', description="Why, or why not."),
    Column(
        name="Since",
        path='.status.conditions[?(@.type=="Ready")].lastTransitionTime',
        type="date",
        description="Since when; from 1970 until the operator has seen the object.",
    ),
    Column(
        name="Message",
        path='.status.conditions[?(@.type=="Ready")].message',
        description="Why, in a sentence.",
        wide=True,
    ),
    Column(name="Age", path=".metadata.creationTimestamp", type="date", description="Since it was created."),
)
"""What every kind shows: is it in force, why, and since when?"""
