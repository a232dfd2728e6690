"""The recorder's side of the gates: whether the confirmations an envelope carries cover what its config takes away.

`compile` lets a change pass only with the word for it, and the recorder asks again for itself, against what is in force
and what it has counted at that moment: so no client can leave the word out. It does not read the settings objects;
whatever object of the right kind carried the word, the owner answers for.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from callkeeper.kinds.confirmation import ConfirmationError, parse_confirmation
from callkeeper.policy.compilation.confirmations import (
    Given,
    line_to_copy,
    removal_problem,
    retention_problem,
    retention_text,
    rounded_up,
    spent_problem,
    taken_in_words,
    unspent,
    words_problem,
)
from callkeeper.policy.compilation.removals import needs_a_word, reckoned_from
from callkeeper.policy.compilation.values import Effects, UsedConfirmation
from callkeeper.policy.config import RecorderConfig, RetentionSection
from callkeeper.policy.retention_change import shortens


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """Something a config would take away without a word.

    Attributes:
        object: which carries the confirmation, `kind/namespace/name`; None where the Recorder does.
        message: what it takes away, and why a confirmation given does not cover it.
        text: the confirmation that would.
    """

    object: str | None
    message: str
    text: str

    @property
    def line(self) -> str:
        """The annotation to copy."""
        return line_to_copy(self.text)


def unconfirmed(
    before: RecorderConfig | None,
    wanted: RecorderConfig,
    *,
    effects: Effects,
    confirmations: Iterable[UsedConfirmation],
    removed: int,
) -> tuple[Unconfirmed, ...]:
    """What the config takes away and the confirmations do not cover; empty when it may come into force.

    Args:
        before: in force; None before the first config, which is taken for the defaults.
        wanted: to come into force.
        effects: counted by the recorder now, with what is spent.
        confirmations: of the envelope.
        removed: blacklist entries in force that would go.
    """
    given = tuple(_given(confirmations, effects.spent))
    in_force = before or RecorderConfig()
    found = (
        _retention(in_force.retention, wanted.retention, effects, given),
        _blacklist(in_force, wanted, removed, effects, given),
        # The first config takes nothing from the audit log that anybody had been promised.
        None if before is None else _audit(before, wanted, given),
    )
    return tuple(one for one in found if one is not None)


def counts_recordings(before: RecorderConfig | None, wanted: RecorderConfig) -> bool:
    """Whether the change could shorten anything, so that recordings have to be counted."""
    return shortens(RetentionSection() if before is None else before.retention, wanted.retention)


def _given(confirmations: Iterable[UsedConfirmation], spent: Collection[str]) -> Iterator[Given]:
    for used in confirmations:
        try:
            said = parse_confirmation(used.text)
        except ConfirmationError:
            continue
        yield Given(used=used, confirmation=said, spent=used.spent_key in spent)


def _retention(
    before: RetentionSection, wanted: RetentionSection, effects: Effects, given: Iterable[Given]
) -> Unconfirmed | None:
    taken = effects.shortens or effects.deletes or effects.holds
    if not taken or not shortens(before, wanted):
        return None
    problem = _first_problem(given, lambda one: retention_problem(one, before, wanted, effects), "RetentionRule")
    if problem is None:
        return None
    message = taken_in_words(effects)
    text = retention_text(before, wanted, effects)
    text = unspent(text, effects) or text
    return Unconfirmed(object=wanted.object, message=message + problem, text=text)


def _blacklist(
    before: RecorderConfig, wanted: RecorderConfig, removed: int, effects: Effects, given: Iterable[Given]
) -> Unconfirmed | None:
    if not needs_a_word(before, removed):
        return None
    problem = _first_problem(given, lambda one: removal_problem(one, removed), "Blacklist")
    if problem is None:
        return None
    kept = {entry.pattern for entry in wanted.blacklist}
    losing = sorted({entry.object for entry in before.blacklist if entry.pattern not in kept})
    message = f"this takes {removed:,} of {reckoned_from(before):,} blacklist entries away"
    text = f"removes<={rounded_up(removed)}"
    return Unconfirmed(object=losing[0], message=message + problem, text=unspent(text, effects) or text)


def _audit(before: RecorderConfig, wanted: RecorderConfig, given: Iterable[Given]) -> Unconfirmed | None:
    change = (before.audit.retention, wanted.audit.retention)
    if not shortens(RetentionSection(retention=change[0]), RetentionSection(retention=change[1])):
        return None
    problem = _first_problem(
        given,
        lambda one: words_problem("auditRetention", one.confirmation.audit_retention, change) or spent_problem(one),
        "AuditLog",
    )
    if problem is None:
        return None
    message = f"this keeps the audit log for {change[1]} instead of {change[0]}"
    return Unconfirmed(
        object=wanted.audit.object, message=message + problem, text=f"auditRetention={change[0]}->{change[1]}"
    )


def _first_problem(given: Iterable[Given], problem_of: Callable[[Given], str | None], kind: str) -> str | None:
    """Why none of those that an object of this kind, or the Recorder, carries covers it, in brackets; None if one does.

    An empty text says that there is none.
    """
    problems = []
    for one in given:
        if one.used.object.split("/", 1)[0] in {kind, "Recorder"}:
            problem = problem_of(one)
            if problem is None:
                return None
            problems.append(problem)
    return f" (the confirmation given does not cover it: {problems[0]})" if problems else ""
