"""What a decision needs of a config, made once per config: the matchers, the overrides by user, the chain's answers.

A `RecorderConfig` does not change, so neither does what follows from it; it is kept beside the config (`Rules.of`). Two
threads that meet at the first use make the same thing twice and one of the two stays, which is harmless.
"""

from dataclasses import dataclass, field

from callkeeper.policy.call import CallKind, Consent, Direction, Scope
from callkeeper.policy.chain import Answer, Case, Settings, ask, sorted_entries
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import revision
from callkeeper.policy.decision import SegmentDecision
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.patterns import PatternSet
from callkeeper.policy.recognition import Standing, View

REMEMBERED_ANSWERS = 16_384
"""Cases remembered per config: 1,728 are possible without overrides and hits, each some 0.5 kB."""

CaseValues = tuple[Consent, Standing, str | None, CallKind, Scope, Direction, str | None, bool, bool]
"""The values of a `Case` in their order: a plain tuple is made faster, and a decision makes one each time."""

DecisionKey = tuple[str, str, CaseValues]
"""The directory's revision, the user, and the case: whoever is on the other end, these make the decision."""

REMEMBERED_DECISIONS = 32_768
"""Decisions remembered per config, each some 0.6 kB: the busy hour of a large site in 20 MB."""

_CACHED = "_rules"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The derived form of one config.

    Attributes:
        revision: SHA-256 of the config; empty without one.
        settings: what the chain reads.
        blacklist: matches the numbers never recorded.
        internal_numbers: matches the numbers that count as the organisation's own.
        answers: what the chain answered to a case before, by the values of the `Case`.
        decided: what was decided for a user in a case before, as if nobody else were recorded.
    """

    revision: str
    settings: Settings
    blacklist: PatternSet
    internal_numbers: PatternSet
    answers: dict[CaseValues, Answer] = field(default_factory=dict)
    decided: dict[DecisionKey, SegmentDecision] = field(default_factory=dict)
    _latest: list[View] = field(default_factory=list)

    @classmethod
    def of(cls, config: RecorderConfig | None) -> "Rules":
        """The rules of this config, made at first use and kept beside it; None is a recorder without settings."""
        if config is None:
            return WITHOUT_CONFIG
        cached: Rules | None = config.__dict__.get(_CACHED)
        if cached is None:
            cached = _made(config, revision(config))
            config.__dict__[_CACHED] = cached
        return cached

    def override_of(self, user: User) -> str | None:
        """The user of the override that holds for this one (`chain.Settings.override_of`)."""
        return self.settings.override_of(user)

    def ask(self, values: CaseValues) -> Answer:
        """The chain's answer to a case, remembered in `answers`."""
        if len(self.answers) >= REMEMBERED_ANSWERS:
            self.answers.clear()
        answer = ask(self.settings, Case(*values))
        self.answers[values] = answer
        return answer

    def remember(self, key: DecisionKey, decided: SegmentDecision) -> SegmentDecision:
        """Keep a decision in `decided`, and return it."""
        if len(self.decided) >= REMEMBERED_DECISIONS:
            self.decided.clear()
        self.decided[key] = decided
        return decided

    def view(self, directory: Directory) -> View:
        """How parties are seen under this config with this directory; the latest is kept."""
        for view in self._latest:
            if view.directory is directory:
                return view
        view = View(
            directory=directory,
            blacklist=self.blacklist,
            internal_numbers=self.internal_numbers,
            override_of=self.settings.override_of,
        )
        self._latest[:] = [view]
        return view


def _made(config: RecorderConfig, config_revision: str, *, programmed: bool = True) -> Rules:
    settings = Settings(
        programmed=programmed,
        missing=config.missing,
        policy=config.policy,
        filter=config.filter,
        entries=sorted_entries(config.blacklist),
        overrides={override.user.casefold(): override for override in config.policy.overrides},
    )
    return Rules(
        revision=config_revision,
        settings=settings,
        blacklist=PatternSet(entry.pattern for entry in config.blacklist),
        internal_numbers=PatternSet(config.filter.internal_numbers),
    )


WITHOUT_CONFIG = _made(RecorderConfig(), "", programmed=False)
"""The rules of a recorder that was never programmed: facts can be told, nothing is recorded."""
