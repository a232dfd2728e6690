"""Finds users among a hundred thousand: by words in name, surname and e-mail address, and by whether overridden.

The searched text of all users is one string, looked through by the string search of the language: some milliseconds
for the longest directory, where asking user by user takes a hundred.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.rules import Rules

OFTEN = 20
"""A word that one user in so many has is looked for user by user: going from find to find costs ten times as much."""


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
        groups: frozenset[str] | None,
        after: str | None,
        limit: int,
    ) -> list[User]:
        """The first users who fit, ordered by id.

        Args:
            words: all of them have to be in name, surname or e-mail address, whatever their case.
            overridden: only users with (True) or without (False) an override of the mode.
            config: with the overrides.
            groups: only members of one of these; None for everybody.
            after: only users with a greater id.
            limit: how many at most.
        """
        first = 0 if after is None else bisect_right(self.directory.order, after)
        places = self._places(groups, first)
        found = self._matching(words.casefold().split(), places)
        order = self.directory.order
        if overridden is not None:
            with_override = self._overridden_ids(config)
            found = (place for place in found if (order[place] in with_override) is overridden)
        return [self.directory.users[order[place]] for place in islice(found, limit)]

    @cached_property
    def _members(self) -> dict[str, list[int]]:
        members: dict[str, list[int]] = {}
        for place, name in enumerate(self.directory.order):
            for group in self.directory.users[name].groups:
                members.setdefault(group, []).append(place)
        return members

    def _places(self, groups: frozenset[str] | None, first: int) -> Sequence[int]:
        """The places in the order of ids that are looked at, ascending."""
        if groups is None:
            return range(first, len(self.directory.order))
        return sorted({place for group in groups for place in self._members.get(group, ()) if place >= first})

    def _matching(self, words: list[str], places: Sequence[int]) -> Iterator[int]:
        """Those of the places whose text holds all the words."""
        texts = self._texts
        if not words:
            return iter(places)
        counts = {word: self._whole.count(word) for word in words}
        rarest, *others = sorted(counts, key=counts.__getitem__)
        if isinstance(places, range) and counts[rarest] <= len(places) // OFTEN:
            places = list(self._found(rarest, places.start))
        elif not counts[rarest]:
            places = ()
        return (place for place in places if rarest in (text := texts[place]) and all(one in text for one in others))

    def _found(self, word: str, first: int) -> Iterator[int]:
        """The places from this one on whose text holds the word."""
        starts = self._starts
        at = self._whole.find(word, starts[first])
        while at >= 0:
            place = bisect_right(starts, at) - 1
            yield place
            at = self._whole.find(word, starts[place + 1])

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
