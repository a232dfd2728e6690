"""The directory of now, with some users as they were: for those whose recording is running.

Facts about users are live, yet a running recording completes when its user or the licence is removed. Deciding again
for such a segment has to see the user as of the opening, or the licence rule would answer before the blacklist could.
"""

from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from callkeeper.policy.directory import Directory, User


@dataclass(frozen=True, kw_only=True)
class KeptUsers(Directory):
    """A directory in front of another one.

    Attributes:
        live: the directory of now.
        kept: the users who are as they were, by id.
    """

    live: Directory
    kept: dict[str, User]

    @classmethod
    def where_needed(cls, live: Directory, users: Iterable[User]) -> Directory:
        """The directory of now, and in front of it those of these users who may not be recorded any more."""
        kept = {user.id: user for user in users if (now := live.users.get(user.id)) is None or not now.recordable}
        if not kept:
            return live
        # A view, never written to: copying a large directory for one call would cost more than the decision.
        return cls(users=ChainMap(kept, cast("dict[str, User]", live.users)), live=live, kept=kept)

    def find(self, reference: str) -> User | None:
        """See `Directory.find`."""
        folded = reference.casefold()
        for user in self.kept.values():
            if reference == user.id or (user.email and folded == user.email.casefold()):
                return user
        return self.live.find(reference)

    def owners(self, number: str) -> tuple[User, ...]:
        """See `Directory.owners`."""
        found = {user.id: user for user in self.live.owners(number)}
        for user in self.kept.values():
            if any(number in line.numbers for line in user.lines):
                found[user.id] = user
        return tuple(user for _, user in sorted(found.items()))

    def twins(self, number: str) -> frozenset[str]:
        """See `Directory.twins`; a pair of a kept user's line still is one."""
        lines = (line for user in self.kept.values() for line in user.lines if number in line.numbers)
        own = {other for line in lines for other in line.numbers if other != number}
        return self.live.twins(number) | own

    @property
    def revision(self) -> str:
        """The live directory's."""
        return self.live.revision
