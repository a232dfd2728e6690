"""Events and answers as JSON, in both directions: what the client writes the collector reads, and the other way round.

Plain parsing into frozen values; everything read is bounded (`bounds`), and a text says which member is wrong.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from callkeeper.audit.actions import Action
from callkeeper.audit.collector import bounds
from callkeeper.audit.errors import AuditError, EventError
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.nesting import deeper_than

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})")
_ACTIONS: Mapping[str, Action] = {action.value: action for action in Action}
_DETAILS_DEPTH = bounds.JSON_DEPTH - 4
"""Levels of a value in Details: above it are the batch, its list, the event and Details."""

_NESTED = (list, dict)
_BATCH = frozenset({"sender", "events"})
_REQUIRED = frozenset({"sequence", "at", "action"})
_MEMBERS = _REQUIRED | {"email", "ipAddress", "appName", "details"}


class WireError(AuditError, ValueError):
    """What was received is not what was agreed.

    Attributes:
        members: further members of the problem document, which event it is for one.
    """

    problem = "invalid-request"

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        self.members = members


class MalformedJson(WireError):  # noqa: N818 - named as the problem type is
    """It is not JSON, or nested too deeply."""

    problem = "malformed-json"


class InvalidEvent(WireError):  # noqa: N818 - named as the problem type is
    """An event of a batch cannot become a row."""

    problem = "invalid-event"


class OutOfOrder(WireError):  # noqa: N818 - named as the problem type is
    """The events of a batch do not ascend by sequence."""

    problem = "sequence-out-of-order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events of one sender, ascending by sequence.

    Attributes:
        sender: whose.
        events: at least one, at most `bounds.BATCH_EVENTS`.
    """

    sender: str
    events: tuple[AuditEvent, ...]


def event_json(event: AuditEvent) -> dict[str, Any]:
    """An event as a member of a batch."""
    return {
        "sequence": event.sequence,
        "at": (event.at if event.at.tzinfo is UTC else event.at.astimezone(UTC)).isoformat(),
        "email": event.email,
        "ipAddress": event.ip_address,
        "appName": event.app_name,
        "action": event.action.value,
        "details": dict(event.details),
    }


def batch_json(sender: str, events: Iterable[bytes]) -> bytes:
    """A batch, of events already encoded."""
    return b'{"sender":' + json.dumps(sender).encode() + b',"events":[' + b",".join(events) + b"]}"


def read_json(data: bytes) -> Any:
    """Bytes as JSON values.

    Raises:
        MalformedJson: they are none, hold NaN or Infinity, or are nested deeper than `bounds.JSON_DEPTH`.
    """
    value = _parsed(data)
    if data.count(b"[") + data.count(b"{") > bounds.JSON_DEPTH and deeper_than(bounds.JSON_DEPTH, value):
        raise _too_deep()
    return value


def read_batch(data: bytes) -> Batch:
    """The body of a delivery.

    Raises:
        WireError: it is something else; one subclass for each way of being so.
    """
    # Only Details may be nested, and are looked at one by one: a walk over a flat batch would cost a third of it all.
    body = read_object(_parsed(data), _BATCH, _BATCH)
    sender, raw = body["sender"], body["events"]
    if not isinstance(sender, str):
        raise WireError("`sender` is not a text")
    if not isinstance(raw, list) or not 1 <= len(raw) <= bounds.BATCH_EVENTS:
        raise WireError(f"`events` is not a list of 1 to {bounds.BATCH_EVENTS} events")
    events, before = [], 0
    for index, one in enumerate(raw):
        event = _read_event(sender, index, one)
        if event.sequence <= before:
            raise OutOfOrder(
                f"events[{index}] has sequence {event.sequence} after {before}: a sender's events ascend",
                index=index,
                sequence=event.sequence,
            )
        before = event.sequence
        events.append(event)
    return Batch(sender=sender, events=tuple(events))


def read_object(value: Any, required: frozenset[str], known: frozenset[str]) -> dict[str, Any]:
    """A JSON object with these members.

    Raises:
        WireError: it is something else; the message names the member.
    """
    if not isinstance(value, dict):
        raise WireError("the body is not a JSON object")
    if missing := sorted(required - value.keys()):
        raise WireError(f"`{missing[0]}` is missing")
    if unknown := sorted(value.keys() - known):
        raise WireError(f"`{unknown[0][:80]}` is not known here; what is: {', '.join(sorted(known))}")
    return value


def read_instant(text: Any) -> datetime:
    """An RFC 3339 date-time with its offset, as UTC.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(text, str) or _INSTANT.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 time with its offset, such as 2026-10-03T12:00:00Z")
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _read_event(sender: str, index: int, value: Any) -> AuditEvent:
    if not isinstance(value, dict):
        raise InvalidEvent(f"events[{index}] is not an object", index=index)
    sequence = value.get("sequence")
    try:
        if not _REQUIRED <= value.keys() <= _MEMBERS:
            _refuse_members(value)
        email, ip_address, app_name = value.get("email", ""), value.get("ipAddress", ""), value.get("appName", "")
        if not type(email) is type(ip_address) is type(app_name) is str:
            _refuse_texts(value)
        return AuditEvent(
            sender=sender,
            sequence=value["sequence"],
            at=read_instant(value["at"]),
            email=email,
            ip_address=ip_address,
            app_name=app_name,
            action=_action(value["action"]),
            details=_details(value),
        )
    except MalformedJson:
        raise
    except (ValueError, OverflowError, EventError) as error:
        named = sequence if type(sequence) is int else None
        raise InvalidEvent(f"events[{index}]: {error}", index=index, sequence=named) from error


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    details = event.get("details", {})
    if not isinstance(details, dict):
        raise ValueError("`details` is not an object")  # noqa: TRY004 - a value of the wire
    for inside in details.values():
        if isinstance(inside, _NESTED) and deeper_than(_DETAILS_DEPTH, inside):
            raise _too_deep()
    return details


def _action(name: Any) -> Action:
    found = _ACTIONS.get(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError("`action` is none of the taxonomy of this release; is the sender's newer?")
    return found


def _refuse_texts(value: Mapping[str, Any]) -> NoReturn:
    wrong = next(name for name in ("email", "ipAddress", "appName") if not isinstance(value.get(name, ""), str))
    raise ValueError(f"`{wrong}` is not a text")


def _refuse_members(value: Mapping[str, Any]) -> NoReturn:
    missing, unknown = sorted(_REQUIRED - value.keys()), sorted(value.keys() - _MEMBERS)
    raise ValueError(f"`{missing[0]}` is missing" if missing else f"`{unknown[0][:80]}` is not known here")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise MalformedJson(f"the body is not JSON: {error}") from error


def _too_deep() -> MalformedJson:
    return MalformedJson(f"the body has more than {bounds.JSON_DEPTH} levels of nesting")
