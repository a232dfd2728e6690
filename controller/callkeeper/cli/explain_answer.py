"""What `explain` says about one call: the decision as JSON, and as text for a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from callkeeper.cli.explain_settings import Settings
from callkeeper.policy.call import Call
from callkeeper.policy.config import Source
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Decision, Outcome, Reason, SegmentDecision, Step
from callkeeper.policy.sampling import inside_limit

MARKS = {Outcome.RECORD: "●", Outcome.WAIT: "○", Outcome.SKIP: "✗"}
"""The mark of the step that ended it: recorded, waiting for the user, not recorded."""
PASSED = "✓"
DEPENDS = "?"

SENTENCES = {
    Outcome.RECORD: "Recorded",
    Outcome.WAIT: "Not recorded unless the user starts it",
    Outcome.SKIP: "Not recorded",
}

_NO_LIMIT = (0, 100)
"""Limits under which no conversation is told apart from another."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The decision about one call.

    Attributes:
        settings: what it was taken with.
        decision: the decision; where it hangs on the conversation, that for one inside the limit.
        otherwise: the decision for a conversation outside the limit; None where that makes no difference.
    """

    settings: Settings
    decision: SegmentDecision
    otherwise: SegmentDecision | None = None

    @property
    def limit_percent(self) -> int:
        """Of how many conversations in a hundred `decision` holds where there is an `otherwise`."""
        return self.settings.config.policy.always_on_limit_percent


def explain_call(settings: Settings, call: Call, *, conversation_known: bool) -> Explanation:
    """Decide about a call; about both sides of the always-on limit where its conversation is not known."""
    limit_percent = settings.config.policy.always_on_limit_percent
    if conversation_known or limit_percent in _NO_LIMIT:
        return Explanation(settings=settings, decision=decide(settings.config, call, settings.directory))
    inside, outside = (
        decide(settings.config, replace(call, conversation=_sample(limit_percent, inside=side)), settings.directory)
        for side in (True, False)
    )
    hangs_on_it = inside.reason is not outside.reason
    return Explanation(settings=settings, decision=inside, otherwise=outside if hangs_on_it else None)


def _sample(limit_percent: int, *, inside: bool) -> str:
    """Some conversation's id that is inside the limit, or outside it."""
    return next(name for name in map(str, count()) if inside_limit(name, limit_percent) is inside)


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain JSON values; documented in docs/reference/decision.md."""
    settings, decision = explanation.settings, explanation.decision
    depends = explanation.otherwise is not None
    result: dict[str, Any] = {
        "recorder": str(settings.recorder),
        "outcome": "depends" if depends else decision.outcome.value,
        **_step_json(decision.deciding, settings),
        "decisions": [_decision_json(one, settings) for one in decision.decisions],
        "notes": list(settings.notes),
    }
    if explanation.otherwise is not None:
        result["limitPercent"] = explanation.limit_percent
        result["inside"] = decision.outcome.value
        result["outside"] = explanation.otherwise.outcome.value
        result["outsideDecisions"] = [_decision_json(one, settings) for one in explanation.otherwise.decisions]
    return result


def _decision_json(decision: Decision, settings: Settings) -> dict[str, Any]:
    facts = decision.facts
    return {
        "user": decision.user,
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "facts": {
            "kind": facts.kind.value,
            "scope": facts.scope.value,
            "direction": facts.direction.value,
            "consent": facts.consent.value,
            "sharedLine": facts.shared_line,
        },
        "steps": [_step_json(step, settings) for step in decision.steps],
        "configRevision": decision.config_revision,
        "directoryRevision": decision.directory_revision,
    }


def _step_json(step: Step, settings: Settings) -> dict[str, Any]:
    return {
        "rule": step.rule.value,
        "reason": step.reason.value,
        "stops": step.stops,
        "message": step.message,
        "source": _source_json(step.source, settings),
    }


def _source_json(source: Source | None, settings: Settings) -> dict[str, Any] | None:
    if source is None:
        return None
    place = settings.place(source)
    where = {} if place is None else {"file": place.file, "line": place.line, "column": place.column}
    return {"object": source.object, "entry": source.entry, **where}


def as_text(explanation: Explanation) -> str:
    """The explanation for a terminal: each user's chain, then the outcome in one sentence."""
    lines = [f"Note: {note}." for note in explanation.settings.notes]
    for decision in explanation.decision.decisions:
        lines += [""] if lines else []
        lines += _chain(decision, explanation)
    return "\n".join([*lines, "", *_conclusion(explanation)]) + "\n"


def _chain(decision: Decision, explanation: Explanation) -> Iterator[str]:
    facts = decision.facts
    shared = ", one of several owners of the line" if facts.shared_line else ""
    yield f"{decision.user}: {facts.kind.value} call, {facts.scope.value}, direction {facts.direction.value}{shared}"
    for step in decision.steps:
        hangs_on_it = explanation.otherwise is not None and step is decision.deciding
        mark = (DEPENDS if hangs_on_it else MARKS[decision.outcome]) if step.stops else PASSED
        if step.reason is Reason.OUTSIDE_LIMIT:
            mark = MARKS[Outcome.SKIP]
        yield f"  {mark} {step.rule.value:<9} {step.reason.value:<18} {step.message}"
        if step.source is not None:
            yield f"    {'':<28} {_where(step.source, explanation.settings)}"


def _where(source: Source, settings: Settings) -> str:
    place = settings.place(source)
    return str(source) if place is None else f"{place}  {source}"


def _conclusion(explanation: Explanation) -> Iterator[str]:
    inside, outside = explanation.decision, explanation.otherwise
    if outside is None:
        yield _sentence(inside, explanation.settings)
        return
    percent = explanation.limit_percent
    yield (
        f"It depends on the conversation, of which {percent} in 100 are inside the always-on limit"
        " (--conversation ID says it for one):"
    )
    yield f"  inside, {percent} in 100: {_sentence(inside, explanation.settings)}"
    yield f"  outside, {100 - percent} in 100: {_sentence(outside, explanation.settings)}"


def _sentence(decision: SegmentDecision, settings: Settings) -> str:
    deciding = decision.deciding
    place = settings.place(deciding.source)
    return f"{SENTENCES[decision.outcome]}: {deciding.message}" + (f" ({place})" if place else "")
