"""The status of each kind, which the operator writes: shown by kubectl, read by Argo CD and Flux, never by us offline.

Facts
    Status never repeats the payload: it counts, hashes and names. An object carries defaults from its creation (`Ready`
    Unknown, `Reconciling` True), so that nobody takes it for ready before the operator has seen it.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from callkeeper.kinds.resource import Part

REVISION_REGEX = "^[0-9a-f]{64}$"

_Count = Annotated[int, Field(ge=0)]
_Revision = Annotated[str, Field(pattern=REVISION_REGEX, max_length=64)]
_Instant = Annotated[str, Field(max_length=64)]

INITIAL_CONDITIONS: tuple[dict[str, Any], ...] = tuple(
    {
        "type": kind,
        "status": status,
        "reason": "Pending",
        "message": "The operator has not seen this object yet",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    for kind, status in (("Ready", "Unknown"), ("Reconciling", "True"))
)
"""What an object says of itself from its creation, without anybody writing it."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Part):
    """One thing that holds or does not hold of the object."""

    type: Annotated[str, Field(max_length=316, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$")]
    """What the condition is about: `Ready`, `Accepted`, `Programmed`, `Reachable`, `Synced`, `Reconciling` or
    `Stalled`."""
    status: ConditionStatus
    """Whether it holds: `True`, `False` or `Unknown`."""
    observed_generation: _Count | None = None
    """The generation of the object that the condition speaks of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status of the condition last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, in one word for programs; each has a page in the documentation."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in a sentence for people."""


class Status(Part):
    """What the operator found out about the object."""

    observed_generation: _Count | None = None
    """The generation of the object that this status speaks of."""
    last_handled_reconcile_at: Annotated[str, Field(max_length=256)] | None = None
    """The value of the annotation `reconcile.fluxcd.io/requestedAt` that was last acted upon."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    """What holds of the object. `Ready` is always there; `Reconciling` and `Stalled` only while True."""


class SettingsStatus(Status):
    """What the operator found out about a settings object."""

    revision: _Revision | None = None
    """The revision of the recorder's config that contains this generation, once it was programmed."""


class RecorderStatus(Status):
    """What the operator found out about the recorder."""

    revision: _Revision | None = None
    """The revision of the config that was last programmed from here."""
    programmed_at: _Instant | None = None
    """When that was, RFC 3339."""
    observed_revision: _Revision | None = None
    """The revision the recorder said it runs when it was last asked; another one than `revision` is drift."""
    epoch: _Count | None = None
    """The fencing epoch under which the config was programmed."""
    settings: _Count | None = None
    """How many settings objects are in force."""


class OverridesStatus(SettingsStatus):
    """What the operator found out about an object with overrides."""

    overrides: _Count | None = None
    """How many overrides of this object are in force."""


class BlacklistStatus(SettingsStatus):
    """What the operator found out about a blacklist."""

    entries: _Count | None = None
    """How many patterns and ranges of this object are in force."""


class AuditExportStatus(Status):
    """What became of the export."""

    file: Annotated[str, Field(max_length=1024)] | None = None
    """Path of the file on the audit volume."""
    rows: _Count | None = None
    """How many rows were exported, without the header."""
    bytes: _Count | None = None
    """Size of the file in bytes."""
    sha256: _Revision | None = None
    """SHA-256 of the file, in hexadecimal."""
    completed_at: _Instant | None = None
    """When the file was complete, RFC 3339."""
