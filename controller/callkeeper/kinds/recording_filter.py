"""`RecordingFilter`: which call types are recorded. One per recorder is in force."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.number_entry import NumberPattern
from callkeeper.kinds.pattern import canonical_pattern
from callkeeper.kinds.resource import Comment, Part, RecorderReference, Resource, Switch, shorten
from callkeeper.kinds.terms import UnknownDirection

MAX_INTERNAL_NUMBERS = 10_000
"""Patterns of an organisation's own numbers: a numbering plan, not a directory."""


class InternalNumber(Part):
    """Numbers that count as the organisation's own."""

    pattern: NumberPattern
    """Digits, `*` and `#` are themselves, `X` is one digit, `.` one of 0-9 `*` `#`, `!` any number of digits (at most 4
    times), a `+` stands first only. Matches the whole number. Required. Quote it. At most 64 characters."""
    comment: Comment | None = None
    """What these numbers are. At most 256 characters. Absent: nothing is said."""


class RecordingFilterSpec(Part):
    """Toggles of call types: OR inside a pair, AND across pairs."""

    recorder_ref: RecorderReference
    """The Recorder this filter is for, in the same namespace. Required."""
    group_meeting_and_unparked: Switch = True
    """Whether group calls, meetings and calls retrieved from park are recorded. Group calls and meetings have no
    direction and skip that test. Default true."""
    internal: Switch = True
    """Whether calls are recorded whose parties all belong to the organisation: directory users, `internalNumbers`,
    queues, voicemail and rooms. Default true."""
    external: Switch = True
    """Whether calls are recorded in which a guest, federated, anonymous or unknown party takes part. With `internal`
    off as well nothing is recorded. Default true."""
    inbound: Switch = True
    """Whether calls are recorded that reached the recorded user. Default true."""
    outbound: Switch = True
    """Whether calls are recorded that the recorded user placed. Default true."""
    unknown_direction: UnknownDirection = UnknownDirection.RECORD
    """What becomes of a call without a direction where direction counts: `Record` or `Skip`. Default `Record`."""
    internal_numbers: Annotated[tuple[InternalNumber, ...], Field(max_length=MAX_INTERNAL_NUMBERS)] = ()
    """Numbers that count as the organisation's own beside the directory's; order has no meaning. Default none. At most
    10,000 entries."""


class RecordingFilter(Resource):
    """Which call types are recorded. One per recorder is in force."""

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["RecordingFilter"]
    """What this object is: `RecordingFilter`. Required."""
    spec: RecordingFilterSpec
    """Toggles of call types. Required."""

    def check(self) -> Iterator[Finding]:
        """Toggles that leave nothing or little to record, and numbers listed twice."""
        spec = self.spec
        if not spec.internal and not spec.external:
            yield self.finding(
                "records-nothing",
                Severity.WARNING,
                "internal and external are both off: nothing is recorded",
                ("spec", "internal"),
                hint="turn one of the two on",
            )
        if not spec.inbound and not spec.outbound:
            left = "group calls and meetings" if spec.group_meeting_and_unparked else ""
            if spec.unknown_direction is UnknownDirection.RECORD:
                left = f"{left} and calls without a direction".removeprefix(" and ")
            yield self.finding(
                "no-direction",
                Severity.WARNING,
                f"inbound and outbound are both off: {f'only {left} are' if left else 'nothing is'} recorded",
                ("spec", "inbound"),
                hint="turn one of the two on",
            )
        seen: dict[str, int] = {}
        for index, entry in enumerate(spec.internal_numbers):
            first = seen.setdefault(canonical_pattern(entry.pattern), index)
            if first != index:
                yield self.finding(
                    "duplicate",
                    Severity.WARNING,
                    f"{shorten(entry.pattern)} is listed again; internalNumbers[{first}] says the same",
                    ("spec", "internalNumbers", index),
                    hint="remove one of the two",
                )
