"""Makes calls, users and configs for tests of the decision: short words for what the tests are about."""

from typing import Any

from callkeeper.kinds.terms import Mode
from callkeeper.policy.call import Call, Identity, Party
from callkeeper.policy.config import BlacklistEntry, Override, PolicySection, RecorderConfig
from callkeeper.policy.decision import Rule, SegmentDecision
from callkeeper.policy.directory import Directory, Licence, Line, User, line
from callkeeper.policy.sampling import inside_limit

POLICY = "RecordingPolicy/voice/default"
FILTER = "RecordingFilter/voice/default"
CUSTOMER = Party(number="+390212345")


def ada(**changes: Any) -> User:
    """Licensed; extension 2001, which is +390551232001 from outside; a second line, 2101."""
    return user("ada", "2001", **{"lines": (pair("2001", "+390551232001"), pair("2101", None)), **changes})


def ben(**changes: Any) -> User:
    """Licensed; extension 2002."""
    return user("ben", "2002", **changes)


def user(name: str, extension: str, /, *, licensed: bool = True, **changes: Any) -> User:
    values: dict[str, Any] = {
        "id": name,
        "email": f"{name.capitalize()}@example.com",
        "lines": (pair(extension, None),),
        "licences": frozenset({Licence.CALL_RECORDING} if licensed else ()),
    }
    return User(**{**values, **changes})


def pair(extension: str | None, e164: str | None) -> Line:
    return line(extension=extension, e164=e164)


def number(text: str, identity: Identity = Identity.UNKNOWN) -> Party:
    return Party(number=text, identity=identity)


def named(reference: str, identity: Identity = Identity.USER) -> Party:
    return Party(user=reference, identity=identity)


def inbound(**changes: Any) -> Call:
    """A customer calls Ada."""
    return call(**{"calling": CUSTOMER, "called": number("2001"), **changes})


def outbound(**changes: Any) -> Call:
    """Ada calls a customer."""
    return call(**{"calling": number("2001"), "called": CUSTOMER, **changes})


def call(**changes: Any) -> Call:
    return Call(**{"native_id": "native-1", "conversation": "conversation-1", **changes})


def config(*, always_on: bool = True, **sections: Any) -> RecorderConfig:
    """Everybody always on, in a RecordingPolicy, unless said otherwise."""
    default = PolicySection(default_mode=Mode.ALWAYS_ON if always_on else Mode.ON_DEMAND, object=POLICY)
    return RecorderConfig(**{"policy": default, **sections})


def policy(**values: Any) -> PolicySection:
    return PolicySection(**{"default_mode": Mode.ALWAYS_ON, "object": POLICY, **values})


def override(name: str, mode: Mode, where: str = "UserPolicy/voice/sales") -> Override:
    return Override(user=name, mode=mode, object=where)


def listed(*patterns: str, where: str = "Blacklist/voice/main") -> tuple[BlacklistEntry, ...]:
    return tuple(BlacklistEntry(pattern=pattern, object=where, entry=pattern) for pattern in patterns)


HOUSE = Directory.of([ada(), ben(), user("carla", "2003", licensed=False)])

INSIDE_5 = next(name for name in map(str, range(1000)) if inside_limit(name, 5))
OUTSIDE_95 = next(name for name in map(str, range(1000)) if not inside_limit(name, 95))
"""Conversations: inside a limit of 5 % and so of every higher one, outside one of 95 % and so of every lower one."""


def rules_of(decision: SegmentDecision) -> list[Rule]:
    return [step.rule for step in decision.decisions[0].steps]
