"""What reconciling needs of a recorder: the port, and the values that go through it.

Adapters: `http_recorder` (the recorder's HTTP API); the tests' fake keeps the same contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from callkeeper.policy.compile import Effects, UsedConfirmation
from callkeeper.policy.config import RecorderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderState:
    """What a recorder says it runs.

    Attributes:
        revision: of the config in force; None before the first. Always the revision of `config`: an adapter checks.
        owner: who programmed it; None before the first config.
        epoch: that owner's fencing epoch.
        config: what is in force.
        sections: the config sections it reads, with their versions.
        spent: `spent_key`s of the confirmations it remembers as used.
    """

    revision: str | None = None
    owner: str | None = None
    epoch: int = 0
    config: RecorderConfig | None = None
    sections: Mapping[str, int] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A config on its way to the recorder.

    Attributes:
        owner: whose recorder this is.
        epoch: the owner's fencing epoch; never lower than the one before.
        take_over: whether it is taken from another owner.
        confirmations: spent with this config.
        config: what is to be in force.
    """

    owner: str
    epoch: int
    take_over: bool = False
    confirmations: tuple[UsedConfirmation, ...] = ()
    config: RecorderConfig


class RecorderPort(Protocol):
    """A running recorder. Every method raises `RecorderError` (see `errors` for which)."""

    async def read(self) -> RecorderState:
        """What is in force."""
        ...

    async def runs(self, state: RecorderState) -> bool:
        """Whether it runs what this state says, as far as can be told cheaply; `read` leaves no doubt."""
        ...

    async def check(self, envelope: Envelope) -> Effects:
        """What putting this config would do; changes nothing."""
        ...

    async def put(self, envelope: Envelope, *, if_match: str | None) -> str:
        """Put a config in force, provided the revision in force is `if_match` (None: there is no config yet).

        Returns:
            The revision that is in force now, as the recorder says.
        """
        ...

    async def body(self, revision: str) -> RecorderConfig | None:
        """One of the last configs it keeps, or None where it keeps that one no more."""
        ...
