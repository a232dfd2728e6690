"""The ordered chain of rules: what is asked about a call, in which order, and in which words it is answered.

Each rule looks at one thing and answers with a step: passed, or stopped with a reason. The first that stops wins.
Messages hold no number: not even the pattern that hit, which may be a party's whole number. The source says it, to
those who may read the settings.

How a case is made out of a call is in `decide`, how the call's facts are found in `facts`.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from callkeeper.kinds.terms import Mode, SampledOut
from callkeeper.policy.call import CallKind, Consent, Direction, Scope
from callkeeper.policy.config import BlacklistEntry, FilterSection, Override, PolicySection, Source
from callkeeper.policy.decision import Facts, Outcome, Reason, Rule, Step
from callkeeper.policy.directory import User
from callkeeper.policy.filters import refusal
from callkeeper.policy.recognition import Standing

NO_LIMIT_PERCENT = 100
"""A limit of 100 % is none: the mode alone concludes, and nothing is sampled."""

_BY_PATTERN = attrgetter("pattern")
_BY_PATTERN_AND_OBJECT = attrgetter("pattern", "object", "entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the rules read of a config. Not the config itself, which keeps what is derived from it: no cycle.

    Attributes:
        programmed: False for a recorder that has no config yet.
        missing: objects that must be valid before anything may be recorded.
        policy: who is recorded, and how.
        filter: which call types are recorded.
        entries: the blacklist, sorted by pattern, then object.
        overrides: by user, case-folded.
    """

    programmed: bool
    missing: tuple[str, ...]
    policy: PolicySection
    filter: FilterSection
    entries: tuple[BlacklistEntry, ...]
    overrides: Mapping[str, Override]

    def entry_of(self, pattern: str) -> BlacklistEntry:
        """The entry this pattern comes from; of several objects that list it, the smallest."""
        return self.entries[bisect_left(self.entries, pattern, key=_BY_PATTERN)]

    def override_of(self, user: User) -> str | None:
        """Whose override holds for this user: found by directory id before e-mail address, both without regard to case.

        Returns:
            The key in `overrides`, or None where the default mode holds.
        """
        for name in (user.id, user.email):
            folded = name.casefold()
            if folded in self.overrides:
                return folded
        return None


def sorted_entries(blacklist: tuple[BlacklistEntry, ...]) -> tuple[BlacklistEntry, ...]:
    """The blacklist in the order `Settings.entries` wants."""
    return tuple(sorted(blacklist, key=_BY_PATTERN_AND_OBJECT))


class Case(NamedTuple):
    """All that the rules look at besides the settings: one user of one segment.

    Attributes:
        consent: as stated.
        standing: the user's, in the directory.
        hit: the smallest pattern of the blacklist that hits a number of the call, or None.
        kind: of the call.
        scope: of the call.
        direction: seen from this user.
        override: the user of the override that holds for them, or None.
        inside: whether the conversation is inside the always-on limit; of no account where the mode is on demand.
        shared_line: the user is one of several owners of a line; a fact to keep, no rule asks for it.
    """

    consent: Consent
    standing: Standing
    hit: str | None
    kind: CallKind
    scope: Scope
    direction: Direction
    override: str | None
    inside: bool
    shared_line: bool


class Answer(NamedTuple):
    """What the chain answers.

    Attributes:
        outcome: record, wait, or do not record.
        steps: every step taken, the last being the one that stopped.
        facts: what was known about the call.
    """

    outcome: Outcome
    steps: tuple[Step, ...]
    facts: Facts


def ask(settings: Settings, case: Case) -> Answer:
    """Ask the rules in their order until one stops."""
    steps = []
    for rule in CHAIN:
        step = rule(settings, case)
        if step is not None:
            steps.append(step)
            if step.stops:
                break
    facts = Facts(
        kind=case.kind,
        scope=case.scope,
        direction=case.direction,
        consent=case.consent,
        shared_line=case.shared_line,
    )
    return Answer(outcome=_outcome(steps[-1].reason), steps=tuple(steps), facts=facts)


def _outcome(reason: Reason) -> Outcome:
    if reason is Reason.ALWAYS_ON:
        return Outcome.RECORD
    return Outcome.WAIT if reason is Reason.ON_DEMAND else Outcome.SKIP


def _config(settings: Settings, _case: Case) -> Step:
    if not settings.programmed:
        return _stopped(
            Rule.CONFIG,
            Reason.NO_CONFIG,
            "the recorder has no settings yet; nothing is recorded until it has been programmed",
        )
    if settings.missing:
        missing = sorted(settings.missing)
        return _stopped(
            Rule.CONFIG,
            Reason.SETTINGS_INCOMPLETE,
            f"nothing is recorded until these settings are valid: {', '.join(missing)}",
            Source(object=missing[0]),
        )
    return _passed(Rule.CONFIG, "the recorder has its settings")


def _consent(_settings: Settings, case: Case) -> Step:
    match case.consent:
        case Consent.REFUSED:
            return _stopped(Rule.CONSENT, Reason.CONSENT_REFUSED, "a party of the call refused to be recorded")
        case Consent.GIVEN:
            return _passed(Rule.CONSENT, "the parties agreed to be recorded")
        case Consent.NOT_ASKED:
            return _passed(Rule.CONSENT, "nobody refused to be recorded; the parties were not asked")


def _licence(_settings: Settings, case: Case) -> Step:
    match case.standing:
        case Standing.RECORDABLE:
            return _passed(Rule.LICENCE, "the user has the Call Recording licence and is in service")
        case Standing.NOT_LICENSED:
            return _stopped(Rule.LICENCE, Reason.NO_LICENCE, "the user has no Call Recording licence")
        case Standing.DISABLED:
            return _stopped(Rule.LICENCE, Reason.NO_LICENCE, "the user is disabled in the directory")
        case Standing.UNKNOWN:
            message = "the user is not in the directory, so has no Call Recording licence"
            return _stopped(Rule.LICENCE, Reason.NO_LICENCE, message)


def _blacklist(settings: Settings, case: Case) -> Step:
    if case.hit is None:
        return _passed(Rule.BLACKLIST, "no number of the call is on the blacklist")
    entry = settings.entry_of(case.hit)
    return _stopped(
        Rule.BLACKLIST,
        Reason.BLACKLISTED,
        "a number of the call is on the blacklist; the call is recorded for nobody",
        Source(object=entry.object, entry=entry.entry),
    )


def _filter(settings: Settings, case: Case) -> Step:
    section = settings.filter
    refused = refusal(section, case.kind, case.scope, case.direction)
    if refused is None:
        return _passed(Rule.FILTER, "the filter lets calls of this type pass", _field(section.object, ""))
    return _stopped(Rule.FILTER, refused.reason, refused.message, _field(section.object, refused.field))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """The mode that holds for a user, whose word it is, and where that stands."""

    mode: Mode
    whose: str
    source: Source | None


def _chosen(settings: Settings, case: Case) -> _Chosen:
    if case.override is None:
        policy = settings.policy
        return _Chosen(mode=policy.default_mode, whose="the default mode", source=_field(policy.object, "defaultMode"))
    override = settings.overrides[case.override]
    return _Chosen(
        mode=override.mode,
        whose="the user's override",
        source=Source(object=override.object, entry=override.user),
    )


def _mode(settings: Settings, case: Case) -> Step:
    chosen = _chosen(settings, case)
    match chosen.mode:
        case Mode.ALWAYS_ON:
            return _passed(Rule.MODE, f"always on, by {chosen.whose}", chosen.source)
        case Mode.ON_DEMAND:
            return _passed(Rule.MODE, f"on demand, by {chosen.whose}", chosen.source)


def _limit(settings: Settings, case: Case) -> Step | None:
    """The always-on limit; not asked about calls on demand. Without a limit the source is that of the mode."""
    chosen, policy = _chosen(settings, case), settings.policy
    if chosen.mode is Mode.ON_DEMAND:
        return None
    percent = policy.always_on_limit_percent
    if percent == NO_LIMIT_PERCENT:
        return _stopped(Rule.LIMIT, Reason.ALWAYS_ON, f"always on, by {chosen.whose}, without a limit", chosen.source)
    source = _field(policy.object, "alwaysOnLimitPercent")
    if case.inside:
        message = f"always on, and the conversation is inside the limit of {percent} %"
        return _stopped(Rule.LIMIT, Reason.ALWAYS_ON, message, source)
    return Step(
        rule=Rule.LIMIT,
        reason=Reason.OUTSIDE_LIMIT,
        stops=policy.sampled_out is SampledOut.DENY,
        message=f"always on, but the conversation is outside the limit of {percent} %",
        source=source,
    )


def _on_demand(settings: Settings, case: Case) -> Step:
    """Where all that is left is the user's own start: by the mode, or outside the limit with `sampledOut: OnDemand`."""
    chosen = _chosen(settings, case)
    if chosen.mode is Mode.ON_DEMAND:
        return _stopped(
            Rule.ON_DEMAND, Reason.ON_DEMAND, f"on demand, by {chosen.whose}: the user starts it", chosen.source
        )
    return _stopped(
        Rule.ON_DEMAND,
        Reason.ON_DEMAND,
        "outside the always-on limit, where the user may still start it",
        _field(settings.policy.object, "sampledOut"),
    )


CHAIN: tuple[Callable[[Settings, Case], Step | None], ...] = (
    _config,
    _consent,
    _licence,
    _blacklist,
    _filter,
    _mode,
    _limit,
    _on_demand,
)
"""The order of semantics: the first that stops wins. None: the rule is not asked about such a call."""


def _passed(rule: Rule, message: str, source: Source | None = None) -> Step:
    return Step(rule=rule, reason=Reason.PASSED, stops=False, message=message, source=source)


def _stopped(rule: Rule, reason: Reason, message: str, source: Source | None = None) -> Step:
    return Step(rule=rule, reason=reason, stops=True, message=message, source=source)


def _field(name: str | None, entry: str) -> Source | None:
    """The source of a section's field; None where no object stands behind the section, only built-in defaults."""
    return None if name is None else Source(object=name, entry=entry)
