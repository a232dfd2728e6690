"""All settings in force on one page, each with the object and the place it comes from: as values, and as text."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callkeeper.manifests.located import Place
from callkeeper.policy.config import RecorderConfig, Source
from callkeeper.reconcile.changes import ShowPattern, show_entry

FIRST_SHOWN = 5
"""Entries of a list that are shown; the file has them all, and a terminal has few lines."""

_ALL = 100
_TOGGLES = {
    "group calls and meetings": ("groupMeetingAndUnparked", "group_meeting_and_unparked"),
    "internal calls": ("internal", "internal"),
    "external calls": ("external", "external"),
    "inbound calls": ("inbound", "inbound"),
    "outbound calls": ("outbound", "outbound"),
}
"""The filter's toggles in words: the field in the manifest, and the attribute in the config."""

Locate = Callable[[Source], Place | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting.

    Attributes:
        name: the setting, in words.
        value: what is in force, in words.
        object: `kind/namespace/name` it comes from; None where the built-in default stands.
        entry: the entry or field inside the object.
        place: the file and line; None where that is not known.
    """

    name: str
    value: str
    object: str | None = None
    entry: str = ""
    place: Place | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        place = None
        if self.place is not None:
            place = {"file": self.place.file, "line": self.place.line, "column": self.place.column}
        return {"name": self.name, "value": self.value, "object": self.object, "entry": self.entry, "place": place}


def settings_page(config: RecorderConfig, locate: Locate, show: ShowPattern = str) -> tuple[Line, ...]:
    """Every setting of a config, in the order a decision asks for them.

    Args:
        config: what is in force.
        locate: finds settings in files.
        show: how a pattern may be shown: as it is to who asked for it, masked in what a log may keep.
    """

    def line(name: str, value: str, source: str | None, entry: str = "") -> Line:
        place = locate(Source(object=source, entry=entry)) if source else None
        return Line(name=name, value=value, object=source, entry=entry, place=place)

    return tuple(_lines(config, line, show))


def _hold_words(extra_retention: str) -> str:
    match extra_retention:
        case "disabled":
            return "holds are disabled"
        case "unlimited":
            return "a hold keeps without end"
        case _:
            return f"a hold adds {extra_retention}"


def settings_brief(config: RecorderConfig, locate: Locate, show: ShowPattern = str) -> tuple[Line, ...]:
    """The same in a few lines, for a terminal that shall say more than this."""
    policy, filters, retention = config.policy, config.filter, config.retention

    def line(name: str, value: str, source: str | None, entry: str = "") -> Line:
        place = locate(Source(object=source, entry=entry)) if source else None
        return Line(name=name, value=value, object=source, entry=entry, place=place)

    off = [name for name, entry in _TOGGLES.items() if not getattr(filters, entry[1])]
    first_off = _TOGGLES[off[0]][0] if off else ""
    limit = "" if policy.always_on_limit_percent == _ALL else f", {policy.always_on_limit_percent} % of always-on calls"
    lines = [line("incomplete", "nothing is recorded until it is valid or gone", text) for text in config.missing]
    lines += [line("default mode", policy.default_mode.value + limit, policy.object, "defaultMode")]
    if policy.overrides:
        first = policy.overrides[0]
        users = ", ".join(f"{one.user} {one.mode.value}" for one in policy.overrides[:2])
        more = f", {len(policy.overrides) - 2} more" if len(policy.overrides) > 2 else ""  # noqa: PLR2004 - two are shown
        lines.append(line("overrides", users + more, first.object, first.user))
    lines.append(line("filter", f"not recorded: {', '.join(off)}" if off else "all calls", filters.object, first_off))
    lines += _blacklist(config, line, show)
    lines.append(
        line(
            "retention",
            f"{retention.retention}; {_hold_words(retention.extra_retention)}",
            retention.object,
            "retention",
        )
    )
    return tuple(lines)


def _lines(config: RecorderConfig, line: Callable[..., Line], show: ShowPattern) -> Iterator[Line]:
    for text in config.missing:
        yield line("incomplete", "nothing is recorded until this object is valid or gone", text)
    yield from _blacklist(config, line, show)
    filters = config.filter
    for name, (entry, attribute) in _TOGGLES.items():
        yield line(name, "on" if getattr(filters, attribute) else "off: not recorded", filters.object, entry)
    yield line("unknown direction", filters.unknown_direction.value, filters.object, "unknownDirection")
    if filters.internal_numbers:
        shown = _first(filters.internal_numbers, show)
        yield line("internal numbers", f"{len(filters.internal_numbers)}: {shown}", filters.object, "internalNumbers")
    policy = config.policy
    yield line("default mode", policy.default_mode.value, policy.object, "defaultMode")
    limit = f"{policy.always_on_limit_percent} % of conversations; beyond: {policy.sampled_out.value}"
    if policy.always_on_limit_percent == _ALL:
        limit = "none: all of them"
    yield line("always-on limit", limit, policy.object, "alwaysOnLimitPercent")
    yield line("on demand captures", policy.capture.value, policy.object, "capture")
    for override in policy.overrides[:FIRST_SHOWN]:
        yield line("override", f"{override.user} {override.mode.value}", override.object, override.user)
    if len(policy.overrides) > FIRST_SHOWN:
        yield line("override", f"… {len(policy.overrides) - FIRST_SHOWN} more users", None)
    retention = config.retention
    yield line("retention", retention.retention, retention.object, "retention")
    yield line("a hold adds", retention.extra_retention, retention.object, "extraRetention")
    yield line("minimum retention", retention.minimum_retention, retention.object, "minimumRetention")
    audit = config.audit
    words = f"{audit.retention}, rotated {audit.rotation}, as {audit.application_name}"
    words += ", compressed by day" if audit.compress_closed else ""
    yield line("audit log", words, audit.object, "retention")


def _blacklist(config: RecorderConfig, line: Callable[..., Line], show: ShowPattern) -> Iterator[Line]:
    counts = Counter(entry.object for entry in config.blacklist)
    if not counts:
        yield line("blacklist", "empty", None)
    for key, count in sorted(counts.items())[:FIRST_SHOWN]:
        entries = list(dict.fromkeys(entry.entry for entry in config.blacklist if entry.object == key))
        noun = "pattern" if count == 1 else "patterns"
        yield line("blacklist", f"{count:,} {noun}: {_first(entries, show)}", key, entries[0])
    if len(counts) > FIRST_SHOWN:
        yield line("blacklist", f"… {len(counts) - FIRST_SHOWN} more objects", None)


def _first(entries: Sequence[str], show: ShowPattern) -> str:
    shown = ", ".join(show_entry(entry, show) for entry in entries[:FIRST_SHOWN])
    return shown if len(entries) <= FIRST_SHOWN else f"{shown}, …"


def change_words(details: Mapping[str, Any]) -> str:
    """What changed, in words, from the details of an audit row."""
    if "summary" in details:
        return str(details["summary"])
    parts = []
    before, after = details.get("from", {}), details.get("to", {})
    if "entries" in after and "entries" in before:
        parts.append(_list_words("entries", details))
    else:
        for name in after:
            if name == "object" and len(after) > 1:
                continue
            parts.append(f"{name}: {_word(before.get(name))} → {_word(after[name])}")
    if isinstance(details.get("internalNumbers"), Mapping):
        parts.append("internalNumbers: " + _list_words("entries", details["internalNumbers"]))
    user = f"{details['user']} " if "user" in details else ""
    return user + "; ".join(parts)


def _list_words(noun: str, details: Mapping[str, Any]) -> str:
    changes = []
    for sign, name in (("+", "added"), ("-", "removed")):
        if name in details:
            shown = ", ".join(details[name]["entries"][:FIRST_SHOWN])
            more = ", …" if details[name]["count"] > FIRST_SHOWN else ""
            changes.append(f"{sign}{details[name]['count']} ({shown}{more})")
    return f"{details['from']['entries']} → {details['to']['entries']} {noun} {' '.join(changes)}"


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
