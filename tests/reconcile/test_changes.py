"""The difference of two configs, as rows tell it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.audit.actions import Action
from callkeeper.audit.mask import NumberMask
from callkeeper.kinds.terms import Mode
from callkeeper.policy.config import (
    BlacklistEntry,
    FilterSection,
    Override,
    PolicySection,
    RecorderConfig,
    RetentionSection,
)
from callkeeper.reconcile.changes import MAX_ENTRIES_SHOWN, MAX_ROWS_OF_ONE_KIND, config_changes

POLICY = "RecordingPolicy/default/default"


def entry(pattern: str, name: str = "numbers") -> BlacklistEntry:
    return BlacklistEntry(pattern=pattern, object=f"Blacklist/default/{name}", entry=pattern)


def override(user: str, mode: Mode = Mode.ALWAYS_ON, name: str = "sales") -> Override:
    return Override(user=user, mode=mode, object=f"UserPolicy/default/{name}")


configs = st.builds(
    RecorderConfig,
    policy=st.builds(
        PolicySection,
        default_mode=st.sampled_from(Mode),
        always_on_limit_percent=st.sampled_from(range(0, 101, 5)),
        object=st.just(POLICY),
        overrides=st.lists(
            st.builds(override, st.sampled_from("abcdef"), st.sampled_from(Mode)), unique_by=lambda one: one.user
        ).map(lambda found: tuple(sorted(found))),
    ),
    filter=st.builds(FilterSection, internal=st.booleans(), object=st.just("RecordingFilter/default/default")),
    blacklist=st.lists(st.builds(entry, st.sampled_from(["1", "2", "3X"]), st.sampled_from("ab"))).map(
        lambda found: tuple(sorted(set(found)))
    ),
    retention=st.builds(
        RetentionSection, retention=st.sampled_from(["forever", "90d"]), object=st.just("RetentionRule/default/default")
    ),
)


SETTINGS = [
    ("policy", "default_mode", "defaultMode", Mode.ALWAYS_ON, Action.UPDATE_DEFAULT_POLICY),
    ("policy", "always_on_limit_percent", "alwaysOnLimitPercent", 60, Action.UPDATE_RECORDING_LIMIT),
    ("filter", "internal", "internal", False, Action.UPDATE_RECORDING_FILTER),
    ("retention", "retention", "retention", "90d", Action.UPDATE_RETENTION),
    ("retention", "extra_retention", "extraRetention", "365d", Action.UPDATE_EXTRA_RETENTION),
    ("retention", "minimum_retention", "minimumRetention", "30d", Action.UPDATE_MINIMUM_RETENTION),
    ("audit", "retention", "retention", "400d", Action.UPDATE_AUDIT_LOG),
    ("audit", "rotation", "rotation", "64Mi", Action.UPDATE_AUDIT_LOG),
    ("audit", "application_name", "applicationName", "Calls", Action.UPDATE_AUDIT_LOG),
    ("audit", "compress_closed", "compressClosed", True, Action.UPDATE_AUDIT_LOG),
]


@pytest.mark.parametrize(("section", "name", "field", "value", "action"), SETTINGS)
def test_each_setting_has_its_row_with_what_it_was_and_is(section, name, field, value, action):
    before = RecorderConfig()
    was = getattr(before, section)
    (change,) = config_changes(before, replace(before, **{section: replace(was, **{name: value})}), str)
    assert change.action is action
    assert change.details == {"from": {field: getattr(was, name)}, "to": {field: value}}


@given(configs)
def test_a_config_does_not_differ_from_itself(config):
    assert config_changes(config, config, str) == ()


@given(configs, configs)
def test_two_configs_that_differ_have_a_change_and_it_is_plain_json(before, after):
    changes = config_changes(before, after, str)
    assert bool(changes) == (before != after)
    for change in changes:
        assert json.dumps(change.details)
        assert change.object is not None
    assert config_changes(before, after, str) == changes


@given(configs, configs)
def test_going_back_tells_the_same_settings_the_other_way_round(before, after):
    there, back = config_changes(before, after, str), config_changes(after, before, str)
    assert [change.action for change in there] == [change.action for change in back]
    for one, other in zip(there, back, strict=True):
        assert one.details["from"] == other.details["to"]


def test_entries_are_counted_and_the_first_changed_are_shown():
    after = RecorderConfig(blacklist=tuple(sorted(entry(f"{number}") for number in range(1000, 1100))))
    (change,) = config_changes(None, after, str)
    assert change.details["added"]["count"] == 100
    assert len(change.details["added"]["entries"]) == MAX_ENTRIES_SHOWN
    assert change.details["to"]["entries"] == 100
    assert "removed" not in change.details


def test_many_users_are_told_by_a_bounded_number_of_rows():
    policy = PolicySection(overrides=tuple(sorted(override(f"user{number}") for number in range(2000))))
    changes = config_changes(RecorderConfig(), RecorderConfig(policy=policy), str)
    assert len(changes) == MAX_ROWS_OF_ONE_KIND + 1
    assert changes[-1].details["users"] == 2000 - MAX_ROWS_OF_ONE_KIND
    other = replace(policy, overrides=(*policy.overrides[:-1], replace(policy.overrides[-1], mode=Mode.ON_DEMAND)))
    assert config_changes(RecorderConfig(), RecorderConfig(policy=other), str)[-1] != changes[-1]


def test_numbers_are_masked_and_ranges_with_them():
    mask = NumberMask(b"k" * 32)
    ranged = BlacklistEntry(pattern="+39055123000X", object="Blacklist/default/a", entry="+390551230000-+390551230009")
    after = RecorderConfig(blacklist=(entry("+390212345678"), ranged))
    text = json.dumps([dict(one.details) for one in config_changes(None, after, mask.mask_pattern)], ensure_ascii=False)
    assert "390212345678" not in text
    assert "390551230000" not in text
    assert "…678#" in text


def test_a_setting_that_moves_to_another_object_is_told():
    before = RecorderConfig(policy=PolicySection(object=POLICY))
    after = RecorderConfig(policy=PolicySection(object="RecordingPolicy/default/other"))
    (change,) = config_changes(before, after, str)
    assert change.details["to"] == {"object": "RecordingPolicy/default/other"}


def test_an_object_that_says_what_the_defaults_say_changes_nothing():
    assert config_changes(None, RecorderConfig(policy=PolicySection(object=POLICY)), str) == ()
