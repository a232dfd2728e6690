"""The decision: is this segment recorded, for whom, and which line of which object says so.

Here a call becomes the cases that the chain of rules (`chain`) answers, one for each recorded user. Nothing is read
from anywhere but the arguments, and the same arguments always give the same decision.
"""

from callkeeper.policy.call import Call
from callkeeper.policy.chain import NO_LIMIT_PERCENT
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.decision import Decision, SegmentDecision
from callkeeper.policy.directory import Directory
from callkeeper.policy.facts import Survey, direction, scope, smallest_hit, survey
from callkeeper.policy.facts import recorded_users as users_of
from callkeeper.policy.recognition import RecordedUser, View
from callkeeper.policy.rules import DecisionKey, Rules
from callkeeper.policy.sampling import inside_limit


def decide(config: RecorderConfig | None, call: Call, directory: Directory) -> SegmentDecision:
    """Decide about a segment: for each of its recorded users, and what follows for the segment.

    Args:
        config: what the recorder was programmed with; None when it never was.
        call: the segment; a change of parties or kind is a new value, decided again under the same config.
        directory: the users as they are now.
    """
    rules = Rules.of(config)
    view = rules.view(directory)
    seen = survey(call, view)
    people = users_of(seen, view)
    decided = _decided(rules, seen, people, directory.revision)
    # Nearly always somebody talks to the outside: what follows from one decision is remembered with it.
    return decided[0] if len(people) == 1 else SegmentDecision.of(tuple([alone.decisions[0] for alone in decided]))


def decide_user(config: RecorderConfig | None, call: Call, directory: Directory, reference: str) -> Decision:
    """Decide for one user, named by directory id or e-mail address, as `decide` does for all."""
    rules = Rules.of(config)
    view = rules.view(directory)
    people = (view.recorded_user(reference),)
    return _decided(rules, survey(call, view), people, directory.revision)[0].decisions[0]


def recorded_users(call: Call, directory: Directory) -> tuple[RecordedUser, ...]:
    """Who is recorded on this segment, ordered by reference (`facts.recorded_users`); overrides are not looked at."""
    view = View(directory=directory)
    return users_of(survey(call, view), view)


def _decided(
    rules: Rules, seen: Survey, people: tuple[RecordedUser, ...], directory_revision: str
) -> list[SegmentDecision]:
    """For each of these people the decision as if nobody else were recorded."""
    call, call_scope, hit = seen.call, scope(seen), smallest_hit(seen)
    limit_percent = rules.settings.policy.always_on_limit_percent
    inside = limit_percent == NO_LIMIT_PERCENT or inside_limit(call.conversation, limit_percent)
    decided = []
    for person in people:
        case = (
            call.consent,
            person.standing,
            hit,
            call.kind,
            call_scope,
            direction(seen, person),
            person.override,
            inside,
            person.shared_line,
        )
        key = (directory_revision, person.reference, case)
        alone = rules.decided.get(key)
        decided.append(_decide_alone(rules, key) if alone is None else alone)
    return decided


def _decide_alone(rules: Rules, key: DecisionKey) -> SegmentDecision:
    directory_revision, reference, case = key
    outcome, steps, facts = rules.answers.get(case) or rules.ask(case)
    decision = Decision(
        user=reference,
        outcome=outcome,
        steps=steps,
        facts=facts,
        config_revision=rules.revision,
        directory_revision=directory_revision,
    )
    return rules.remember(key, SegmentDecision.of((decision,)))
