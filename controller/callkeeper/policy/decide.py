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
from callkeeper.policy.rules import Rules
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
    return SegmentDecision.of(_decisions(rules, seen, users_of(seen, view), directory.revision))


def decide_user(config: RecorderConfig | None, call: Call, directory: Directory, reference: str) -> Decision:
    """Decide for one user, named by directory id or e-mail address, as `decide` does for all."""
    rules = Rules.of(config)
    view = rules.view(directory)
    people = (view.recorded_user(reference),)
    return _decisions(rules, survey(call, view), people, directory.revision)[0]


def recorded_users(call: Call, directory: Directory) -> tuple[RecordedUser, ...]:
    """Who is recorded on this segment, ordered by reference (`facts.recorded_users`); overrides are not looked at."""
    view = View(directory=directory)
    return users_of(survey(call, view), view)


def _decisions(
    rules: Rules, seen: Survey, people: tuple[RecordedUser, ...], directory_revision: str
) -> tuple[Decision, ...]:
    call, call_scope, hit = seen.call, scope(seen), smallest_hit(seen)
    limit_percent = rules.settings.policy.always_on_limit_percent
    inside = limit_percent == NO_LIMIT_PERCENT or inside_limit(call.conversation, limit_percent)
    decisions = []
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
        outcome, steps, facts = rules.answers.get(case) or rules.ask(case)
        decisions.append(
            Decision(
                user=person.reference,
                outcome=outcome,
                steps=steps,
                facts=facts,
                config_revision=rules.revision,
                directory_revision=directory_revision,
            )
        )
    return tuple(decisions)
