"""A call resource of Microsoft Graph, as far as deciding needs it: read whole or in part, and merged over time.

Facts (Graph v1.0: call, participantInfo, invitationParticipantInfo, callRoute, incomingContext, participant; the
policy-based recording example of `call: answer`):
    - A notification carries the members that changed. What is absent is as it was.
    - A recording bot is called: the call's `direction` is the bot's, `source` is the recorded user when
      `incomingContext.observedParticipantId` is there, and `targets` is the bot. Who called whom is told by
      `applicationMetadata.botData`: `user.participationMethod` of the recorded user, and `otherSideUser`.
    - In any other call `source` placed it, `targets` were called, whatever `direction` says: it is the bot's view of
      the same two ends.
    - `tokenMeetingInfo` is how a recording bot joins any call; only `organizerMeetingInfo`, `joinMeetingIdMeetingInfo`
      and a `19:meeting_` thread make it a meeting. `19:…@unq.gbl.spaces` is the chat of two.
    - `callRoutes` in order: `forwarded` (a diversion), `lookup` (a number resolved to somebody), `selfFork` (the same
      user's other devices: no diversion).
    - The bot itself, and recorders beside it, are participants with media and no parties.
    - `isMultiParty` and other members of `botData` that no page describes are not looked at.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from callkeeper.policy.call import CallKind, Party
from callkeeper.recorder import bounds
from callkeeper.recorder.teams.identities import Tenants, party_of_address, party_of_set
from callkeeper.recorder.teams.reading import (
    Object,
    as_object,
    flag_member,
    id_member,
    list_member,
    number_member,
    object_member,
    text_member,
)

MOST_ROUTES = 100
"""Diversions of one call: the platform stops far earlier."""

_MEETING_TYPES = ("organizerMeetingInfo", "joinMeetingIdMeetingInfo")
_GROUP_THREADS = ("@thread.v2", "@thread.tacv2", "@thread.skype")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of the call.

    Attributes:
        party: who.
        participants: the ids this end has in the call's list of participants; empty where none is told.
        replaces: the call that this end leaves for this one, or None.
    """

    party: Party
    participants: frozenset[str] = frozenset()
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the call was retargeted once.

    Attributes:
        original: who it was for.
        final: who it went to.
        forwarded: a diversion; else a number resolved to somebody.
    """

    original: Party | None
    final: Party | None
    forwarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One participant as last told.

    Attributes:
        party: who; None where the identity names nobody, or is not told.
        here: takes part; not in the lobby and not removed.
        sequence: the list's sequence number at this entry's last change; -1 where none is told.
    """

    party: Party | None
    here: bool
    sequence: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResource:
    """What a call resource tells; None is what it does not tell.

    Attributes:
        chain: `callChainId`.
        state: `state`.
        kind: a meeting or a group call by its chat or meeting; None: not told, as between peers.
        source: who placed the call, or the recorded user when observed.
        targets: who was called, the bot itself left out.
        routes: the diversions, those to own devices left out.
        observed: the call is there to record its source; never false again.
        placed: whether the observed user placed the call.
        other: the other side of the observed user.
        on_behalf_of: whom the observed user stands in for.
        transferor: who transferred the call here.
        recorders: participants that record.
        participants: the whole list, by participant id.
    """

    chain: str | None = None
    state: str | None = None
    kind: CallKind | None = None
    source: End | None = None
    targets: tuple[End, ...] | None = None
    routes: tuple[Route, ...] | None = None
    observed: bool | None = None
    placed: bool | None = None
    other: End | None = None
    on_behalf_of: Party | None = None
    transferor: Party | None = None
    recorders: frozenset[str] | None = None
    participants: tuple[tuple[str, Entry], ...] | None = None

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.state == "terminated"

    def merged(self, later: "CallResource") -> "CallResource":
        """This, with what the later one tells."""
        told: dict[str, Any] = {
            name: value for name in _NAMES if (value := getattr(later, name)) is not None and name != "recorders"
        }
        if later.recorders is not None:
            told["recorders"] = later.recorders | (self.recorders or frozenset())
        return replace(self, **told)


_NAMES = tuple(field.name for field in fields(CallResource))


def read_call(resource: Object, path: str, tenants: Tenants) -> CallResource:
    """Read a call resource or the part of one that a notification carries.

    Raises:
        GraphError: a member is not what the schema says.
    """
    me = id_member(resource, "myParticipantId", path)
    incoming = object_member(resource, "incomingContext", path)
    data_path = f"{path}.applicationMetadata.botData"
    metadata = object_member(resource, "applicationMetadata", path)
    data = None if metadata is None else object_member(metadata, "botData", f"{path}.applicationMetadata")
    told: dict[str, Any] = {} if incoming is None else _incoming(incoming, f"{path}.incomingContext", tenants)
    observed_ids = told.pop("observed_ids", frozenset())
    source = object_member(resource, "source", path)
    end = None if source is None else _end(source, f"{path}.source", tenants)
    if end is not None and me is not None and me in end.participants:
        # The bot placed the call itself, to join a meeting.
        end = None
    if end is not None and told.get("observed"):
        end = replace(end, participants=end.participants | observed_ids)
    recorders = ({me} if me is not None else set()) | (set() if data is None else _recorders(data, data_path))
    return CallResource(
        chain=id_member(resource, "callChainId", path),
        state=text_member(resource, "state", path),
        kind=_kind(resource, path),
        source=end,
        targets=_targets(resource, path, tenants, me),
        routes=_routes(resource, path, tenants),
        placed=None if data is None else _placed(data, data_path),
        other=None if data is None else _other(data, data_path, tenants),
        recorders=frozenset(recorders) or None,
        participants=_participants(resource, path, tenants),
        **told,
    )


def read_participant(value: object, path: str, tenants: Tenants) -> tuple[str | None, Entry]:
    """Read one participant: its id and what is told of it.

    Raises:
        GraphError: a member is not what the schema says.
    """
    participant = as_object(value, path)
    info = object_member(participant, "info", path)
    party = None if info is None else _party_of_info(info, f"{path}.info", tenants)
    here = not flag_member(participant, "isInLobby", path) and object_member(participant, "removedState", path) is None
    sequence = number_member(participant, "rosterSequenceNumber", path)
    return id_member(participant, "id", path), Entry(
        party=party, here=here, sequence=-1 if sequence is None else sequence
    )


def _participants(resource: Object, path: str, tenants: Tenants) -> tuple[tuple[str, Entry], ...] | None:
    values = list_member(resource, "participants", path)
    if values is None:
        return None
    read = [read_participant(value, f"{path}.participants[{at}]", tenants) for at, value in enumerate(values)]
    return tuple((name, entry) for name, entry in read if name is not None)


def _incoming(incoming: Object, path: str, tenants: Tenants) -> dict[str, Any]:
    observed = id_member(incoming, "observedParticipantId", path)
    source = id_member(incoming, "sourceParticipantId", path)
    told: dict[str, Any] = {}
    if observed is not None:
        told = {"observed": True, "observed_ids": frozenset({observed, source} - {None})}
    for name, field in (("onBehalfOf", "on_behalf_of"), ("transferor", "transferor")):
        if (identity := object_member(incoming, name, path)) is not None:
            told[field] = party_of_set(identity, f"{path}.{name}", tenants)
    return told


def _end(info: Object, path: str, tenants: Tenants) -> End | None:
    party = _party_of_info(info, path, tenants)
    if party is None:
        return None
    participant = id_member(info, "id", path)
    return End(
        party=party,
        participants=frozenset() if participant is None else frozenset({participant}),
        replaces=id_member(info, "replacesCallId", path),
    )


def _party_of_info(info: Object, path: str, tenants: Tenants) -> Party | None:
    identity = object_member(info, "identity", path)
    endpoint = text_member(info, "endpointType", path)
    return None if identity is None else party_of_set(identity, f"{path}.identity", tenants, endpoint=endpoint)


def _targets(resource: Object, path: str, tenants: Tenants, me: str | None) -> tuple[End, ...] | None:
    values = list_member(resource, "targets", path)
    if values is None:
        return None
    paths = [f"{path}.targets[{at}]" for at in range(len(values))]
    ends = [_end(as_object(value, where), where, tenants) for value, where in zip(values, paths, strict=True)]
    return tuple(end for end in ends if end is not None and (me is None or me not in end.participants))


def _routes(resource: Object, path: str, tenants: Tenants) -> tuple[Route, ...] | None:
    values = list_member(resource, "callRoutes", path, MOST_ROUTES)
    if values is None:
        return None
    routes = []
    for at, value in enumerate(values):
        where = f"{path}.callRoutes[{at}]"
        route = as_object(value, where)
        original, final = (object_member(route, name, where) for name in ("original", "final"))
        word = text_member(route, "routingType", where)
        if word == "selfFork":
            continue
        routes.append(
            Route(
                original=None if original is None else party_of_set(original, f"{where}.original", tenants),
                final=None if final is None else party_of_set(final, f"{where}.final", tenants),
                forwarded=word != "lookup",
            )
        )
    return tuple(routes)


def _kind(resource: Object, path: str) -> CallKind | None:
    meeting = object_member(resource, "meetingInfo", path)
    kind = None if meeting is None else text_member(meeting, "@odata.type", f"{path}.meetingInfo")
    chat = object_member(resource, "chatInfo", path)
    thread = None if chat is None else text_member(chat, "threadId", f"{path}.chatInfo", bounds.REFERENCE_CHARACTERS)
    if (kind is not None and kind.endswith(_MEETING_TYPES)) or (thread or "").startswith("19:meeting_"):
        return CallKind.MEETING
    return CallKind.GROUP if (thread or "").endswith(_GROUP_THREADS) else None


def _placed(data: Object, path: str) -> bool | None:
    user = object_member(data, "user", path)
    other = object_member(data, "otherSideUser", path)
    own = None if user is None else text_member(user, "participationMethod", f"{path}.user")
    if own is not None and own.lower() in {"caller", "callee"}:
        return own.lower() == "caller"
    theirs = None if other is None else text_member(other, "participationMethod", f"{path}.otherSideUser")
    return None if theirs is None or theirs.lower() not in {"caller", "callee"} else theirs.lower() == "callee"


def _other(data: Object, path: str, tenants: Tenants) -> End | None:
    other = object_member(data, "otherSideUser", path)
    if other is None:
        return None
    where = f"{path}.otherSideUser"
    address = id_member(other, "id", where, bounds.REFERENCE_CHARACTERS)
    participant = id_member(other, "participantId", where)
    if address is None and participant is None:
        return None
    tenant = id_member(other, "tenantId", where)
    return End(
        party=Party() if address is None else party_of_address(address, tenant, tenants),
        participants=frozenset() if participant is None else frozenset({participant}),
    )


def _recorders(data: Object, path: str) -> set[str]:
    found = set()
    for name in ("pairedRecorders", "otherRecorders"):
        for at, value in enumerate(list_member(data, name, path) or ()):
            where = f"{path}.{name}[{at}]"
            participant = id_member(as_object(value, where), "participantId", where)
            found |= {participant} if participant is not None else set()
    return found
