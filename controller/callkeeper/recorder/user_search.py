"""Finds users among a hundred thousand: by words in name, surname and e-mail address, and by whether overridden.

The searched text of all users is one string, looked through by the string search of the language: some milliseconds
for the longest directory, where asking user by user takes a hundred.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.rules import Rules


class UserSearch:
    """A directory with its text; made anew when the directory changes."""

    def __init__(self, directory: Directory, texts: list[str] | None = None) -> None:
        """Take in the directory.

        Args:
            directory: the users.
            texts: what is searched, by the order of ids, where it is known already.
        """
        self.directory = directory
        self._texts = [_text(directory.users[name]) for name in directory.order] if texts is None else texts
        # Words hold no line feed, so that none is found across two users.
        self._whole = "\n".join(self._texts)
        self._starts = list(accumulate((len(text) + 1 for text in self._texts), initial=0))
        self._overridden: tuple[RecorderConfig | None, frozenset[str]] = (None, frozenset())

    def with_changes(self, directory: Directory, changed: Iterable[User]) -> "UserSearch":
        """The same for the next directory; quick when nobody came or went."""
        if directory.order is not self.directory.order:
            return UserSearch(directory)
        texts = list(self._texts)
        for user in changed:
            texts[bisect_right(directory.order, user.id) - 1] = _text(user)
        return UserSearch(directory, texts)

    def page(
        self,
        *,
        words: str,
        overridden: bool | None,
        config: RecorderConfig | None,
        seen: Callable[[User], bool],
        after: str | None,
        limit: int,
    ) -> list[User]:
        """The first users who fit, ordered by id.

        Args:
            words: all of them have to be in name, surname or e-mail address, whatever their case.
            overridden: only users with (True) or without (False) an override of the mode.
            config: with the overrides.
            seen: whether the one who asks may see a user.
            after: only users with a greater id.
            limit: how many at most.
        """
        first = 0 if after is None else bisect_right(self.directory.order, after)
        with_override = self._overridden_ids(config) if overridden is not None else frozenset()
        users = map(self.directory.users.__getitem__, self._matching(words.casefold().split(), first))
        fitting = (
            user for user in users if (overridden is None or (user.id in with_override) is overridden) and seen(user)
        )
        return list(islice(fitting, limit))

    def _matching(self, words: list[str], first: int) -> Iterator[str]:
        order, texts, starts = self.directory.order, self._texts, self._starts
        if not words:
            yield from islice(order, first, None)
            return
        # The longest is the rarest, as a rule.
        rarest, *others = sorted(words, key=len, reverse=True)
        at = self._whole.find(rarest, starts[first])
        while at >= 0:
            place = bisect_right(starts, at) - 1
            if all(word in texts[place] for word in others):
                yield order[place]
            at = self._whole.find(rarest, starts[place + 1])

    def _overridden_ids(self, config: RecorderConfig | None) -> frozenset[str]:
        known, found = self._overridden
        if config is None:
            return frozenset()
        if known is not config:
            rules = Rules.of(config)
            users = self.directory.users
            found = frozenset(name for name, user in users.items() if rules.override_of(user) is not None)
            self._overridden = config, found
        return found


def _text(user: User) -> str:
    return f"{user.name} {user.surname} {user.email}".casefold()
