"""A notification of Microsoft Graph (`commsNotification`): what it is about, and what it tells.

Facts:
    - `resource` or `resourceUrl` names what changed: `/communications/calls/<id>` (formerly `/app/calls/<id>`), below
      it `participants`, and things that say nothing about parties (`operations`, `contentSharingSessions`, …); or
      `/communications/callRecords/<id>`.
    - `resourceData` is the resource or the changed part of it; one participant or a list of those that changed.
    - `changeType` `deleted` of a call is its end, of a participant that it has left.
"""

import re
from dataclasses import dataclass
from typing import Any

from callkeeper.policy.call import Call
from callkeeper.recorder import bounds
from callkeeper.recorder.teams.call_records import read_record
from callkeeper.recorder.teams.call_resource import CallResource, Entry, read_call, read_participant
from callkeeper.recorder.teams.identities import Tenants
from callkeeper.recorder.teams.reading import GraphError, as_list, as_object, id_member, one_form, text_member

MOST_ADDRESS_CHARACTERS = 2_048
"""The address of a resource."""

_CALL = re.compile(
    r"(?:https?://[^/]+(?:/v1\.0|/beta)?)?/(?:app|communications)/calls/([^/]+)(?:/([^/?]+)(?:/([^/?]+))?)?/?"
)
_RECORD = re.compile(r"(?:.*/)?communications/callRecords/([^/?]+)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """A call is there, or something about it is another.

    Attributes:
        native_id: which.
        told: what is told of it.
        over: it has ended.
    """

    native_id: str
    told: CallResource
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantsChanged:
    """Participants came, changed or left.

    Attributes:
        native_id: of the call.
        entries: those that are told of, by participant id.
    """

    native_id: str
    entries: tuple[tuple[str, Entry], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCreated:
    """A call record: everything of this conversation is over.

    Attributes:
        conversation: its id, which is the `callChainId` of the calls.
        calls: what the record says there was; empty where it is told by its id alone.
    """

    conversation: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Irrelevant:
    """About something that is nothing to a recorder: an operation, a tone, shared content.

    Attributes:
        native_id: of the call.
    """

    native_id: str


Notification = CallChanged | ParticipantsChanged | RecordCreated | Irrelevant


def read_notification(value: object, path: str, tenants: Tenants) -> Notification:
    """Read one entry of `commsNotifications.value`.

    Raises:
        GraphError: it is not what the schema says, or about no call.
    """
    notification = as_object(value, path)
    change = text_member(notification, "changeType", path)
    data = notification.get("resourceData")
    address = text_member(notification, "resourceUrl", path, MOST_ADDRESS_CHARACTERS) or text_member(
        notification, "resource", path, MOST_ADDRESS_CHARACTERS
    )
    record = _RECORD.fullmatch(address or "")
    if record is not None:
        told = {} if data is None else as_object(data, f"{path}.resourceData")
        return RecordCreated(
            conversation=id_member(told, "id", f"{path}.resourceData") or one_form(record[1]),
            calls=read_record(told, f"{path}.resourceData", tenants),
        )
    named = _CALL.fullmatch(address or "")
    if named is None:
        raise GraphError(f"{path}.resourceUrl", "expected the address of a call, its participants, or a call record")
    if len(named[1]) > bounds.IDENTIFIER_CHARACTERS:
        raise GraphError(
            f"{path}.resourceUrl", f"the call's id has more than {bounds.IDENTIFIER_CHARACTERS} characters"
        )
    native_id = one_form(named[1])
    if named[2] is None:
        told = {} if data is None else as_object(data, f"{path}.resourceData")
        read = read_call(told, f"{path}.resourceData", tenants)
        # The id inside is the same in another spelling; the address is what every notification has.
        return CallChanged(native_id=native_id, told=read, over=change == "deleted" or read.over)
    if named[2] != "participants":
        return Irrelevant(native_id=native_id)
    entries = _entries(data, f"{path}.resourceData", tenants, change, named[3])
    return ParticipantsChanged(native_id=native_id, entries=entries)


def _entries(
    data: Any, path: str, tenants: Tenants, change: str | None, participant: str | None
) -> tuple[tuple[str, Entry], ...]:
    """The participants told of. One whose identity is not told keeps the one it had."""
    listed = as_list(data, path, bounds.PARTIES) if isinstance(data, list) else [{} if data is None else data]
    found = []
    for at, value in enumerate(listed):
        where = f"{path}[{at}]" if isinstance(data, list) else path
        name, entry = read_participant(value, where, tenants)
        name = name or (None if participant is None or len(listed) > 1 else one_form(participant))
        if name is None:
            raise GraphError(f"{where}.id", "expected the participant's id here or in the address")
        if change == "deleted":
            entry = Entry(party=entry.party, here=False, sequence=entry.sequence)
        found.append((name, entry))
    return tuple(found)
