"""`AuditLog`: how the rows of the audit log are kept. One per recorder is in force."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from callkeeper.kinds.duration import AUDIT_RETENTION_FORMS, AUDIT_RETENTION_REGEX
from callkeeper.kinds.resource import (
    CONTROL_CHARACTERS,
    WHITE_SPACE,
    Part,
    RecorderReference,
    Resource,
    Switch,
    Text,
    no_match,
)
from callkeeper.kinds.rotation import ROTATION_FORMS, ROTATION_REGEX

MAX_APPLICATION_NAME_LENGTH = 64

_INK = f"[^{CONTROL_CHARACTERS}{WHITE_SPACE}]"
APPLICATION_NAME_REGEX = f"^{_INK}(?:[^{CONTROL_CHARACTERS}]*{_INK})?$"


class AuditLogSpec(Part):
    """Application name, rotation, retention and compression of the audit log."""

    recorder_ref: RecorderReference
    """The Recorder whose audit log this is, in the same namespace. Required."""
    application_name: Annotated[
        Text,
        Field(pattern=APPLICATION_NAME_REGEX, min_length=1, max_length=MAX_APPLICATION_NAME_LENGTH),
        no_match(
            "application-name",
            f"an application name (1 to {MAX_APPLICATION_NAME_LENGTH} printable characters, no space at the ends)",
        ),
    ] = "callkeeper"
    """What the column AppName says in rows that this recorder writes. 1 to 64 printable characters, no white space at
    the ends. Default `callkeeper`."""
    rotation: Annotated[
        Text, Field(pattern=ROTATION_REGEX, max_length=7), no_match("rotation", f"a rotation ({ROTATION_FORMS})")
    ] = "daily"
    """When the log goes on in a further file: `daily` at 00:00 UTC, or `<n>Mi` (1Mi to 10240Mi) also within a day when
    a file has reached that many MiB. Default `daily`."""
    retention: Annotated[
        Text,
        Field(pattern=AUDIT_RETENTION_REGEX, max_length=7),
        no_match("duration", f"a retention of the audit log ({AUDIT_RETENTION_FORMS})"),
    ] = "forever"
    """How long the log itself is kept: `forever` or `<n>d` (1d to 36500d). Making it shorter needs the annotation
    `callkeeper.dev/confirm`. Default `forever`."""
    compress_closed: Switch = False
    """Whether files of days that are over are compressed (gzip; `zcat` reads them). Exports and proofs stay the same.
    Default false."""


class AuditLog(Resource):
    """How the rows of the audit log are kept. One per recorder is in force."""

    confirmable: ClassVar[frozenset[str]] = frozenset({"auditRetention"})

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["AuditLog"]
    """What this object is: `AuditLog`. Required."""
    spec: AuditLogSpec
    """Application name, rotation, retention and compression of the audit log. Required."""
