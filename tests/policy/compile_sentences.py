"""The contract's sentences about `compile`, each a check of one step: what was, what was written, what came of it."""

from dataclasses import replace
from typing import Any

from tests.policy.compile_steps import Step, days, has_something, modes, patterns, takes
from tests.policy.objects import RECORDER

from callkeeper.kinds.confirmation import parse_confirmation
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import AcceptedReason, Hold
from callkeeper.policy.config import RecorderConfig

CONFIRM = "callkeeper.dev/confirm"


def check_step(step: Step) -> None:
    """Every sentence that applies."""
    if step.outcome.hold is not None:
        check_acceptance_under_hold(step)
        return
    check_confirmations(step)
    check_blacklist(step)
    check_retention(step)
    check_audit(step)
    if step.puts_right:
        assert replace(step.known, **gated(step.after)) == step.after, "nothing but what was in force"
    else:
        check_users(step)
        check_missing(step)
        check_quarantine(step)
        check_acceptance(step)


def gated(config: RecorderConfig) -> dict[str, Any]:
    """The sections in which what runs may stay."""
    return {name: getattr(config, name) for name in ("blacklist", "blacklisted_before", "retention", "audit")}


def check_confirmations(step: Step) -> None:
    """Each is good for one change, wherever it stands, and is used only where something comes into force."""
    carried = {(str(one.key), one.annotations.get(CONFIRM)) for one in step.objects}
    for used in step.outcome.confirmations:
        assert used.text not in step.spent_texts
        assert (used.object, used.text) in carried
    if step.outcome.confirmations:
        assert step.after != step.before


def check_blacklist(step: Step) -> None:
    before, after = patterns(step.before), patterns(step.after)
    gone = before - after
    assert not gone & step.wanted_patterns, "nobody dropped these"
    most = max((parse_confirmation(text).removes or 0 for _, text in step.said), default=0)
    if len(gone) >= 20 and len(gone) * 2 > len(before):
        assert len(gone) <= most, "a large removal needs a word"
    dropped = before - step.wanted_patterns
    if step.held_patterns and step.held_patterns <= dropped and gone & step.held_patterns:
        assert len(gone) <= most, "what waits, waits until it is confirmed"


def claims(step: Step, user: str) -> set[str]:
    found = set()
    for one in step.objects:
        counts = one.key.kind == "UserPolicy" or str(one.key) == step.after.policy.object
        if one.key.kind not in {"UserPolicy", "RecordingPolicy"} or not counts:
            continue
        if one.resource is not None:
            found |= {item.mode.value for item in one.resource.spec.overrides if item.user == user}
        elif step.known is not None:
            found |= {
                item.mode.value
                for item in step.known.policy.overrides
                if item.user == user and item.object == str(one.key)
            }
    return found - {"Default"}


def check_users(step: Step) -> None:
    for user in ("ada", "bob"):
        if step.known is not None and len(claims(step, user)) > 1:
            assert modes(step.after).get(user) == modes(step.known).get(user)
    for one in step.valid("UserPolicy"):
        followed = all(
            item.mode.value in {"Default", modes(step.after).get(item.user)} for item in one.resource.spec.overrides
        )
        assert followed == (step.outcome.results[one.key].reason is AcceptedReason.ACCEPTED) or guarded_back(step)


def check_retention(step: Step) -> None:
    """No recording goes earlier and no hold is lost without the words and the bounds for it."""
    before = step.before or RecorderConfig()
    shortens, deletes, holds = takes(before, step.after)
    if not (shortens or deletes or holds):
        return
    old, new = before.retention, step.after.retention
    assert any(
        (old.retention == new.retention or said.retention == (old.retention, new.retention))
        and (
            old.extra_retention == new.extra_retention
            or said.extra_retention == (old.extra_retention, new.extra_retention)
        )
        and shortens <= (said.shortens or 0)
        and deletes <= (said.deletes or 0)
        and holds <= (said.holds or 0)
        for said in (parse_confirmation(text) for _, text in step.said)
    )


def check_audit(step: Step) -> None:
    if step.before is None:
        return
    old, new = step.before.audit.retention, step.after.audit.retention
    if days(new) < days(old):
        assert any(parse_confirmation(text).audit_retention == (old, new) for _, text in step.said)


WAITED_FOR = {"Blacklist", "RecordingFilter", "RecordingPolicy", "UserPolicy"}


def check_missing(step: Step) -> None:
    """The first start lasts until nothing is missing; then nothing stops the recording any more."""
    if guarded_back(step):
        return
    starting = step.known is None or bool(step.known.missing)
    expected = [
        str(one.key)
        for one in step.objects
        if starting and one.key.kind in WAITED_FOR and one.resource is None and not has_something(step.known, one.key)
    ]
    assert list(step.after.missing) == sorted(expected)


def guarded_back(step: Step) -> bool:
    return step.outcome.results[RECORDER].reason is AcceptedReason.CONFIRMATION_REQUIRED and step.after == step.before


def check_quarantine(step: Step) -> None:
    """While an object is invalid, what was in force of it stays."""
    if step.known is None:
        return
    for one in step.objects:
        key = str(one.key)
        if one.resource is not None:
            continue
        assert {entry for entry in step.known.blacklist if entry.object == key} <= set(step.after.blacklist)
        for override in step.known.policy.overrides:
            if override.object == key:
                assert modes(step.after)[override.user] == override.mode.value
        for section in ("filter", "retention", "audit"):
            was = getattr(step.known, section)
            if was.object == key:
                assert getattr(step.after, section) == was


def check_acceptance_under_hold(step: Step) -> None:
    """Where everything stays as it is, what differs from it is named."""
    if step.outcome.hold in {Hold.SUSPENDED, Hold.IN_FORCE_LOST}:
        return
    for one in step.valid("Blacklist"):
        said = {item.pattern for item in one.resource.spec.numbers}
        accepted = step.outcome.results[one.key].accepted and str(one.key) not in step.outcome.held_back
        if accepted and step.known is not None:
            assert said <= patterns(step.known)


def check_acceptance(step: Step) -> None:
    """What is called accepted is in force, and what is not there is not called so."""
    for one in step.objects:
        assert one.resource is not None or not step.outcome.results[one.key].accepted
    for one in step.valid("Blacklist"):
        said = {(item.pattern, str(one.key)) for item in one.resource.spec.numbers}
        there = {(entry.pattern, entry.object) for entry in step.after.blacklist if entry.object == str(one.key)}
        assert said == there or not step.outcome.results[one.key].accepted
    for kind, section in (("RetentionRule", "retention"), ("AuditLog", "audit"), ("RecordingFilter", "filter")):
        for one in step.valid(kind):
            check_singleton(step, one, section)


def check_singleton(step: Step, one: ObjectReading, section: str) -> None:
    result, now, spec = step.outcome.results[one.key], getattr(step.after, section), one.resource.spec
    if result.accepted:
        assert now.object == str(one.key)
        fields = {field for field in type(now).__dataclass_fields__ if hasattr(spec, field)} - {"internal_numbers"}
        assert {field: getattr(now, field) for field in fields} == {field: getattr(spec, field) for field in fields}
    elif result.reason is AcceptedReason.CONFIRMATION_REQUIRED:
        assert now == getattr(step.before or RecorderConfig(), section), "what waits, waits as a whole"
