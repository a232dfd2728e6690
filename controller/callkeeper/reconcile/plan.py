"""What is to be done about one recorder, as a value: from the objects, the ledger and the recorder's word. Pure.

Planning twice gives the same; doing the plan and planning again gives "nothing". Doing it is `reconciler`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.kinds.terms import TAKE_OVER_ANNOTATION, DriftPolicy
from callkeeper.policy.compile import Compiled, Effects, Found, Hold, InForce, Lost
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import SECTIONS, revision
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.port import Envelope, RecorderState
from callkeeper.reconcile.reasons import Reason

SHORT_REVISION = 12
"""Digits of a revision that people are shown: 48 bits, as git shows commits."""


class Step(StrEnum):
    """What to do next.

    Attributes:
        NOTHING: the recorder runs what is wanted.
        ASK: the effects of `envelope` are needed before there is a plan.
        PUT: put `envelope`.
        LEAVE: leave the recorder as it is, for `reason`.
    """

    NOTHING = "nothing"
    ASK = "ask"
    PUT = "put"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do about one recorder.

    Attributes:
        step: see `Step`.
        compiled: what the objects make.
        wanted: revision of the config that is to be in force; None where none is known.
        envelope: what to ask about or to put; None otherwise.
        if_match: the revision the put is written for.
        drifted: somebody else programmed the recorder since this owner did.
        reason: of the condition `Synced`.
        message: likewise.
    """

    step: Step
    compiled: Compiled
    wanted: str | None
    envelope: Envelope | None = None
    if_match: str | None = None
    drifted: bool = False
    reason: Reason = Reason.SYNCED
    message: str = ""

    @property
    def puts_right(self) -> bool:
        """Whether this only undoes what somebody else programmed; what the objects say now comes after it."""
        return self.drifted and self.step is not Step.LEAVE

    @property
    def terminal(self) -> bool:
        """Whether somebody has to act before anything more is done."""
        return self.step is Step.LEAVE


def make_plan(
    readings: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    ledger: Ledger,
    in_force: InForce,
    state: RecorderState,
    effects: Effects | None = None,
    take_over: bool = False,
) -> Plan:
    """Plan the next step.

    What somebody else programmed is put right before anything that the objects say now: what a change takes away is
    reckoned from what was in force, and a foreign config must not be the stepping stone to less. Plan again then.

    Args:
        readings: all objects, of any recorder.
        recorder: whose config this is about.
        ledger: what this owner did before.
        in_force: the body of what it programmed last (see `compile`).
        state: what the recorder says.
        effects: its answer to an earlier `ASK`.
        take_over: whether the recorder may be taken from another owner.
    """
    take_over = take_over or _gives_up(readings, recorder, state.owner)
    if effects is not None:
        effects = replace(effects, spent=effects.spent | state.spent)
    there = Found(config=state.config)
    found = there if isinstance(in_force, Lost) else None
    compiled = compile_objects(readings, recorder=recorder, in_force=in_force, effects=effects, found=found)
    wanted = _revision(compiled, state)
    drifted = ledger.revision is not None and state.revision not in {ledger.revision, wanted}
    leave = _why_leave(compiled, ledger, state, wanted, take_over=take_over)
    if leave is None and drifted and state.revision is not None and _drift_policy(readings, recorder):
        leave = Reason.DRIFTED, drift_message(state, ledger)
    if leave is not None:
        reason, message = leave
        return Plan(step=Step.LEAVE, compiled=compiled, wanted=wanted, drifted=drifted, reason=reason, message=message)
    if drifted and isinstance(in_force, RecorderConfig):
        compiled = compile_objects(readings, recorder=recorder, in_force=in_force, effects=effects, found=there)
        wanted = _revision(compiled, state)
    if compiled.question is not None and effects is None:
        question = _envelope(compiled, ledger, state, take_over=take_over)
        return Plan(
            step=Step.ASK,
            compiled=compiled,
            wanted=wanted,
            envelope=replace(question, config=compiled.question),
            reason=Reason.PENDING,
            message="the recorder is being asked what the change would do",
        )
    if state.revision == wanted and state.owner == ledger.owner and state.epoch >= ledger.fence:
        message = f"revision {short(wanted)} is in force"
        return Plan(step=Step.NOTHING, compiled=compiled, wanted=wanted, drifted=drifted, message=message)
    return Plan(
        step=Step.PUT,
        compiled=compiled,
        wanted=wanted,
        envelope=_envelope(compiled, ledger, state, take_over=take_over),
        if_match=state.revision,
        drifted=drifted,
        reason=Reason.PENDING,
        message=f"revision {short(wanted)} is being programmed",
    )


def short(text: str | None) -> str:
    """A revision as people are shown it."""
    return text[:SHORT_REVISION] if text else "none"


def _revision(compiled: Compiled, state: RecorderState) -> str | None:
    """Of what is wanted; equal configs have equal revisions, and comparing costs a tenth of making one."""
    if compiled.config is not None and compiled.config == state.config:
        return state.revision
    return revision(compiled.config) if compiled.config is not None else None


def drift_message(state: RecorderState, ledger: Ledger) -> str:
    """Says what was found instead of what, and what to do."""
    return (
        f"somebody else programmed this recorder: it runs revision {short(state.revision)}, not "
        f"{short(ledger.revision)}; driftPolicy is Report, so it stays (set it to Correct to program it again)"
    )


def _why_leave(
    compiled: Compiled, ledger: Ledger, state: RecorderState, wanted: str | None, *, take_over: bool
) -> tuple[Reason, str] | None:
    """Why the recorder is left as it is, or None."""
    in_force_already = (state.revision, state.owner) == (wanted, ledger.owner)
    if compiled.hold is not None and not (compiled.hold is Hold.SUSPENDED and in_force_already):
        return _HOLDS[compiled.hold]
    if wanted is None:
        return Reason.IN_FORCE_LOST, _HOLDS[Hold.IN_FORCE_LOST][1]
    if state.owner is not None and state.owner != ledger.owner and not take_over:
        return Reason.OWNER_CONFLICT, (
            f"this recorder is programmed by {state.owner}, not by {ledger.owner}; end that one, and take over from it "
            f'(--take-over in a folder; on the Recorder in a cluster, {TAKE_OVER_ANNOTATION}: "{state.owner}")'
        )
    if state.epoch > ledger.epoch and not take_over:
        return Reason.STALE_EPOCH, (
            f"a newer instance of {ledger.owner} programs this recorder (epoch {state.epoch}, this is "
            f"{ledger.epoch}); end one of the two, or take over (--take-over in a folder)"
        )
    missing = [name for name, version in SECTIONS.items() if state.sections.get(name, 0) < version]
    if state.sections and missing:
        return Reason.SECTIONS_UNSUPPORTED, (
            f"the recorder does not know the section {missing[0]} of the config (version {SECTIONS[missing[0]]}); "
            "upgrade the recorder"
        )
    return None


_HOLDS = {
    Hold.RECORDER_DELETING: (
        Reason.RECORDER_DELETING,
        "the Recorder is being deleted; what it runs stays as it is",
    ),
    Hold.RECORDER_INVALID: (Reason.RECORDER_INVALID, "the Recorder object is not valid; what it runs stays as it is"),
    Hold.SUSPENDED: (Reason.SUSPENDED, "spec.suspend is true; set it to false to program the recorder again"),
    Hold.IN_FORCE_LOST: (
        Reason.IN_FORCE_LOST,
        "what is in force is not known any more; nothing is programmed until every object is valid",
    ),
}


def _gives_up(readings: Sequence[ObjectReading], recorder: ObjectKey, owner: str | None) -> bool:
    """Whether the Recorder says that it may be taken from this owner."""
    said = next((one.annotations.get(TAKE_OVER_ANNOTATION) for one in readings if one.key == recorder), None)
    return said is not None and said == owner


def _drift_policy(readings: Sequence[ObjectReading], recorder: ObjectKey) -> bool:
    """Whether a foreign config is to be left and reported."""
    for reading in readings:
        if reading.key == recorder and isinstance(reading.resource, Recorder):
            return reading.resource.spec.drift_policy is DriftPolicy.REPORT
    return False


def _envelope(compiled: Compiled, ledger: Ledger, state: RecorderState, *, take_over: bool) -> Envelope:
    assert compiled.config is not None
    taken = take_over and state.owner is not None and (state.owner != ledger.owner or state.epoch > ledger.epoch)
    return Envelope(
        owner=ledger.owner,
        # Higher than the one it is taken from, so that whoever held it before is told when it comes back.
        epoch=max(ledger.epoch, state.epoch + 1) if taken else ledger.epoch,
        take_over=taken,
        confirmations=compiled.confirmations,
        config=compiled.config,
    )
