"""The cluster that `cluster_scale` measures on: 5,000 objects over 50 recorders, made the same way every time.

Two thousand UserPolicies, 2,500 Blacklists of 20 numbers, 50 Recorders, and 450 singletons of which more than half are
in conflict with an older one: what a grown cluster looks like.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from callkeeper.kinds.terms import API_VERSION

RECORDERS_OF_A_NAMESPACE = 5

Object = dict[str, Any]

_SINGLETONS: dict[str, dict[str, Any]] = {
    "RecordingPolicy": {"defaultMode": "OnDemand", "alwaysOnLimitPercent": 60},
    "RecordingFilter": {"internal": False},
    "RetentionRule": {"retention": "90d", "extraRetention": "365d"},
    "AuditLog": {"rotation": "daily"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many of each.

    Attributes:
        recorders: with four singletons each.
        user_policies: with five overrides each.
        blacklists: with 20 numbers each.
        conflicting: further singletons, none of which comes into force.
    """

    recorders: int
    user_policies: int
    blacklists: int
    conflicting: int

    @property
    def namespaces(self) -> int:
        """How many namespaces they live in."""
        return -(-self.recorders // RECORDERS_OF_A_NAMESPACE)

    @property
    def objects(self) -> int:
        """How many objects it is altogether."""
        return self.recorders * 5 + self.user_policies + self.blacklists + self.conflicting


FULL = Size(recorders=50, user_policies=2000, blacklists=2500, conflicting=250)
QUICK = Size(recorders=10, user_policies=80, blacklists=100, conflicting=10)


def namespace_of(recorder: int) -> str:
    """Where a recorder lives."""
    return f"scale-{recorder // RECORDERS_OF_A_NAMESPACE}"


def name_of(recorder: int) -> str:
    """What its Recorder is called."""
    return f"recorder-{recorder}"


def objects(size: Size, endpoints: list[str]) -> Iterator[Object]:
    """All of them, the older singletons before those in conflict with them."""
    for recorder, endpoint in enumerate(endpoints):
        metadata = {"name": name_of(recorder), "namespace": namespace_of(recorder)}
        spec = {"endpoint": endpoint, "credentialsSecretRef": {"name": "recorder-token"}}
        yield {"apiVersion": API_VERSION, "kind": "Recorder", "metadata": metadata, "spec": spec}
        for kind, values in _SINGLETONS.items():
            yield attached(kind, recorder, f"a-{recorder}", values)
    for number in range(size.user_policies):
        overrides = [{"user": f"user-{number}-{n}@example.com", "mode": "AlwaysOn"} for n in range(5)]
        yield attached("UserPolicy", number % size.recorders, f"team-{number}", {"overrides": overrides})
    for number in range(size.blacklists):
        yield blacklist(number, size)
    for number in range(size.conflicting):
        kind = list(_SINGLETONS)[number % len(_SINGLETONS)]
        recorder = number // len(_SINGLETONS) % size.recorders
        yield attached(kind, recorder, f"b-{number}", _SINGLETONS[kind])


def blacklist(number: int, size: Size, *, change: int = 0) -> Object:
    """A Blacklist of 20 numbers; the last one is another for each change."""
    numbers = [{"pattern": f"+39{number:05}{n:03}"} for n in range(19)]
    numbers.append({"pattern": f"+40{number:05}{change:05}"})
    return attached("Blacklist", number % size.recorders, f"list-{number}", {"numbers": numbers})


def long_blacklist(recorder: int, name: str, count: int, *, head: str) -> Object:
    """A Blacklist of many numbers."""
    return attached("Blacklist", recorder, name, {"numbers": [{"pattern": f"{head}{n:07}"} for n in range(count)]})


def attached(kind: str, recorder: int, name: str, values: dict[str, Any]) -> Object:
    """A settings object of a recorder."""
    metadata = {"name": name, "namespace": namespace_of(recorder)}
    spec = {"recorderRef": {"name": name_of(recorder)}, **values}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
