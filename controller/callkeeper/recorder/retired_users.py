"""Deleted users, as far as they are remembered: so that nobody else gets the id, and with it the recordings."""

from dataclasses import dataclass
from hashlib import sha256

from callkeeper.policy.directory import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What is remembered of a deleted user.

    Attributes:
        at: the instant of the deletion, as the API writes it.
        email: SHA-256 (hex) of the e-mail address, folded; empty when there was none.
    """

    at: str
    email: str

    @classmethod
    def of(cls, user: User, at: str) -> "Retired":
        """What is remembered of this user."""
        return cls(at=at, email=_hash(user.email))

    def is_same(self, user: User) -> bool:
        """Whether this is the same person as far as can be told: the same e-mail address."""
        return bool(self.email) and self.email == _hash(user.email)


def _hash(email: str) -> str:
    return sha256(email.casefold().encode()).hexdigest() if email else ""
