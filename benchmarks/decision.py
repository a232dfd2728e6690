"""The whole decision: a two-party call in, outcome with steps and sources out, under 10,000 real patterns.

Warm means that the people on the calls were seen before, as in any busy hour, while every conversation is new. Two
hundred people on each side are what a processor's own caches hold; with five thousand its memory is measured too. Times
are of the process's own CPU, the best of several rounds, since other work on the machine is not what is asked about.
"""

import random
import time
from collections.abc import Sequence

from benchmarks.pattern_lists import SEED, numbers_for, real_patterns
from benchmarks.rows import Row
from callkeeper.kinds.terms import Mode
from callkeeper.policy.call import Call, CallKind, Identity, Party
from callkeeper.policy.config import BlacklistEntry, FilterSection, Override, PolicySection, RecorderConfig
from callkeeper.policy.config_json import revision
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Outcome
from callkeeper.policy.directory import Directory, Licence, User, line

PATTERNS = 10_000
USERS = 5_000
OVERRIDES = 500
CALLERS = 5_000
FEW = 200
MICROSECONDS = 1e6
MILLISECONDS = 1e3


def run(quick: bool) -> list[Row]:
    """Microseconds of CPU per decision, and what the first one costs."""
    calls, rounds = (2_000, 3) if quick else (20_000, 9)
    patterns = real_patterns(PATTERNS)
    directory = _directory()
    config = config_of(patterns)
    revision(config)
    outside = numbers_for(patterns, CALLERS)
    started = time.process_time()
    decide(config, _call(outside[0], 0, "first"), directory)
    build = time.process_time() - started
    few, many = _calls(outside[:FEW], FEW, calls), _calls(outside, USERS, calls)
    internal = [_internal(number) for number in range(calls)]
    # The calls of as many callers as there are, each for the first time, with matchers that are made already.
    cold = _per_call(config_of(patterns), _each_once(outside), _directory(), rounds=1)
    recorded = sum(decide(config, call, directory).outcome is Outcome.RECORD for call in few)
    return [
        Row(
            what=f"decision, external two-party call, {PATTERNS:,} patterns, {FEW} people a side, warm",
            figure=_per_call(config, few, directory, rounds=rounds) * MICROSECONDS,
            unit="µs",
            bar="≤ 5",
            note=f"{recorded * 100 // calls} % of the calls are recorded",
        ),
        Row(
            what=f"the same, {CALLERS:,} people a side, warm",
            figure=_per_call(config, many, directory, rounds=rounds) * MICROSECONDS,
            unit="µs",
        ),
        Row(what="the same, every caller and user for the first time", figure=cold * MICROSECONDS, unit="µs"),
        Row(
            what=f"decision, internal call between two recorded users of {FEW}, warm",
            figure=_per_call(config, internal, directory, rounds=rounds) * MICROSECONDS,
            unit="µs",
            note="two decisions",
        ),
        Row(what="first decision after a change of settings", figure=build * MILLISECONDS, unit="ms"),
    ]


def _per_call(config: RecorderConfig, calls: Sequence[Call], directory: Directory, *, rounds: int) -> float:
    """Seconds of CPU per call: the best round. A single round is a cold one but for the matchers."""
    decide(config, _call("000", 0, "warm-up"), directory)
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for call in calls:
            decide(config, call, directory)
        best = min(best, time.process_time() - started)
    return best / len(calls)


def _directory() -> Directory:
    return Directory.of(
        User(
            id=f"user-{number}",
            email=f"user-{number}@example.com",
            lines=(line(extension=str(20_000 + number), e164=f"+39055{20_000 + number}"),),
            licences=frozenset({Licence.CALL_RECORDING}),
        )
        for number in range(USERS)
    )


def config_of(patterns: Sequence[str]) -> RecorderConfig:
    """Settings as an organisation has them, with these patterns on its blacklist."""
    owner = "Blacklist/voice/main"
    return RecorderConfig(
        policy=PolicySection(
            default_mode=Mode.ALWAYS_ON,
            always_on_limit_percent=60,
            overrides=tuple(
                Override(user=f"user-{number}@example.com", mode=Mode.ON_DEMAND, object="UserPolicy/voice/team")
                for number in range(0, USERS, USERS // OVERRIDES)
            ),
            object="RecordingPolicy/voice/default",
        ),
        filter=FilterSection(internal_numbers=("4XXX",), object="RecordingFilter/voice/default"),
        blacklist=tuple(sorted(BlacklistEntry(pattern=text, object=owner, entry=text) for text in patterns)),
    )


def _calls(outside: Sequence[str], users: int, count: int) -> list[Call]:
    source = random.Random(SEED)
    return [_call(source.choice(outside), source.randrange(users), f"conversation-{call}") for call in range(count)]


def _each_once(outside: Sequence[str]) -> list[Call]:
    return [_call(number, user % USERS, f"conversation-{user}") for user, number in enumerate(outside)]


def _call(caller: str, user: int, conversation: str) -> Call:
    return Call(
        native_id=conversation,
        conversation=conversation,
        kind=CallKind.PEER_TO_PEER,
        calling=Party(number=caller),
        called=Party(number=str(20_000 + user), user=f"user-{user}", identity=Identity.USER),
    )


def _internal(number: int) -> Call:
    caller, callee = 20_000 + number % FEW, 20_000 + (number * 7 + 1) % FEW
    name = f"conversation-{number}"
    return Call(native_id=name, conversation=name, calling=Party(number=str(caller)), called=Party(number=str(callee)))
