"""The JSON form of a config: read back whole, refused with a path where it is wrong, one byte form for one config."""

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.terms import Mode
from callkeeper.policy.config import (
    AuditSection,
    BlacklistEntry,
    FilterSection,
    Override,
    PolicySection,
    RecorderConfig,
)
from callkeeper.policy.config_json import ConfigError, canonical_bytes, from_json, revision, to_json

FULL = RecorderConfig(
    policy=PolicySection(
        default_mode=Mode.ALWAYS_ON,
        always_on_limit_percent=60,
        overrides=(Override(user="ada@example.com", mode=Mode.ON_DEMAND, object="UserPolicy/voice/a"),),
        object="RecordingPolicy/voice/main",
    ),
    filter=FilterSection(internal=False, internal_numbers=("2XXX",), object="RecordingFilter/voice/main"),
    blacklist=(
        BlacklistEntry(pattern="+39!", object="Blacklist/voice/a", entry="+39!"),
        BlacklistEntry(pattern="911", object="Blacklist/voice/b", entry="911"),
    ),
    missing=("Blacklist/voice/c",),
    blacklisted_before=40,
)


def changed(path: str, value: object) -> dict:
    found = copy.deepcopy(to_json(FULL))
    place = found
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return found


def test_a_config_reads_back_as_itself():
    assert from_json(to_json(FULL)) == FULL
    assert from_json(to_json(RecorderConfig())) == RecorderConfig()


def test_compression_of_the_log_is_a_member_only_where_it_is_on_so_that_older_configs_keep_their_revision():
    assert "compressClosed" not in to_json(RecorderConfig())["audit"]
    on = RecorderConfig(audit=AuditSection(compress_closed=True))
    assert from_json(to_json(on)) == on
    assert revision(on) != revision(RecorderConfig())


def test_a_section_left_out_stands_for_its_defaults():
    assert from_json({}) == RecorderConfig()


def test_equal_configs_have_equal_bytes_whatever_the_order_of_their_lists():
    turned = RecorderConfig(
        policy=FULL.policy,
        filter=FULL.filter,
        blacklist=FULL.blacklist[::-1] * 2,
        missing=FULL.missing * 2,
        blacklisted_before=40,
    )
    assert canonical_bytes(turned) == canonical_bytes(FULL)
    assert revision(turned) == revision(FULL)
    assert revision(FULL) != revision(RecorderConfig())


NASTY = st.text(st.characters(codec="utf-8"), max_size=8)


@given(
    st.lists(st.builds(BlacklistEntry, pattern=NASTY, object=NASTY, entry=NASTY), max_size=4),
    st.lists(st.builds(Override, user=NASTY, mode=st.sampled_from(Mode), object=NASTY), max_size=4),
    st.none() | st.integers(0, 10**6),
)
def test_the_canonical_bytes_are_those_of_the_sorted_json(entries, overrides, before):
    config = RecorderConfig(
        policy=PolicySection(overrides=tuple(overrides)), blacklist=tuple(entries), blacklisted_before=before
    )
    text = json.dumps(to_json(config), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_bytes(config) == text.encode()


@pytest.mark.parametrize(
    ("path", "value", "where", "what"),
    [
        ("policy.version", 2, "$.policy.version", "version 1 is read"),
        ("policy.defaultMode", "Sometimes", "$.policy.defaultMode", "AlwaysOn, OnDemand"),
        ("policy.defaultMode", "Default", "$.policy.defaultMode", "AlwaysOn, OnDemand"),
        ("policy.alwaysOnLimitPercent", 7, "$.policy.alwaysOnLimitPercent", "steps of 5"),
        ("policy.alwaysOnLimitPercent", True, "$.policy.alwaysOnLimitPercent", "steps of 5"),
        ("policy.alwaysOnLimitPercent", 105, "$.policy.alwaysOnLimitPercent", "0 to 100"),
        ("policy.overrides.0.user", "", "$.policy.overrides[0].user", "printable"),
        ("policy.overrides.0.object", "somebody", "$.policy.overrides[0].object", "kind/namespace/name"),
        ("policy.overrides.0.extra", 1, "$.policy.overrides[0]", "unknown member 'extra'"),
        ("policy.overrides", {}, "$.policy.overrides", "a list is wanted"),
        ("policy.overrides", [7], "$.policy.overrides[0]", "an object is wanted here, not a number"),
        ("filter.internal", "no", "$.filter.internal", "true or false"),
        ("filter.internal", None, "$.filter.internal", "nothing"),
        ("filter.internalNumbers", ["2Y"], "$.filter.internalNumbers[0]", "'Y' at position 2"),
        ("filter.surprise", 1, "$.filter", "unknown member 'surprise'"),
        ("blacklist.entries.1.pattern", "9Y", "$.blacklist.entries[1].pattern", "'Y' at position 2"),
        ("blacklist.entries.1.pattern", 911, "$.blacklist.entries[1].pattern", "a string is wanted here"),
        ("blacklist.entries.1.entry", "9\n", "$.blacklist.entries[1].entry", "printable"),
        ("blacklist.countBefore", -1, "$.blacklist.countBefore", "whole number"),
        ("blacklist.countBefore", True, "$.blacklist.countBefore", "whole number"),
        ("retention.retention", "90 days", "$.retention.retention", ""),
        ("retention.extraRetention", "forever", "$.retention.extraRetention", ""),
        ("retention.minimumRetention", "0d", "$.retention.minimumRetention", ""),
        ("audit.retention", "soon", "$.audit.retention", ""),
        ("audit.compressClosed", "yes", "$.audit.compressClosed", "true or false"),
        ("completeness.missing", ["x"], "$.completeness.missing[0]", "kind/namespace/name"),
        ("surprise", {}, "$", "unknown member 'surprise'"),
        ("policy", [], "$.policy", "an object is wanted here, not a list"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(path, value, where, what):
    with pytest.raises(ConfigError) as error:
        from_json(changed(path, value))
    assert error.value.path == where
    assert what in error.value.message


def test_one_user_with_two_overrides_is_refused():
    twice = [{"user": user, "mode": "AlwaysOn", "object": "UserPolicy/v/a"} for user in ("Ada", "aDA")]
    with pytest.raises(ConfigError, match="more than one override"):
        from_json(changed("policy.overrides", twice))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["policy", "filter", "blacklist", "retention", "audit", "completeness"]))
def test_whatever_comes_in_only_a_config_error_comes_out(value, section):
    for candidate in (value, {section: value}, {section: {"version": 1, "entries": value, "overrides": value}}):
        with contextlib.suppress(ConfigError):
            assert isinstance(from_json(candidate), RecorderConfig)


def test_an_error_never_quotes_what_may_be_a_number_of_a_party():
    with pytest.raises(ConfigError) as error:
        from_json(changed("blacklist.entries.0.object", "+390212345"))
    assert "390212345" not in str(error.value)


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ({"pattern": "39x", "entry": "39x"}, None),
        ({"pattern": "39X", "entry": "390-399"}, None),
        ({"pattern": "39Y", "entry": "39Y"}, "not allowed"),
        ({"pattern": "39X", "entry": "39X", "extra": 1}, "unknown member 'extra'"),
        ({"pattern": "39X", "entry": "39X", "object": ["Blacklist/voice/a"]}, "a string is wanted"),
        ({"pattern": "39X"}, "a string is wanted"),
    ],
)
def test_an_entry_of_an_object_seen_before_is_checked_like_the_first(second, what):
    first = {"pattern": "112", "entry": "112", "object": "Blacklist/voice/a"}
    value = {"blacklist": {"version": 1, "entries": [first, {"object": "Blacklist/voice/a"} | second]}}
    if what is None:
        assert [one.pattern for one in from_json(value).blacklist] == ["112", "39X"]
        return
    with pytest.raises(ConfigError, match=what) as error:
        from_json(value)
    assert error.value.path.startswith("$.blacklist.entries[1]")
