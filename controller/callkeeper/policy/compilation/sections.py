"""The three singleton sections and the audit section, each from the one object that is in force."""

from callkeeper.kinds.audit_log import AuditLog
from callkeeper.kinds.pattern import canonical_pattern
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recording_filter import RecordingFilter
from callkeeper.kinds.recording_policy import RecordingPolicy
from callkeeper.kinds.retention_rule import RetentionRule
from callkeeper.policy.compilation.attached import Attached
from callkeeper.policy.compilation.singletons import newcomer_is_invalid
from callkeeper.policy.config import (
    AuditSection,
    FilterSection,
    Override,
    PolicySection,
    RetentionSection,
)


def keeps(attached: Attached, kind: str, first: ObjectReading | None, in_force_object: str | None) -> bool:
    """Whether the section in force stays because no valid object says otherwise yet."""
    if attached.in_force is None:
        return False
    if first is not None and first.resource is not None:
        return False
    if first is not None and str(first.key) == in_force_object:
        return True
    known = {in_force_object} if in_force_object else set()
    return newcomer_is_invalid(attached, kind, known)


def policy_section(attached: Attached, first: ObjectReading | None, overrides: tuple[Override, ...]) -> PolicySection:
    """Default mode and limit of the RecordingPolicy in force, with the overrides of everybody."""
    before = attached.in_force.policy if attached.in_force else PolicySection()
    if keeps(attached, "RecordingPolicy", first, before.object):
        base = before
    elif first is not None and isinstance(first.resource, RecordingPolicy):
        spec = first.resource.spec
        base = PolicySection(
            default_mode=spec.default_mode,
            always_on_limit_percent=spec.always_on_limit_percent,
            sampled_out=spec.sampled_out,
            capture=spec.capture,
            object=str(first.key),
        )
    else:
        base = PolicySection()
    return PolicySection(
        default_mode=base.default_mode,
        always_on_limit_percent=base.always_on_limit_percent,
        sampled_out=base.sampled_out,
        capture=base.capture,
        overrides=overrides,
        object=base.object,
    )


def filter_section(attached: Attached, first: ObjectReading | None) -> FilterSection:
    """The RecordingFilter in force."""
    before = attached.in_force.filter if attached.in_force else FilterSection()
    if keeps(attached, "RecordingFilter", first, before.object):
        return before
    if first is None or not isinstance(first.resource, RecordingFilter):
        return FilterSection()
    spec = first.resource.spec
    return FilterSection(
        group_meeting_and_unparked=spec.group_meeting_and_unparked,
        internal=spec.internal,
        external=spec.external,
        inbound=spec.inbound,
        outbound=spec.outbound,
        unknown_direction=spec.unknown_direction,
        internal_numbers=tuple(sorted({canonical_pattern(item.pattern) for item in spec.internal_numbers})),
        object=str(first.key),
    )


def retention_section(attached: Attached, first: ObjectReading | None) -> RetentionSection:
    """The RetentionRule in force; without one nothing expires."""
    before = attached.in_force.retention if attached.in_force else RetentionSection()
    if keeps(attached, "RetentionRule", first, before.object):
        return before
    if first is None or not isinstance(first.resource, RetentionRule):
        return RetentionSection()
    spec = first.resource.spec
    return RetentionSection(
        retention=spec.retention,
        extra_retention=spec.extra_retention,
        minimum_retention=spec.minimum_retention,
        object=str(first.key),
    )


def audit_section(attached: Attached, first: ObjectReading | None) -> AuditSection:
    """The AuditLog in force; without one the log is kept for ever."""
    before = attached.in_force.audit if attached.in_force else AuditSection()
    if keeps(attached, "AuditLog", first, before.object):
        return before
    if first is None or not isinstance(first.resource, AuditLog):
        return AuditSection()
    spec = first.resource.spec
    return AuditSection(
        application_name=spec.application_name,
        rotation=spec.rotation,
        retention=spec.retention,
        compress_closed=spec.compress_closed,
        object=str(first.key),
    )
