"""Who a party is, with the directory at hand: the users it may be, its numbers, and whether it is one of ours.

Facts:
    - A party's `identity` is the signalling's word and wins over what its number looks like. `guest` and `federated`
      belong to another organisation, whatever number they show, and are never taken for a user of ours; `service` is
      an endpoint of ours and nobody's; `anonymous` is external and only a reference (the platform knows who hides)
      makes it a user of ours. `user` and `unknown` are looked up: by reference, failing that by number.
    - A line that several users own says nothing about who answered. A reference does.
    - The same parties come back all day, so what was found is remembered beside the directory, which does not change.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import StrEnum

from callkeeper.policy.call import Identity, Party
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.numbers import normalize_number

REMEMBERED = 32_768
"""Parties remembered per directory: at about 0.5 kB each some 16 MB, and the busy hour of a large site."""

Memory = MutableMapping[tuple[str | None, str | None, Identity], "Recognized"]
_CACHED = "_recognized"


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
        names: what an override may call the user: directory id, then e-mail address, case-folded.
        shared_line: found as one of several owners of a line, because who answered is not known.
    """

    reference: str
    standing: Standing
    names: tuple[str, ...] = ()
    shared_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """A party as the directory knows it.

    Attributes:
        numbers: what patterns are held against: the signalled number, normalized, and the other form of the same line
            where the directory pairs the two; empty without a number. A user's other lines are not among them.
        users: ids of the directory users it may be: one, several owners of a shared line, or none.
        recorded: those of them a decision is taken for when the source names nobody; of the owners of a shared line
            only those whose calls may be recorded.
        internal: whether it belongs to the organisation; None where only `internalNumbers` can tell.
        service: whether it is a service endpoint.
    """

    numbers: tuple[str, ...]
    users: tuple[str, ...]
    recorded: tuple[RecordedUser, ...]
    internal: bool | None
    service: bool


def recognize(party: Party, directory: Directory) -> Recognized:
    """What the directory knows of this party."""
    memory: Memory | None = directory.__dict__.get(_CACHED)
    if memory is not None:
        known = memory.get((party.number, party.user, party.identity))
        if known is not None:
            return known
    return _remember(party, directory)


def _remember(party: Party, directory: Directory) -> Recognized:
    # Beside the directory, and without a reference back to it: no cycle keeps a replaced directory in memory. Two
    # threads that meet here find the same and one of the two stays.
    memory: Memory = directory.__dict__.setdefault(_CACHED, {})
    if len(memory) >= REMEMBERED:
        memory.clear()
    known = _recognize(directory, party.number, party.user, party.identity)
    memory[party.number, party.user, party.identity] = known
    return known


def recorded_user(reference: str, directory: Directory) -> RecordedUser:
    """The user a source named by directory id or e-mail address."""
    user = directory.find(reference)
    return RecordedUser(reference=reference, standing=Standing.UNKNOWN) if user is None else _person(user)


def _person(user: User, *, shared_line: bool = False) -> RecordedUser:
    if user.recordable:
        standing = Standing.RECORDABLE
    else:
        standing = Standing.NOT_LICENSED if user.in_service else Standing.DISABLED
    names = (user.id.casefold(), user.email.casefold()) if user.email else (user.id.casefold(),)
    return RecordedUser(reference=user.id, standing=standing, names=names, shared_line=shared_line)


def _recognize(directory: Directory, number: str | None, reference: str | None, identity: Identity) -> Recognized:
    normalized = None if number is None else normalize_number(number)
    users = _people(directory, normalized, reference, identity)
    return Recognized(
        numbers=() if normalized is None else (normalized, *sorted(directory.twins(normalized))),
        users=tuple(user.id for user in users),
        recorded=_recorded(users),
        internal=_internal(identity, users),
        service=identity is Identity.SERVICE,
    )


def _people(directory: Directory, number: str | None, reference: str | None, identity: Identity) -> tuple[User, ...]:
    if identity in {Identity.GUEST, Identity.FEDERATED, Identity.SERVICE}:
        return ()
    named = None if reference is None else directory.find(reference)
    if named is not None:
        return (named,)
    if identity is Identity.ANONYMOUS or number is None:
        return ()
    return directory.owners(number)


def _recorded(users: tuple[User, ...]) -> tuple[RecordedUser, ...]:
    if len(users) == 1:
        return (_person(users[0]),)
    return tuple(_person(user, shared_line=True) for user in users if user.recordable)


def _internal(identity: Identity, users: tuple[User, ...]) -> bool | None:
    match identity:
        case Identity.USER | Identity.SERVICE:
            return True
        case Identity.GUEST | Identity.FEDERATED | Identity.ANONYMOUS:
            return False
        case Identity.UNKNOWN:
            return True if users else None
