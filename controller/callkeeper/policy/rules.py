"""What a decision needs of a config, made once per config: the matchers, the look-up of overrides, the chain's answers.

A `RecorderConfig` does not change, so neither does what follows from it; it is kept beside the config (`Rules.of`). Two
threads that meet at the first use make the same thing twice and one of the two stays, which is harmless.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from callkeeper.policy.call import CallKind, Consent, Direction, Scope
from callkeeper.policy.chain import Answer, Case, Settings, ask, sorted_entries
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import revision
from callkeeper.policy.patterns import PatternSet
from callkeeper.policy.recognition import RecordedUser, Standing

REMEMBERED_ANSWERS = 16_384
"""Cases remembered per config: 1,728 are possible without overrides and hits, each some 0.5 kB."""
REMEMBERED_HITS = 16_384
"""Parties' numbers remembered per config with what the blacklist says to them, about 0.2 kB each."""

_CACHED = "_rules"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The derived form of one config.

    Attributes:
        revision: SHA-256 of the config; empty without one.
        settings: what the chain reads.
        ask: the chain's answer to a case, given as the values of a `Case` in their order; remembered.
        smallest_hit: the smallest pattern of the blacklist that hits one of these numbers, or None; remembered.
        is_internal: whether one of these numbers counts as the organisation's own; remembered.
    """

    revision: str
    settings: Settings
    ask: Callable[[Consent, Standing, str | None, CallKind, Scope, Direction, str | None, bool, bool], Answer]
    smallest_hit: Callable[[tuple[str, ...]], str | None]
    is_internal: Callable[[tuple[str, ...]], bool]

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

    def override_of(self, person: RecordedUser) -> str | None:
        """The user of the override that holds for this person, found by directory id before e-mail address."""
        overrides = self.settings.overrides
        if overrides:
            for name in person.names:
                if name in overrides:
                    return name
        return None


def _made(config: RecorderConfig, config_revision: str, *, programmed: bool = True) -> Rules:
    settings = Settings(
        programmed=programmed,
        missing=config.missing,
        policy=config.policy,
        filter=config.filter,
        entries=sorted_entries(config.blacklist),
        overrides={override.user.casefold(): override for override in config.policy.overrides},
    )
    blacklist = PatternSet({entry.pattern for entry in config.blacklist})
    internal = PatternSet(config.filter.internal_numbers)
    return Rules(
        revision=config_revision,
        settings=settings,
        ask=lru_cache(maxsize=REMEMBERED_ANSWERS)(partial(_ask, settings)),
        smallest_hit=lru_cache(maxsize=REMEMBERED_HITS)(partial(_smallest_hit, blacklist)),
        is_internal=lru_cache(maxsize=REMEMBERED_HITS)(partial(_hits, internal)),
    )


def _ask(settings: Settings, *values: Any) -> Answer:
    return ask(settings, Case._make(values))


def _smallest_hit(patterns: PatternSet, numbers: Iterable[str]) -> str | None:
    hits = [pattern for number in numbers if (pattern := patterns.match(number)) is not None]
    return min(hits, default=None)


def _hits(patterns: PatternSet, numbers: Iterable[str]) -> bool:
    return any(patterns.match(number) is not None for number in numbers)


WITHOUT_CONFIG = _made(RecorderConfig(), "", programmed=False)
"""The rules of a recorder that was never programmed: facts can be told, nothing is recorded."""
