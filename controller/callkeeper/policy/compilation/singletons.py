"""Kinds of which one object is in force for a recorder: who wins, and what stays while one is invalid."""

from dataclasses import replace

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compilation.attached import Attached, age
from callkeeper.policy.compilation.contributions import contributions
from callkeeper.policy.compilation.values import AcceptedReason


def winner(attached: Attached, kind: str, in_force_object: str | None) -> ObjectReading | None:
    """The object of this kind that is in force, the others being told that they are not.

    The oldest object wins. Where there are no creation times (files) the one in force stays, and the name decides
    only where none is. An object that is invalid and was never in force stands back behind the valid ones.
    """
    candidates = attached.of_kind(kind)
    if not candidates:
        return None

    def order(reading: ObjectReading) -> tuple[bool, bool, tuple[str, str]]:
        is_in_force = str(reading.key) == in_force_object
        useless = reading.resource is None and not is_in_force
        return useless, not reading.created and not is_in_force, age(reading)

    first = min(candidates, key=order)
    for other in candidates:
        if other is not first and other.resource is not None:
            attached.refuse(_conflict(other, first), AcceptedReason.CONFLICTED)
    return first


def _conflict(loser: ObjectReading, first: ObjectReading) -> Finding:
    kind = loser.key.kind
    return Finding(
        rule=f"{kind.lower()}.conflict",
        severity=Severity.ERROR,
        key=loser.key,
        path=("spec", "recorderRef", "name"),
        message=f"{first.key} is in force for this recorder already; a recorder has one {kind}",
        hint=f"merge the two, or attach one of them to another recorder (kubectl edit {kind.lower()} {loser.key.name})",
    )


def must_wait_for(attached: Attached, kind: str) -> list[str]:
    """Objects of this kind without which the recorder may not record: invalid, with nothing in force before them.

    Only at a first start, and that lasts until nothing is missing: an object that is waited for is still waited for
    under another name, or when it gets well while another one breaks.
    """
    before = attached.in_force
    if before is not None and not before.missing:
        return []
    settled = contributions(replace(before, missing=())) if before is not None else {}
    return [
        str(reading.key)
        for reading in attached.of_kind(kind)
        if reading.resource is None and str(reading.key) not in settled
    ]


def newcomer_is_invalid(attached: Attached, kind: str, in_force_objects: set[str]) -> bool:
    """Whether an invalid object of this kind stands here that has nothing in force.

    While it does, settings of objects that have vanished stay: the one may be the other under a new name, and between
    the two the recorder must not fall back to its defaults.
    """
    return any(
        reading.resource is None and str(reading.key) not in in_force_objects for reading in attached.of_kind(kind)
    )
