"""`compile`: all settings objects of a recorder in, the one config that is to be in force out.

What CI says, what the admission webhook says and what the operator does come from this function. It is pure,
independent of the order of its input, and total: a bad object is named and set aside, what was in force of it stays,
and the rest goes on. Compiling again with the result in force gives the same result.

The way through, one module a station in `compilation/`:

    attached       the objects of this recorder; two of one name are one invalid object
    singletons     of kinds with one object in force: who wins
    sections       each singleton's section, or what stays while its object is invalid
    overrides      users' modes, and what happens when two objects disagree
    blacklist      the union of all Blacklists
    gates          what takes protection away waits for a confirmation
"""

from collections.abc import Sequence

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.policy.compilation.attached import Attached, attach, unique
from callkeeper.policy.compilation.blacklist import merged_blacklist
from callkeeper.policy.compilation.contributions import differing
from callkeeper.policy.compilation.gates import UNKNOWN, Gates
from callkeeper.policy.compilation.overrides import merged_overrides
from callkeeper.policy.compilation.sections import (
    audit_section,
    filter_section,
    policy_section,
    retention_section,
)
from callkeeper.policy.compilation.singletons import must_wait_for, winner
from callkeeper.policy.compilation.values import (
    AcceptedReason,
    Compiled,
    Effects,
    Found,
    Hold,
    InForce,
    Lost,
    ObjectResult,
    UsedConfirmation,
)
from callkeeper.policy.config import RecorderConfig

__all__ = [
    "AcceptedReason",
    "Compiled",
    "Effects",
    "Found",
    "Hold",
    "InForce",
    "Lost",
    "ObjectResult",
    "UsedConfirmation",
    "compile",
]

WAITED_FOR = ("Blacklist", "RecordingFilter", "RecordingPolicy", "UserPolicy")
"""Kinds that say who must not be recorded: at a first start nothing is recorded while one of them is invalid.
A RetentionRule is not among them, since without it nothing expires; nor an AuditLog, since without it nothing is
deleted."""


def compile(  # noqa: A001 - the field's word; the built-in of that name has no use in this package
    objects: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    in_force: InForce = None,
    effects: Effects | None = None,
    found: Found | None = None,
) -> Compiled:
    """Compile the objects attached to one recorder.

    Args:
        objects: everything that was read, of any recorder and any kind, in any order.
        recorder: whose config is wanted.
        in_force: the last config this owner programmed into it.
        effects: the recorder's answer to `Compiled.question` of an earlier compile, or None.
        found: what the recorder runs instead of what is in force. The gates are held against that, and nothing else
            is wanted but what is in force: what the objects say comes once that is put right.

    Returns:
        The config with the result of each object. `question` is set where effects are needed and were not given.
    """
    body = in_force if isinstance(in_force, RecorderConfig) else None
    lost = in_force if isinstance(in_force, Lost) else None
    own = next((reading for reading in unique(objects) if reading.key == recorder), None)
    attached = attach(objects, recorder, body)
    said = _wanted(attached)
    wanted = body if found is not None and body is not None else said
    running = found.config if found is not None else UNKNOWN if lost is not None else body
    gates = Gates(attached=attached, recorder=own, running=running, effects=effects)
    config = gates.passed(wanted)
    if wanted is said:
        config = gates.guardrail(config)
    hold = _hold(attached, own, lost)
    stays = hold is not None and hold is not Hold.SUSPENDED
    readings = [*attached.readings, *([own] if own else [])]
    return Compiled(
        config=body if stays else config,
        hold=hold,
        held_back=differing(said, body) if stays else frozenset(),
        results={reading.key: attached.result(reading) for reading in readings},
        confirmations=tuple(sorted(gates.used)),
        question=wanted if gates.asks and hold is None else None,
    )


def _wanted(attached: Attached) -> RecorderConfig:
    """What the objects say, before any gate."""
    before = attached.in_force or RecorderConfig()
    policy = winner(attached, "RecordingPolicy", before.policy.object)
    overrides = merged_overrides(attached, policy)
    return RecorderConfig(
        policy=policy_section(attached, policy, overrides),
        filter=filter_section(attached, winner(attached, "RecordingFilter", before.filter.object)),
        blacklist=merged_blacklist(attached),
        retention=retention_section(attached, winner(attached, "RetentionRule", before.retention.object)),
        audit=audit_section(attached, winner(attached, "AuditLog", before.audit.object)),
        missing=tuple(sorted(text for kind in WAITED_FOR for text in must_wait_for(attached, kind))),
    )


def _hold(attached: Attached, own: ObjectReading | None, lost: Lost | None) -> Hold | None:
    if own is not None and own.deleting:
        return Hold.RECORDER_DELETING
    if own is not None and own.resource is None:
        return Hold.RECORDER_INVALID
    if lost is not None and any(reading.resource is None for reading in attached.readings):
        return Hold.IN_FORCE_LOST
    if own is not None and isinstance(own.resource, Recorder) and own.resource.spec.suspend:
        return Hold.SUSPENDED
    return None
