"""The decision: is this segment recorded, for whom, and which line of which object says so.

Here a call becomes the cases that the chain of rules (`chain`) answers, one for each recorded user. Nothing is read
from anywhere but the arguments, and the same arguments always give the same decision.
"""

from callkeeper.policy.call import Call
from callkeeper.policy.chain import NO_LIMIT_PERCENT
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.decision import Decision, SegmentDecision
from callkeeper.policy.directory import Directory
from callkeeper.policy.facts import Survey, direction, recorded_users, scope, survey, surveyed_users
from callkeeper.policy.recognition import RecordedUser, recorded_user
from callkeeper.policy.rules import Rules
from callkeeper.policy.sampling import inside_limit

__all__ = ["decide", "decide_user", "recorded_users"]


def decide(config: RecorderConfig | None, call: Call, directory: Directory) -> SegmentDecision:
    """Decide about a segment: for each of its recorded users, and what follows for the segment.

    Args:
        config: what the recorder was programmed with; None when it never was.
        call: the segment; a change of parties or kind is a new value, decided again under the same config.
        directory: the users as they are now.
    """
    seen = survey(call, directory)
    people = surveyed_users(seen, directory)
    return SegmentDecision.of(_decisions(Rules.of(config), seen, directory, people) if people else ())


def decide_user(config: RecorderConfig | None, call: Call, directory: Directory, reference: str) -> Decision:
    """Decide for one user, named by directory id or e-mail address, as `decide` does for all."""
    people = (recorded_user(reference, directory),)
    return _decisions(Rules.of(config), survey(call, directory), directory, people)[0]


def _decisions(
    rules: Rules, seen: Survey, directory: Directory, people: tuple[RecordedUser, ...]
) -> tuple[Decision, ...]:
    call = seen.call
    call_scope = scope(seen, rules.is_internal)
    hit = _smallest_hit(rules, seen)
    limit_percent = rules.settings.policy.always_on_limit_percent
    inside = limit_percent == NO_LIMIT_PERCENT or inside_limit(call.conversation, limit_percent)
    decisions = []
    for person in people:
        outcome, steps, facts = rules.ask(
            call.consent,
            person.standing,
            hit,
            call.kind,
            call_scope,
            direction(seen, person),
            rules.override_of(person),
            inside,
            person.shared_line,
        )
        decisions.append(
            Decision(
                user=person.reference,
                outcome=outcome,
                steps=steps,
                facts=facts,
                config_revision=rules.revision,
                directory_revision=directory.revision,
            )
        )
    return tuple(decisions)


def _smallest_hit(rules: Rules, seen: Survey) -> str | None:
    smallest = None
    for party in seen.signalled:
        hit = rules.smallest_hit(party.numbers)
        if hit is not None and (smallest is None or hit < smallest):
            smallest = hit
    return smallest
