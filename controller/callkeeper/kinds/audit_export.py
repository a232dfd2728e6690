"""`AuditExport`: a time range of the audit log, written to the volume as one CSV file."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.instant import INSTANT_FORMS, INSTANT_REGEX, MAX_INSTANT_LENGTH, parse_instant
from callkeeper.kinds.resource import Part, RecorderReference, Resource, Switch, Text, UserReference, no_match

MAX_ACTION_LENGTH = 64
ACTION_REGEX = "^[A-Z][A-Za-z0-9]*$"

Instant = Annotated[
    Text, Field(pattern=INSTANT_REGEX, max_length=MAX_INSTANT_LENGTH), no_match("instant", INSTANT_FORMS)
]


def _instant(field: str) -> str:
    """The instant of a field, in the API server's expression language; a date is 00:00 UTC."""
    return f"timestamp(self.{field}.size() == 10 ? self.{field} + 'T00:00:00Z' : self.{field})"


class AuditExportSpec(Part):
    """What to export."""

    cel: ClassVar[tuple[tuple[str, str], ...]] = (
        (f"{_instant('from')} < {_instant('to')}", "to is not after from: the range [from, to) would be empty"),
    )

    recorder_ref: RecorderReference
    """The Recorder whose audit log is exported, in the same namespace. Required."""
    start: Annotated[Instant, Field(alias="from")]
    """The first instant of the range: a date (00:00 UTC) or an RFC 3339 time, from 1970 to 2999. Required."""
    end: Annotated[Instant, Field(alias="to")]
    """The instant the range ends before, in the same forms; after `from`. Required."""
    email: UserReference | None = None
    """Only rows of this user, compared without regard to case. 1 to 254 characters, no white space. Absent: rows of
    all."""
    action: (
        Annotated[
            Text,
            Field(pattern=ACTION_REGEX, min_length=1, max_length=MAX_ACTION_LENGTH),
            no_match(
                "action", "the name of an action (letters and digits, a capital first, such as `DeleteRecording`)"
            ),
        ]
        | None
    ) = None
    """Only rows of this action, such as `DeleteRecording`. At most 64 letters and digits, a capital first. Absent: rows
    of all."""
    delete_with_object: Switch = False
    """True deletes the file when this object is deleted. Default false: the file stays."""


class AuditExport(Resource):
    """A time range of the audit log, written to the volume as one CSV file; status names it."""

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["AuditExport"]
    """What this object is: `AuditExport`. Required."""
    spec: AuditExportSpec
    """What to export. Required."""

    def check(self) -> Iterator[Finding]:
        """A range that ends before it starts is an error."""
        if parse_instant(self.spec.start) >= parse_instant(self.spec.end):
            yield self.finding(
                "empty-range",
                Severity.ERROR,
                f"to ({self.spec.end}) is not after from ({self.spec.start}): the range [from, to) would be empty",
                ("spec", "to"),
                hint="a whole day runs from its date to the next one",
            )
