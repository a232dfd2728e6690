"""Who changed an object: a port, answered in a folder from git and in a cluster from the API server."""

from dataclasses import dataclass
from typing import Protocol

from callkeeper.kinds.finding import ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who changed settings.

    Attributes:
        email: an e-mail address, else a user name, else `system:<component>`: the audit row's Email.
        ip_address: where from; empty when unknown.
        author: who wrote the change, where that is known and somebody else than who applied it; or None.
        commit: the git commit that brought it, or None.
    """

    email: str
    ip_address: str = ""
    author: str | None = None
    commit: str | None = None


class Attribution(Protocol):
    """Knows who changed an object last."""

    def actor(self, key: ObjectKey) -> Actor:
        """Who wrote the object as it is now, or removed it. Never fails: at worst it names the component."""
        ...

    def fingerprint(self, key: ObjectKey) -> str:
        """A short text that differs whenever the object's own text does; empty when there is no such object."""
        ...


class Unattributed:
    """For sources that know nobody: every change is the component's own."""

    def __init__(self, component: str = "reconcile") -> None:
        self._actor = Actor(email=f"system:{component}")

    def actor(self, key: ObjectKey) -> Actor:  # noqa: ARG002 - the port's signature
        """See `Attribution.actor`."""
        return self._actor

    def fingerprint(self, key: ObjectKey) -> str:
        """See `Attribution.fingerprint`; without a source to look at, an object's name is all there is."""
        return str(key)
