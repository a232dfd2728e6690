"""Overrides by user: the union of the RecordingPolicy in force and of every UserPolicy.

Where two objects give one user two modes, the mode in force stays for that user, and nothing else of the objects is
withheld. Where nothing is in force yet, the oldest object's mode is taken.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recording_policy import RecordingPolicy
from callkeeper.kinds.terms import Mode, OverrideMode
from callkeeper.kinds.user_policy import UserPolicy
from callkeeper.policy.compilation.attached import Attached
from callkeeper.policy.compilation.singletons import newcomer_is_invalid
from callkeeper.policy.compilation.values import AcceptedReason
from callkeeper.policy.config import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One object's word about one user.

    Attributes:
        override: the user, the mode and the object.
        key: the object, None for one that is known only from what is in force.
        path: where in the object.
    """

    override: Override
    key: ObjectKey | None = None
    path: tuple[PathPart, ...] = ()


def merged_overrides(attached: Attached, policy: ObjectReading | None) -> tuple[Override, ...]:
    """All overrides, one per user, sorted.

    Args:
        attached: the objects of the recorder.
        policy: the RecordingPolicy in force; its overrides count like those of a UserPolicy.
    """
    readings = [*attached.of_kind("UserPolicy")]
    if policy is not None:
        readings.append(policy)
    by_user: dict[str, list[Claim]] = defaultdict(list)
    for reading in sorted(readings, key=_age):
        for claim in _claims(attached, reading):
            by_user[claim.override.user].append(claim)
    for override in _vanished(attached):
        by_user[override.user].append(Claim(override=override))
    chosen = (_choose(attached, claims) for claims in by_user.values())
    return tuple(sorted((one for one in chosen if one is not None), key=attrgetter("user")))


def _age(reading: ObjectReading) -> tuple[bool, str, str, str]:
    return not reading.created, reading.created, reading.key.kind, reading.key.name


def _claims(attached: Attached, reading: ObjectReading) -> Iterable[Claim]:
    """What this object says; while it is invalid, what it said when it was last in force."""
    resource = reading.resource
    if isinstance(resource, RecordingPolicy | UserPolicy):
        key = str(reading.key)
        for index, item in enumerate(resource.spec.overrides):
            if item.mode is not OverrideMode.DEFAULT:
                override = Override(user=item.user.casefold(), mode=Mode(item.mode), object=key)
                yield Claim(override=override, key=reading.key, path=("spec", "overrides", index, "mode"))
    elif attached.in_force is not None:
        for override in attached.in_force.policy.overrides:
            if override.object == str(reading.key):
                yield Claim(override=override, key=reading.key, path=("spec",))


def _vanished(attached: Attached) -> Iterable[Override]:
    """Overrides in force whose object is gone while an invalid newcomer may be the same object renamed."""
    if attached.in_force is None:
        return
    before = attached.in_force.policy.overrides
    objects = {override.object for override in before}
    kinds = [kind for kind in ("UserPolicy", "RecordingPolicy") if newcomer_is_invalid(attached, kind, objects)]
    for override in before:
        if override.object.split("/")[0] in kinds and not attached.exists(override.object):
            yield override


def _choose(attached: Attached, claims: list[Claim]) -> Override | None:
    """The override that is to be in force for one user, or None where the default mode is to stay."""
    if len(claims) == 1:
        return claims[0].override
    modes = {claim.override.mode for claim in claims}
    if len(modes) == 1:
        return min(claim.override for claim in claims)
    if attached.in_force is None:
        mode: Mode | None = claims[0].override.mode
    else:
        user = claims[0].override.user
        mode = next((entry.mode for entry in attached.in_force.policy.overrides if entry.user == user), None)
    for claim in claims:
        if claim.override.mode is not mode and claim.key is not None:
            attached.refuse(_conflict(claim, claims, mode), AcceptedReason.PARTLY_CONFLICTED)
    return min((claim.override for claim in claims if claim.override.mode is mode), default=None)


def _conflict(claim: Claim, claims: list[Claim], mode: Mode | None) -> Finding:
    assert claim.key is not None
    others = sorted({other.override.object for other in claims if other.override.mode is not claim.override.mode})
    stays = f"{mode.value} stays in force" if mode else "the default mode stays in force for this user"
    return Finding(
        rule=f"{claim.key.kind.lower()}.user-conflict",
        severity=Severity.ERROR,
        key=claim.key,
        path=claim.path,
        message=f"this user is {claim.override.mode.value} here and otherwise in {', '.join(others)}; {stays}",
        hint="agree on one mode, and keep the user in one of the objects",
    )
