"""What changed from one config to the next, as the audit log tells it: a pure difference.

One change per setting that has an audit action of its own, per Blacklist and per user. Lists are given as counts, a
hash of the whole and the first changed entries; numbers only as the audit log may hold them (`NumberMask`). Who did it
and when is added by `events`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.kinds.terms import OverrideMode
from callkeeper.policy.config import BlacklistEntry, Override, RecorderConfig

MAX_ROWS_OF_ONE_KIND = 50
"""Rows of one action in one change; what goes beyond is one summary row. A team moved to a new policy is a commit of
thousands of users: the log needs to say so, not to repeat git."""

MAX_ENTRIES_SHOWN = 20
"""Changed entries of a list that a row names; the rest is in its counts and its hash."""

HASH_DIGITS = 16
"""64 bits tell two lists apart; nobody chooses them to collide, since the whole stands in git."""

ShowPattern = Callable[[str], str]
"""How a pattern may stand in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that changed.

    Attributes:
        action: what the row says was done.
        object: `kind/namespace/name` that says so now, or said so last; None where several do or a default took over.
        details: fields of the row's Details, but for what `events` adds.
    """

    action: Action
    object: str | None
    details: Mapping[str, Any]


def config_changes(before: RecorderConfig | None, after: RecorderConfig, show: ShowPattern) -> tuple[Change, ...]:
    """Every change from one config to the next, in a fixed order.

    Args:
        before: what was in force; None before the first config, which is told against the defaults.
        after: what is in force now.
        show: masks a pattern.
    """
    old = before or RecorderConfig()
    return (
        *_policy(old, after),
        *_filter(old, after, show),
        *_bounded(list(_overrides(old, after)), Action.SET_USER_POLICY, "users"),
        *_bounded(list(_blacklist(old, after, show)), Action.UPDATE_BLACKLIST, "objects"),
        *_retention(old, after),
        *_audit(old, after),
    )


def _policy(old: RecorderConfig, new: RecorderConfig) -> Iterator[Change]:
    before, after = old.policy, new.policy
    source = after.object or before.object
    moved = {"object": (before.object, after.object)}
    mode = {
        "defaultMode": (before.default_mode.value, after.default_mode.value),
        "capture": (before.capture.value, after.capture.value),
    }
    limit = {
        "alwaysOnLimitPercent": (before.always_on_limit_percent, after.always_on_limit_percent),
        "sampledOut": (before.sampled_out.value, after.sampled_out.value),
    }
    yield from _fields(Action.UPDATE_DEFAULT_POLICY, source, {**mode, **moved})
    yield from _fields(Action.UPDATE_RECORDING_LIMIT, source, limit)


def _filter(old: RecorderConfig, new: RecorderConfig, show: ShowPattern) -> Iterator[Change]:
    before, after = old.filter, new.filter
    fields: dict[str, tuple[Any, Any]] = {
        "groupMeetingAndUnparked": (before.group_meeting_and_unparked, after.group_meeting_and_unparked),
        "internal": (before.internal, after.internal),
        "external": (before.external, after.external),
        "inbound": (before.inbound, after.inbound),
        "outbound": (before.outbound, after.outbound),
        "unknownDirection": (before.unknown_direction.value, after.unknown_direction.value),
        "object": (before.object, after.object),
    }
    extra = {}
    if before.internal_numbers != after.internal_numbers:
        extra["internalNumbers"] = list_difference(before.internal_numbers, after.internal_numbers, show)
    yield from _fields(Action.UPDATE_RECORDING_FILTER, after.object or before.object, fields, extra)


def _retention(old: RecorderConfig, new: RecorderConfig) -> Iterator[Change]:
    before, after = old.retention, new.retention
    source = after.object or before.object
    moved = {"object": (before.object, after.object)}
    yield from _fields(Action.UPDATE_RETENTION, source, {"retention": (before.retention, after.retention), **moved})
    yield from _fields(
        Action.UPDATE_EXTRA_RETENTION, source, {"extraRetention": (before.extra_retention, after.extra_retention)}
    )
    yield from _fields(
        Action.UPDATE_MINIMUM_RETENTION,
        source,
        {"minimumRetention": (before.minimum_retention, after.minimum_retention)},
    )


def _audit(old: RecorderConfig, new: RecorderConfig) -> Iterator[Change]:
    before, after = old.audit, new.audit
    fields = {
        "applicationName": (before.application_name, after.application_name),
        "rotation": (before.rotation, after.rotation),
        "retention": (before.retention, after.retention),
        "compressClosed": (before.compress_closed, after.compress_closed),
        "object": (before.object, after.object),
    }
    yield from _fields(Action.UPDATE_AUDIT_LOG, after.object or before.object, fields)


def _overrides(old: RecorderConfig, new: RecorderConfig) -> Iterator[Change]:
    before = {override.user: override for override in old.policy.overrides}
    after = {override.user: override for override in new.policy.overrides}
    for user in sorted(before.keys() | after.keys()):
        was, now = before.get(user), after.get(user)
        if was == now:
            continue
        fields = {"mode": (_mode(was), _mode(now)), "object": (was and was.object, now and now.object)}
        source = now.object if now else was.object if was else None
        yield from _fields(Action.SET_USER_POLICY, source, fields, {"user": user})


def _mode(override: Override | None) -> str:
    return override.mode.value if override else OverrideMode.DEFAULT.value


def _blacklist(old: RecorderConfig, new: RecorderConfig, show: ShowPattern) -> Iterator[Change]:
    before, after = _by_object(old.blacklist), _by_object(new.blacklist)
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, ()), after.get(key, ())
        if was != now:
            details = list_difference(
                sorted({entry.entry for entry in was}), sorted({entry.entry for entry in now}), show
            )
            yield Change(action=Action.UPDATE_BLACKLIST, object=key, details=details)


def _by_object(entries: Sequence[BlacklistEntry]) -> dict[str, tuple[BlacklistEntry, ...]]:
    grouped: dict[str, list[BlacklistEntry]] = {}
    for entry in entries:
        grouped.setdefault(entry.object, []).append(entry)
    return {key: tuple(sorted(own)) for key, own in grouped.items()}


def list_difference(before: Sequence[str], after: Sequence[str], show: ShowPattern) -> dict[str, Any]:
    """How two lists of patterns or ranges differ: counts and hash of each, and the first entries that changed."""
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    details: dict[str, Any] = {
        "from": {"entries": len(before), "sha256": _digest(before, show)},
        "to": {"entries": len(after), "sha256": _digest(after, show)},
    }
    for name, entries in (("added", added), ("removed", removed)):
        if entries:
            shown = [show_entry(entry, show) for entry in entries[:MAX_ENTRIES_SHOWN]]
            details[name] = {"count": len(entries), "entries": shown}
    return details


def show_entry(entry: str, show: ShowPattern) -> str:
    """An entry as it may be shown: a pattern, or a range `first-last`."""
    return "-".join(show(part) for part in entry.split("-"))


def _digest(entries: Sequence[str], show: ShowPattern) -> str:
    """Tells two lists apart; taken of what may be shown, or a list of one number could be found by trying them all."""
    return sha256("\n".join(show_entry(entry, show) for entry in entries).encode()).hexdigest()[:HASH_DIGITS]


def _fields(
    action: Action,
    source: str | None,
    fields: Mapping[str, tuple[Any, Any]],
    extra: Mapping[str, Any] | None = None,
) -> Iterator[Change]:
    """One change that names the fields that differ; none where nothing does."""
    differing = {name: pair for name, pair in fields.items() if pair[0] != pair[1] and not _appears(name, pair)}
    if not differing and not (extra and extra.keys() - {"user"}):
        return
    details = {
        "from": {name: pair[0] for name, pair in differing.items()},
        "to": {name: pair[1] for name, pair in differing.items()},
        **(extra or {}),
    }
    yield Change(action=action, object=source, details=details)


def _appears(name: str, pair: tuple[Any, Any]) -> bool:
    """Whether an object took over from the defaults, or left to them.

    Its values tell, and where none differ nothing changed. One object taking over from another is told.
    """
    return name == "object" and None in pair


def _bounded(changes: list[Change], action: Action, what: str) -> Iterator[Change]:
    """The first changes, and one that counts the rest."""
    yield from changes[:MAX_ROWS_OF_ONE_KIND]
    rest = changes[MAX_ROWS_OF_ONE_KIND:]
    if not rest:
        return
    text = "\n".join(f"{change.object} {sorted(change.details.items())}" for change in rest)
    objects = sorted({change.object for change in rest if change.object})
    details = {
        what: len(rest),
        "summary": f"{len(rest)} more {what} changed likewise",
        "sha256": _digest([text], str),
        "objects": objects[:MAX_ENTRIES_SHOWN] if what == "users" else len(objects),
    }
    yield Change(action=action, object=objects[0] if len(objects) == 1 else None, details=details)
