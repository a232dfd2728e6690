"""Who a party is, with the directory and the lists of numbers at hand: which users, of whose house, hit by what.

Facts:
    - A party's `identity` is the signalling's word and wins over what its number looks like. `guest` and `federated`
      belong to another organisation, whatever number they show, and are never taken for a user of ours; `service` is
      an endpoint of ours and nobody's; `anonymous` is external and only a reference (the platform knows who hides)
      makes it a user of ours. `user` and `unknown` are looked up: by reference, failing that by number.
    - A line that several users own says nothing about who answered. A reference does.
    - The same parties come back all day under the same settings, so what was found out is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from callkeeper.policy.call import Identity, Party
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.numbers import normalize_number
from callkeeper.policy.patterns import PatternSet

REMEMBERED = 32_768
"""Parties remembered per view: at about 0.5 kB each some 16 MB, and the busy hour of a large site."""

NOTHING = PatternSet(())


class Standing(StrEnum):
    """Whether a user's calls may be recorded at all.

    Attributes:
        RECORDABLE: licensed and in service.
        NOT_LICENSED: without the Call Recording licence.
        DISABLED: not in service, licensed or not.
        UNKNOWN: not in the directory.
    """

    RECORDABLE = "recordable"
    NOT_LICENSED = "notLicensed"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUser:
    """Somebody a decision is taken for.

    Attributes:
        reference: the directory id, or the reference as given where the directory has no such user.
        standing: the user's, in the directory.
        override: the user of the override that holds for this one (directory id or e-mail address, case-folded).
        shared_line: found as one of several owners of a line, because who answered is not known.
    """

    reference: str
    standing: Standing
    override: str | None = None
    shared_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """A party as it is seen.

    Attributes:
        users: ids of the directory users it may be: one, several owners of a shared line, or none.
        recorded: those of them a decision is taken for when the source names nobody; of the owners of a shared line
            only those whose calls may be recorded.
        internal: whether it belongs to the organisation.
        service: whether it is a service endpoint.
        hit: the smallest pattern of the blacklist that hits the signalled number, or the other form of the same line
            where the directory pairs the two. A user's other lines do not count.
    """

    users: tuple[str, ...]
    recorded: tuple[RecordedUser, ...]
    internal: bool
    service: bool
    hit: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """Recognizes parties, with one directory and the settings that speak of numbers and users.

    Attributes:
        directory: the users.
        blacklist: matches the numbers never recorded.
        internal_numbers: matches the numbers that count as the organisation's own.
        override_of: the user of the override that holds for a user, or None.
    """

    directory: Directory
    blacklist: PatternSet = NOTHING
    internal_numbers: PatternSet = NOTHING
    override_of: Callable[[User], str | None] = field(default=lambda _user: None)
    _memory: dict[tuple[str | None, str | None, Identity], Recognized] = field(default_factory=dict)

    def recognize(self, party: Party) -> Recognized:
        """What there is to know of this party."""
        key = (party.number, party.user, party.identity)
        known = self._memory.get(key)
        if known is None:
            # Two threads that meet here find the same, and one of the two stays.
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            known = self._recognize(*key)
            self._memory[key] = known
        return known

    def recorded_user(self, reference: str) -> RecordedUser:
        """The user a source named by directory id or e-mail address."""
        user = self.directory.find(reference)
        return RecordedUser(reference=reference, standing=Standing.UNKNOWN) if user is None else self._person(user)

    def _recognize(self, number: str | None, reference: str | None, identity: Identity) -> Recognized:
        normalized = None if number is None else normalize_number(number)
        numbers = () if normalized is None else (normalized, *self.directory.twins(normalized))
        users = self._people(normalized, reference, identity)
        return Recognized(
            users=tuple(user.id for user in users),
            recorded=self._recorded(users),
            internal=self._is_internal(identity, users, numbers),
            service=identity is Identity.SERVICE,
            hit=min((hit for hit in map(self.blacklist.match, numbers) if hit is not None), default=None),
        )

    def _people(self, number: str | None, reference: str | None, identity: Identity) -> tuple[User, ...]:
        if identity in {Identity.GUEST, Identity.FEDERATED, Identity.SERVICE}:
            return ()
        named = None if reference is None else self.directory.find(reference)
        if named is not None:
            return (named,)
        if identity is Identity.ANONYMOUS or number is None:
            return ()
        return self.directory.owners(number)

    def _recorded(self, users: tuple[User, ...]) -> tuple[RecordedUser, ...]:
        if len(users) == 1:
            return (self._person(users[0]),)
        return tuple(self._person(user, shared_line=True) for user in users if user.recordable)

    def _is_internal(self, identity: Identity, users: tuple[User, ...], numbers: tuple[str, ...]) -> bool:
        match identity:
            case Identity.USER | Identity.SERVICE:
                return True
            case Identity.GUEST | Identity.FEDERATED | Identity.ANONYMOUS:
                return False
            case Identity.UNKNOWN:
                return bool(users) or any(self.internal_numbers.match(number) for number in numbers)

    def _person(self, user: User, *, shared_line: bool = False) -> RecordedUser:
        return RecordedUser(
            reference=user.id,
            standing=_standing(user),
            override=self.override_of(user),
            shared_line=shared_line,
        )


def _standing(user: User) -> Standing:
    if user.recordable:
        return Standing.RECORDABLE
    return Standing.NOT_LICENSED if user.in_service else Standing.DISABLED
