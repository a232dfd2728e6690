"""The status of every object: conditions as values, a pure function of what was compiled and what the recorder runs.

How they get to people (a patch, `status.json`, a page) is the source's business. A condition whose status did not
change keeps its instant, so that an unchanged world gives an equal value and writes nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compilation.contributions import contributions
from callkeeper.policy.compile import AcceptedReason, Compiled, ObjectResult
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.reasons import AnyReason, ConditionStatus, ConditionType, Reason

_QUOTED_NUMBER = re.compile(r"`[^`]*[0-9]{3}[^`]*`")

MAX_MESSAGE = 1024
"""A condition's message in the API is at most 32 KiB; a reader's patience is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition (the API's `metav1.Condition`).

    Attributes:
        type: what it is about.
        status: the answer.
        reason: why, machine-readable.
        message: why, in words.
        observed_generation: of the object it was made from; 0 where the source has none.
        last_transition_time: since when the status is what it is, UTC.
    """

    type: ConditionType
    status: ConditionStatus
    reason: AnyReason
    message: str
    observed_generation: int
    last_transition_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStatus:
    """The status of one object.

    Attributes:
        key: the object.
        observed_generation: of the object it was made from; 0 where the source has none.
        conditions: in a fixed order, abnormal ones last.
        revision: of a Recorder: the revision it is known to run; None otherwise.
    """

    key: ObjectKey
    observed_generation: int
    conditions: tuple[Condition, ...]
    revision: str | None = None

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, if it is there."""
        return next((condition for condition in self.conditions if condition.type is kind), None)

    @property
    def ready(self) -> bool:
        """Whether nothing is amiss."""
        condition = self.condition(ConditionType.READY)
        return condition is not None and condition.status is ConditionStatus.TRUE


Statuses = Mapping[ObjectKey, ObjectStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is known about the recorder once a reconcile is over.

    Attributes:
        reachable: reason and message of `Reachable`; the reason is `Reason.REACHABLE` where it answered.
        synced: reason and message of `Synced`; the reason is `Reason.SYNCED` where it runs what is wanted.
        terminal: nothing more happens until somebody acts.
        running: the config it is known to run as this owner's, proved by reading it back; None where none is.
        revision: the revision it said it runs; None when it runs none or did not answer.
        unknown: something was programmed, and this process has not seen the recorder run it yet; what was said of
            objects that did not change since holds on.
    """

    reachable: tuple[AnyReason, str]
    synced: tuple[AnyReason, str]
    terminal: bool = False
    running: RecorderConfig | None = None
    revision: str | None = None
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    type: ConditionType
    status: ConditionStatus
    reason: AnyReason
    message: str


def statuses(
    compiled: Compiled,
    readings: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    observed: Observed,
    previous: Statuses,
    now: datetime,
    unsupported: Mapping[str, str] | None = None,
) -> dict[ObjectKey, ObjectStatus]:
    """The status of the Recorder and of every object attached to it.

    Args:
        compiled: what the objects make.
        readings: all objects, for their generations.
        recorder: the Recorder.
        observed: what is known about it.
        previous: statuses as they were, for the instants of conditions that did not change.
        now: instant of those that did.
        unsupported: kinds that are not carried out here, with the words that say where they are.
    """
    generations = {reading.key: reading.generation for reading in readings}
    wanted, running = contributions(compiled.config), contributions(observed.running)
    made = {}
    for key, result in compiled.results.items():
        if key == recorder:
            answers = list(_recorder_answers(compiled, result, observed))
        else:
            there = wanted.get(str(key)) == running.get(str(key)) and observed.running is not None
            there = there and str(key) not in compiled.held_back
            there = there or (observed.unknown and _was_there(previous.get(key), generations.get(key, 0)))
            answers = list(_settings_answers(result, observed, there, (unsupported or {}).get(key.kind)))
        made[key] = _status(key, generations.get(key, 0), answers, previous.get(key), now)
        if key == recorder:
            made[key] = _with_revision(made[key], observed.revision)
    return made


def _was_there(before: ObjectStatus | None, generation: int) -> bool:
    """Whether this generation was in force when last looked at."""
    programmed = before.condition(ConditionType.PROGRAMMED) if before else None
    return (
        programmed is not None
        and programmed.status is ConditionStatus.TRUE
        and programmed.observed_generation == generation
    )


def orphans(readings: Iterable[ObjectReading], *, previous: Statuses, now: datetime) -> dict[ObjectKey, ObjectStatus]:
    """The statuses of objects that name a Recorder which is not there."""
    readings = list(readings)
    there = {(one.key.namespace, one.key.name) for one in readings if one.key.kind == "Recorder"}
    namespaces = {namespace for namespace, _ in there}
    made = {}
    for one in readings:
        if one.key.kind == "Recorder" or (one.key.namespace, one.recorder) in there:
            continue
        if one.recorder is None and one.key.namespace in namespaces:
            continue  # attached to every Recorder of the namespace until it says to which
        reason: AcceptedReason = AcceptedReason.RECORDER_NOT_FOUND
        message = (
            f"there is no Recorder {one.recorder} in namespace {one.key.namespace}; add it, or correct recorderRef"
        )
        if one.recorder is None:
            message = "the object does not say which Recorder it belongs to (spec.recorderRef.name)"
        result = ObjectResult(key=one.key, reason=reason, message=message)
        made[one.key] = _status(one.key, one.generation, list(_refused(result)), previous.get(one.key), now)
    return made


def _settings_answers(
    result: ObjectResult, observed: Observed, there: bool, unsupported: str | None
) -> Iterator[_Answer]:
    if not result.accepted:
        yield from _refused(result)
        return
    yield _answer(ConditionType.ACCEPTED, True, result.reason, result.message)
    if unsupported is not None:
        yield from _not_in_force(Reason.NOT_SUPPORTED, unsupported, stalled=True)
    elif there:
        yield _answer(ConditionType.PROGRAMMED, True, Reason.PROGRAMMED, "the recorder runs what this object says")
        yield _answer(ConditionType.READY, True, Reason.READY, "in force")
    else:
        reason, message = observed.synced
        if reason is Reason.SYNCED:
            reason, message = Reason.PENDING, "being programmed"
        yield from _not_in_force(reason, message, stalled=observed.terminal)


def _refused(result: ObjectResult) -> Iterator[_Answer]:
    message = _what_to_do(result)
    yield _answer(ConditionType.ACCEPTED, False, result.reason, message)
    yield _answer(
        ConditionType.PROGRAMMED,
        False,
        Reason.NOT_ACCEPTED,
        "not accepted as it is now; what was in force of it before stays",
    )
    yield _answer(ConditionType.READY, False, result.reason, message)
    yield _answer(ConditionType.STALLED, True, result.reason, message)


def _what_to_do(result: ObjectResult) -> str:
    """Why not, and what to do next, without the numbers that a message may quote: statuses are read by many."""
    hint = next((one.hint for one in result.findings if one.message == result.message and one.hint), None)
    message = _QUOTED_NUMBER.sub("`…`", result.message)
    return f"{message}; {hint}" if hint else message


def _not_in_force(reason: AnyReason, message: str, *, stalled: bool) -> Iterator[_Answer]:
    yield _answer(ConditionType.PROGRAMMED, False, reason, message)
    yield _answer(ConditionType.READY, False, reason, message)
    yield _answer(ConditionType.STALLED if stalled else ConditionType.RECONCILING, True, reason, message)


def _recorder_answers(compiled: Compiled, result: ObjectResult, observed: Observed) -> Iterator[_Answer]:
    reachable, synced = observed.reachable[0] is Reason.REACHABLE, observed.synced[0] is Reason.SYNCED
    yield _answer(ConditionType.REACHABLE, reachable, *observed.reachable)
    yield _answer(ConditionType.SYNCED, synced, *observed.synced)
    why: tuple[AnyReason, str] | None = None
    if not reachable:
        why = observed.reachable
    elif not synced:
        why = observed.synced
    elif not result.accepted:
        why = result.reason, _what_to_do(result)
    elif compiled.config is not None and compiled.config.missing:
        names = ", ".join(compiled.config.missing[:5])
        why = Reason.SETTINGS_INCOMPLETE, f"nothing is recorded until these are valid or gone: {names}"
    if why is None:
        yield _answer(ConditionType.READY, True, Reason.READY, observed.synced[1])
        return
    yield _answer(ConditionType.READY, False, *why)
    stalled = observed.terminal or (reachable and synced)
    yield _answer(ConditionType.STALLED if stalled else ConditionType.RECONCILING, True, *why)


def _answer(kind: ConditionType, good: bool, reason: AnyReason, message: str) -> _Answer:
    status = ConditionStatus.TRUE if good else ConditionStatus.FALSE
    return _Answer(type=kind, status=status, reason=reason, message=message[:MAX_MESSAGE])


def _status(
    key: ObjectKey, generation: int, answers: Sequence[_Answer], previous: ObjectStatus | None, now: datetime
) -> ObjectStatus:
    conditions = []
    for answer in answers:
        before = previous.condition(answer.type) if previous else None
        since = before.last_transition_time if before and before.status is answer.status else now
        conditions.append(
            Condition(
                type=answer.type,
                status=answer.status,
                reason=answer.reason,
                message=answer.message,
                observed_generation=generation,
                last_transition_time=since,
            )
        )
    return ObjectStatus(key=key, observed_generation=generation, conditions=tuple(conditions))


def _with_revision(status: ObjectStatus, revision: str | None) -> ObjectStatus:
    return ObjectStatus(
        key=status.key,
        observed_generation=status.observed_generation,
        conditions=status.conditions,
        revision=revision,
    )
