"""A call record of Microsoft Graph: what there was, told after the end, as our calls.

Facts (Graph v1.0: callRecord, session, segment, participantEndpoint, serviceEndpoint, participant, organizer):
    - A record comes after the call has ended, and its id is the `callChainId` of the calls it is about.
    - A call between peers has a session, rarely several; each has `caller` and `callee`. A session's id is no call id:
      which of the bot's calls it was cannot be told.
    - A group call has one session per participant, each towards the meeting. `joinWebUrl` is a meeting's.
    - An endpoint names its identity as an identity set (`identity`) or as a user (`associatedIdentity`); a service
      endpoint names none. PSTN segments inside a session are the platform's own and say nothing more about parties.
    - `participants` and `organizer` are deprecated in favour of `participants_v2` and `organizer_v2`; both are read.
    - A notification of a record holds its id alone: whoever wants the rest asks Graph for it.
"""

from callkeeper.policy.call import Call, CallKind, Identity, Party
from callkeeper.recorder.teams.identities import Tenants, party_of_set, party_of_user
from callkeeper.recorder.teams.reading import Object, as_object, id_member, list_member, object_member, text_member


def read_record(record: Object, path: str, tenants: Tenants) -> tuple[Call, ...]:
    """The calls of a record: one per session between peers, one in all for a group call; none where nobody is named.

    Raises:
        GraphError: a member is not what the schema says.
    """
    conversation = id_member(record, "id", path)
    if conversation is None:
        return ()
    sessions = _sessions(record, path, tenants)
    everybody = _participants(record, path, tenants)
    if text_member(record, "type", path) == "groupCall":
        ends = [party for _, caller, callee in sessions for party in (caller, callee) if party is not None]
        parties = everybody or tuple(dict.fromkeys(party for party in ends if party.identity is not Identity.SERVICE))
        # A join address may be as long as any address; only that there is one matters.
        kind = CallKind.MEETING if record.get("joinWebUrl") else CallKind.GROUP
        if not parties:
            return ()
        return (Call(native_id=conversation, conversation=conversation, kind=kind, participants=parties),)
    if sessions:
        return tuple(
            Call(native_id=name or conversation, conversation=conversation, calling=caller, called=callee)
            for name, caller, callee in sessions
            if caller is not None or callee is not None
        )
    if not everybody:
        return ()
    return (_between(conversation, _organizer(record, path, tenants), everybody),)


def _between(conversation: str, organizer: Party | None, everybody: tuple[Party, ...]) -> Call:
    """A call of which only the participants are told: the organizer is who placed it."""
    others = tuple(party for party in everybody if party != organizer)
    if organizer is None or len(others) != 1:
        return Call(native_id=conversation, conversation=conversation, participants=everybody)
    return Call(native_id=conversation, conversation=conversation, calling=organizer, called=others[0])


def _sessions(record: Object, path: str, tenants: Tenants) -> tuple[tuple[str | None, Party | None, Party | None], ...]:
    found = []
    for at, value in enumerate(list_member(record, "sessions", path) or ()):
        where = f"{path}.sessions[{at}]"
        session = as_object(value, where)
        caller, callee = (_endpoint(session, name, where, tenants) for name in ("caller", "callee"))
        found.append((id_member(session, "id", where), caller, callee))
    return tuple(found)


def _endpoint(session: Object, name: str, path: str, tenants: Tenants) -> Party | None:
    endpoint = object_member(session, name, path)
    if endpoint is None:
        return None
    where = f"{path}.{name}"
    if (identity := object_member(endpoint, "identity", where)) is not None:
        return party_of_set(identity, f"{where}.identity", tenants)
    if (user := object_member(endpoint, "associatedIdentity", where)) is not None:
        return party_of_user(user, f"{where}.associatedIdentity", tenants)
    word = text_member(endpoint, "@odata.type", where) or ""
    return Party(identity=Identity.SERVICE) if word.endswith("serviceEndpoint") else None


def _participants(record: Object, path: str, tenants: Tenants) -> tuple[Party, ...]:
    found = []
    for at, value in enumerate(list_member(record, "participants_v2", path) or ()):
        where = f"{path}.participants_v2[{at}]"
        identity = object_member(as_object(value, where), "identity", where)
        found.append(None if identity is None else party_of_set(identity, f"{where}.identity", tenants))
    if not found:
        for at, value in enumerate(list_member(record, "participants", path) or ()):
            where = f"{path}.participants[{at}]"
            found.append(party_of_set(as_object(value, where), where, tenants))
    return tuple(party for party in found if party is not None)


def _organizer(record: Object, path: str, tenants: Tenants) -> Party | None:
    if (organizer := object_member(record, "organizer_v2", path)) is not None:
        identity = object_member(organizer, "identity", f"{path}.organizer_v2")
        return None if identity is None else party_of_set(identity, f"{path}.organizer_v2.identity", tenants)
    organizer = object_member(record, "organizer", path)
    return None if organizer is None else party_of_set(organizer, f"{path}.organizer", tenants)
