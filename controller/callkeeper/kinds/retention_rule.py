"""`RetentionRule`: how long recordings are kept, and what a legal hold adds. One per recorder is in force."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from callkeeper.kinds.duration import (
    EXTRA_RETENTION_FORMS,
    EXTRA_RETENTION_REGEX,
    MINIMUM_RETENTION_FORMS,
    MINIMUM_RETENTION_REGEX,
    RETENTION_FORMS,
    RETENTION_REGEX,
    parse_minimum_retention,
    parse_retention,
)
from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.resource import Part, RecorderReference, Resource, Text, no_match

MAX_DURATION_LENGTH = 9
"""`unlimited`."""


def _hours(field: str) -> str:
    """The hours of a duration field, in the API server's expression language."""
    return f"int(self.{field}.substring(0, self.{field}.size() - 1)) * (self.{field}.endsWith('d') ? 24 : 1)"


class RetentionRuleSpec(Part):
    """Retention, extra retention of a hold, and the time until which nothing is deleted."""

    cel: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            " || ".join(
                (
                    "!has(self.minimumRetention)",
                    "self.minimumRetention == 'none'",
                    "!has(self.retention)",
                    "self.retention == 'forever'",
                    f"{_hours('minimumRetention')} <= {_hours('retention')}",
                )
            ),
            "minimumRetention is longer than retention: recordings would expire before anybody may delete them",
        ),
    )

    recorder_ref: RecorderReference
    """The Recorder this rule is for, in the same namespace. Required."""
    retention: Annotated[
        Text,
        Field(pattern=RETENTION_REGEX, max_length=MAX_DURATION_LENGTH),
        no_match("duration", f"a retention ({RETENTION_FORMS})"),
    ] = "forever"
    """How long recordings are kept, counted from the end of the recording's segment: `forever`, `<n>d` (1d to 36500d,
    of 24 hours) or `<n>h` (1h to 876000h). Making it shorter needs the annotation `callkeeper.dev/confirm`. Default
    `forever`."""
    extra_retention: Annotated[
        Text,
        Field(pattern=EXTRA_RETENTION_REGEX, max_length=MAX_DURATION_LENGTH),
        no_match("duration", f"an extra retention ({EXTRA_RETENTION_FORMS})"),
    ] = "disabled"
    """What a legal hold adds to the retention: `disabled` (new holds are refused), `<n>d` (1d to 36500d) or
    `unlimited`. Default `disabled`."""
    minimum_retention: Annotated[
        Text,
        Field(pattern=MINIMUM_RETENTION_REGEX, max_length=MAX_DURATION_LENGTH),
        no_match("duration", f"a minimum retention ({MINIMUM_RETENTION_FORMS})"),
    ] = "none"
    """Until then no role deletes a recording: `none`, `<n>d` (1d to 36500d) or `<n>h` (1h to 876000h); not longer than
    `retention`. It may grow, never shrink for existing recordings. Default `none`."""


class RetentionRule(Resource):
    """How long recordings are kept, and what a legal hold adds. One per recorder is in force."""

    confirmable: ClassVar[frozenset[str]] = frozenset({"retention", "extraRetention", "shortens", "deletes", "holds"})

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["RetentionRule"]
    """What this object is: `RetentionRule`. Required."""
    spec: RetentionRuleSpec
    """Retention, extra retention of a hold, and the time until which nothing is deleted. Required."""

    def check(self) -> Iterator[Finding]:
        """A minimum longer than the retention itself is an error."""
        retention = parse_retention(self.spec.retention)
        if retention is not None and parse_minimum_retention(self.spec.minimum_retention) > retention:
            yield self.finding(
                "minimum-retention",
                Severity.ERROR,
                f"minimumRetention ({self.spec.minimum_retention}) is longer than retention ({self.spec.retention}): "
                "recordings would expire before anybody may delete them",
                ("spec", "minimumRetention"),
                hint="make retention longer, or the minimum shorter",
            )
