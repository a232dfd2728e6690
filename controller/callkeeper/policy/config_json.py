"""The JSON form of a `RecorderConfig`, its canonical bytes and its revision.

The form travels to the recorder, which reads it back with `from_json`: everything is validated again there, because a
recorder trusts no client with who gets recorded. Each section carries a version; a recorder says which sections and
versions it supports (`SECTIONS`), so that a new section needs no redesign.

Facts:
    - Lists are sorted and without repetition, members of an object are in the order of their names, there is no white
      space: equal configs have equal bytes (in the spirit of RFC 8785; only strings, booleans and integers occur).
    - `revision` is the SHA-256 of those bytes, in hex.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as _quoted
from operator import attrgetter
from typing import Any

from callkeeper.kinds.pattern import is_canonical
from callkeeper.kinds.terms import Capture, Mode, SampledOut, UnknownDirection
from callkeeper.policy.config import (
    AuditSection,
    BlacklistEntry,
    FilterSection,
    Override,
    PolicySection,
    RecorderConfig,
    RetentionSection,
)
from callkeeper.policy.config_reader import ConfigError, Reader

__all__ = ["SECTIONS", "ConfigError", "canonical_bytes", "from_json", "revision", "to_json"]

SECTIONS: Mapping[str, int] = {
    "policy": 1,
    "filter": 1,
    "blacklist": 1,
    "retention": 1,
    "audit": 1,
    "completeness": 1,
}
"""The sections this release reads and writes, with their versions."""


_BLACKLIST_MEMBERS = frozenset({"pattern", "object", "entry"})


def to_json(config: RecorderConfig) -> dict[str, Any]:
    """The config as plain JSON values, one member a section."""
    sections = _sections(config)
    sections["policy"]["overrides"] = [
        {"user": override.user, "mode": override.mode.value, "object": override.object}
        for override in _overrides(config)
    ]
    sections["blacklist"]["entries"] = [
        {"pattern": one.pattern, "object": one.object, "entry": one.entry} for one in _entries(config)
    ]
    return sections


def _overrides(config: RecorderConfig) -> list[Override]:
    return sorted(config.policy.overrides, key=attrgetter("user", "mode", "object"))


def _entries(config: RecorderConfig) -> list[BlacklistEntry]:
    return sorted(dict.fromkeys(config.blacklist))


def _sections(config: RecorderConfig) -> dict[str, dict[str, Any]]:
    """All but the two lists that may be long."""
    policy, filters, retention, audit = config.policy, config.filter, config.retention, config.audit
    return {
        "policy": {
            "version": SECTIONS["policy"],
            "defaultMode": policy.default_mode.value,
            "alwaysOnLimitPercent": policy.always_on_limit_percent,
            "sampledOut": policy.sampled_out.value,
            "capture": policy.capture.value,
            "object": policy.object,
        },
        "filter": {
            "version": SECTIONS["filter"],
            "groupMeetingAndUnparked": filters.group_meeting_and_unparked,
            "internal": filters.internal,
            "external": filters.external,
            "inbound": filters.inbound,
            "outbound": filters.outbound,
            "unknownDirection": filters.unknown_direction.value,
            "internalNumbers": sorted(set(filters.internal_numbers)),
            "object": filters.object,
        },
        "blacklist": {
            "version": SECTIONS["blacklist"],
            **({} if config.blacklisted_before is None else {"countBefore": config.blacklisted_before}),
        },
        "retention": {
            "version": SECTIONS["retention"],
            "retention": retention.retention,
            "extraRetention": retention.extra_retention,
            "minimumRetention": retention.minimum_retention,
            "object": retention.object,
        },
        "audit": {
            "version": SECTIONS["audit"],
            "applicationName": audit.application_name,
            "rotation": audit.rotation,
            "retention": audit.retention,
            **({"compressClosed": True} if audit.compress_closed else {}),
            "object": audit.object,
        },
        "completeness": {"version": SECTIONS["completeness"], "missing": sorted(set(config.missing))},
    }


def canonical_bytes(config: RecorderConfig) -> bytes:
    """The one byte form of this config (UTF-8): that of `to_json`, made in a third of the time."""
    sections = {name: _members(section) for name, section in _sections(config).items()}
    sections["policy"]["overrides"] = _array(
        f'{{"mode":{_quoted(one.mode.value)},"object":{_quoted(one.object)},"user":{_quoted(one.user)}}}'
        for one in _overrides(config)
    )
    sections["blacklist"]["entries"] = _array(
        f'{{"entry":{_quoted(entry)},"object":{_quoted(source)},"pattern":{_quoted(pattern)}}}'
        for pattern, source, entry in _entries(config)
    )
    return _object({name: _object(members) for name, members in sections.items()}).encode()


def _members(section: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        for name, value in section.items()
    }


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join([f'"{name}":{members[name]}' for name in sorted(members)]) + "}"


def _array(texts: Iterable[str]) -> str:
    return "[" + ",".join(texts) + "]"


def revision(config: RecorderConfig) -> str:
    """SHA-256 of the canonical bytes, in hex; computed once per config value."""
    cached: str | None = config.__dict__.get("_revision")
    if cached is None:
        cached = hashlib.sha256(canonical_bytes(config)).hexdigest()
        config.__dict__["_revision"] = cached
    return cached


def from_json(value: object) -> RecorderConfig:
    """Read a config and validate all of it again.

    A section that is left out stands for its defaults.

    Raises:
        ConfigError: a member is missing, unknown, of the wrong type or out of its bounds, or a section has a version
            this release does not read; names the JSON path.
    """
    root = Reader.of(value, "$")
    root.only(SECTIONS.keys())
    sections = {name: _section(root, name) for name in SECTIONS}
    return RecorderConfig(
        policy=_policy(sections["policy"]),
        filter=_filter(sections["filter"]),
        blacklist=_blacklist(sections["blacklist"]),
        blacklisted_before=_blacklisted_before(sections["blacklist"]),
        retention=_retention(sections["retention"]),
        audit=_audit(sections["audit"]),
        missing=_missing(sections["completeness"]),
    )


def _section(root: Reader, name: str) -> Reader | None:
    section = root.optional_object(name)
    if section is not None:
        section.version(SECTIONS[name])
    return section


def _policy(section: Reader | None) -> PolicySection:
    if section is None:
        return PolicySection()
    section.only({"defaultMode", "alwaysOnLimitPercent", "sampledOut", "capture", "object", "overrides"})
    overrides = []
    for item in section.objects("overrides"):
        item.only({"user", "mode", "object"})
        overrides.append(
            Override(user=item.user("user"), mode=item.word("mode", Mode), object=item.object_key("object"))
        )
    users = [override.user for override in overrides]
    if len(set(users)) != len(users):
        raise ConfigError(section.path + ".overrides", "one user has more than one override")
    return PolicySection(
        default_mode=section.word("defaultMode", Mode),
        always_on_limit_percent=section.percent_step("alwaysOnLimitPercent"),
        sampled_out=section.word("sampledOut", SampledOut),
        capture=section.word("capture", Capture),
        object=section.optional_object_key("object"),
        overrides=tuple(sorted(overrides)),
    )


def _filter(section: Reader | None) -> FilterSection:
    if section is None:
        return FilterSection()
    toggles = ("groupMeetingAndUnparked", "internal", "external", "inbound", "outbound")
    section.only({*toggles, "unknownDirection", "internalNumbers", "object"})
    return FilterSection(
        group_meeting_and_unparked=section.boolean("groupMeetingAndUnparked"),
        internal=section.boolean("internal"),
        external=section.boolean("external"),
        inbound=section.boolean("inbound"),
        outbound=section.boolean("outbound"),
        unknown_direction=section.word("unknownDirection", UnknownDirection),
        internal_numbers=tuple(sorted(set(section.patterns("internalNumbers")))),
        object=section.optional_object_key("object"),
    )


def _blacklist(section: Reader | None) -> tuple[BlacklistEntry, ...]:
    if section is None:
        return ()
    section.only({"entries", "countBefore"})
    known: dict[str, str] = {}
    # They come sorted, which sorting them again hardly costs; a set would lose that.
    entries = [
        _usual_entry(item.members, known) or _blacklist_entry(item, known) for item in section.objects("entries")
    ]
    return tuple(sorted(dict.fromkeys(entries)))


def _usual_entry(members: Mapping[str, Any], known: Mapping[str, str]) -> BlacklistEntry | None:
    """A canonical pattern that stands so in an object seen before, as most do; None for any other entry."""
    pattern, source = members.get("pattern"), members.get("object")
    if not (isinstance(pattern, str) and isinstance(source, str) and source in known and is_canonical(pattern)):
        return None
    is_usual = members.get("entry") == pattern and len(members) == len(_BLACKLIST_MEMBERS)
    return BlacklistEntry(pattern, known[source], pattern) if is_usual else None


def _blacklist_entry(item: Reader, known: dict[str, str]) -> BlacklistEntry:
    """An object's name is checked once, since it stands in each of its entries."""
    item.only(_BLACKLIST_MEMBERS)
    source = item.members.get("object")
    if not isinstance(source, str) or source not in known:
        source = item.object_key("object")
        known[source] = source
    pattern = item.pattern("pattern")
    # Most entries are patterns as they stand: one text in memory, and one check, does for both.
    entry = pattern if item.members.get("entry") == pattern else item.text("entry", most=129)
    return BlacklistEntry(pattern, known[source], entry)


def _blacklisted_before(section: Reader | None) -> int | None:
    return None if section is None else section.optional_count("countBefore")


def _retention(section: Reader | None) -> RetentionSection:
    if section is None:
        return RetentionSection()
    section.only({"retention", "extraRetention", "minimumRetention", "object"})
    return RetentionSection(
        retention=section.retention("retention"),
        extra_retention=section.extra_retention("extraRetention"),
        minimum_retention=section.minimum_retention("minimumRetention"),
        object=section.optional_object_key("object"),
    )


def _audit(section: Reader | None) -> AuditSection:
    if section is None:
        return AuditSection()
    section.only({"applicationName", "rotation", "retention", "compressClosed", "object"})
    return AuditSection(
        application_name=section.text("applicationName", most=64),
        rotation=section.text("rotation", most=16),
        retention=section.retention("retention"),
        compress_closed="compressClosed" in section.members and section.boolean("compressClosed"),
        object=section.optional_object_key("object"),
    )


def _missing(section: Reader | None) -> tuple[str, ...]:
    if section is None:
        return ()
    section.only({"missing"})
    return tuple(sorted(set(section.object_keys("missing"))))
