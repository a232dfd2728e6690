"""Reading one object: what stands in the reading, and what is said beyond a bare verdict."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callkeeper.kinds.blacklist import Blacklist
from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.kinds.reading import KINDS, MAX_FINDINGS, ObjectReading, read_object
from callkeeper.kinds.recording_filter import RecordingFilter
from callkeeper.kinds.recording_policy import RecordingPolicy
from callkeeper.kinds.terms import Capture, Mode, OverrideMode, SampledOut, UnknownDirection


def read(kind: str, spec: Any = None, **metadata: Any) -> ObjectReading:
    """Read an object of this kind that belongs to the recorder `teams`."""
    document: dict[str, Any] = {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "a", **metadata},
    }
    if kind == "Recorder":
        document["spec"] = spec
    else:
        document["spec"] = {"recorderRef": {"name": "teams"}, **(spec or {})}
    return read_object(document)


def only(reading: ObjectReading) -> Finding:
    (finding,) = reading.findings
    return finding


def test_the_defaults_of_a_policy_are_those_of_the_reference():
    reading = read("RecordingPolicy")
    assert isinstance(reading.resource, RecordingPolicy)
    spec = reading.resource.spec
    assert (spec.default_mode, spec.always_on_limit_percent) == (Mode.ON_DEMAND, 100)
    assert (spec.sampled_out, spec.capture, spec.overrides) == (SampledOut.DENY, Capture.FROM_START, ())


def test_every_toggle_of_a_filter_is_on_by_default():
    reading = read("RecordingFilter")
    assert isinstance(reading.resource, RecordingFilter)
    spec = reading.resource.spec
    toggles = (spec.group_meeting_and_unparked, spec.internal, spec.external, spec.inbound, spec.outbound)
    assert all(toggles)
    assert spec.unknown_direction is UnknownDirection.RECORD


def test_the_reading_carries_what_the_api_server_wrote():
    reading = read(
        "Blacklist",
        namespace="voice",
        uid="u",
        generation=3,
        creationTimestamp="2026-11-23T08:00:00Z",
        deletionTimestamp="2026-11-23T09:00:00Z",
        annotations={"callkeeper.dev/changed-by": "ada"},
    )
    assert reading.key == ObjectKey(kind="Blacklist", namespace="voice", name="a")
    assert (reading.recorder, reading.uid, reading.generation) == ("teams", "u", 3)
    assert (reading.created, reading.deleting) == ("2026-11-23T08:00:00Z", True)
    assert reading.annotations == {"callkeeper.dev/changed-by": "ada"}


def test_an_object_without_a_namespace_is_in_default():
    reading = read("Blacklist")
    assert reading.resource is not None
    assert reading.key == reading.resource.key == ObjectKey(kind="Blacklist", namespace="default", name="a")


def test_a_bad_object_still_says_which_recorder_it_is_for():
    reading = read("Blacklist", {"numbers": 5})
    assert (reading.resource, reading.recorder) == (None, "teams")


def test_a_recorder_belongs_to_itself():
    assert read("Recorder", {"endpoint": 5}).recorder == "a"


def test_a_recorder_that_cannot_be_read_is_none():
    assert read("Blacklist", {"recorderRef": "teams"}).recorder is None


def test_resources_never_change():
    resource = read("Blacklist").resource
    assert isinstance(resource, Blacklist)
    with pytest.raises(ValidationError):
        resource.spec = resource.spec


def test_a_document_is_not_changed_by_reading_it():
    document = {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Blacklist",
        "metadata": {"name": "a", "labels": None},
        "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "1", "comment": None}], "ranges": None},
    }
    before = repr(document)
    assert read_object(document).resource is not None
    assert repr(document) == before


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("alwaysOnLimtPercent", "alwaysOnLimitPercent"),
        ("always_on_limit_percent", "alwaysOnLimitPercent"),
        ("AlwaysOnLimitPercent", "alwaysOnLimitPercent"),
        ("always-on-limit-percent", "alwaysOnLimitPercent"),
        ("override", "overrides"),
        ("recorderref", "recorderRef"),
    ],
)
def test_a_misspelt_field_names_the_one_that_was_meant(wrong: str, right: str):
    finding = only(read("RecordingPolicy", {wrong: 1}))
    assert (finding.hint, finding.on_key) == (f"did you mean `{right}`?", True)


def test_a_field_like_no_other_names_those_there_are():
    assert only(read("UserPolicy", {"zzz": 1})).hint == "known here: recorderRef, overrides"


def test_a_misspelt_field_with_nothing_behind_it_is_misspelt_all_the_same():
    assert only(read("RecordingPolicy", {"overides": None})).rule == "recordingpolicy.unknown-field"


def test_a_misspelt_kind_names_the_one_that_was_meant():
    assert only(read("Blaklist")).hint == "did you mean `Blacklist`?"


def test_a_word_in_the_wrong_case_names_the_right_one():
    assert only(read("RecordingPolicy", {"defaultMode": "alwayson"})).hint == "did you mean `AlwaysOn`?"


def test_a_number_where_text_is_wanted_says_how_to_quote_it():
    hint = only(read("Blacklist", {"numbers": [{"pattern": 39}]})).hint
    assert hint == 'quote it: `pattern: "39"`; without quotes YAML takes it for a number, and a leading + or 0 is lost'


def test_a_boolean_where_text_is_wanted_says_which_words_are_booleans():
    hint = only(read("RecordingPolicy", {"defaultMode": True})).hint
    assert hint == 'quote it: `defaultMode: "…"`; unquoted on, off, yes, no, y, n, true and false are booleans in YAML'


def test_text_where_a_number_or_boolean_is_wanted_says_to_drop_the_quotes():
    assert only(read("RecordingPolicy", {"alwaysOnLimitPercent": "60"})).hint == (
        "write it without quotes: `alwaysOnLimitPercent: 60`"
    )
    assert (
        only(read("Recorder", {"suspend": "yes"})).hint == "write `suspend: true` or `suspend: false`, without quotes"
    )


def test_nothing_of_a_password_or_query_in_an_endpoint_is_repeated():
    for url in ("https://admin:hunter2@recorder", "https://recorder/?token=hunter2", "https://recorder/#hunter2"):
        finding = only(read("Recorder", {"endpoint": url}))
        assert "hunter2" not in finding.message + str(finding.hint)


def test_long_lists_have_a_bound():
    entry = {"user": "a", "mode": "Default"}
    finding = only(read("RecordingPolicy", {"overrides": [entry] * 100_001}))
    assert (finding.rule, finding.hint) == ("recordingpolicy.too-many", "divide it among several objects")


def test_of_very_many_findings_the_first_are_given_and_the_rest_counted():
    reading = read("Blacklist", {"numbers": [{"pattern": "Y"}] * 20_000})
    assert len(reading.findings) == MAX_FINDINGS + 1
    last = reading.findings[-1]
    assert (last.rule, last.severity) == ("blacklist.more", Severity.ERROR)
    assert (
        last.message == f"{20_000 - MAX_FINDINGS} more findings about this object are not shown (19500 of them errors)"
    )


def test_an_error_behind_very_many_warnings_is_not_lost():
    many = [{"user": "a", "mode": "AlwaysOn"}] * 1_000
    reading = read("RecordingPolicy", {"overrides": [*many, {"user": "a", "mode": "OnDemand"}]})
    assert reading.resource is None
    assert reading.findings[-1].severity is Severity.ERROR


def test_names_that_are_not_text_are_named():
    finding = only(read("Blacklist", {True: 1}))
    assert (finding.rule, finding.message) == ("blacklist.unknown-field", "the name of a field is not text")


def test_the_missing_form_of_public_numbers_is_noted_once():
    finding = only(read("Blacklist", {"numbers": [{"pattern": p} for p in ("9012", "+39!", "+39!1", "0044XXXXXXX")]}))
    assert (finding.severity, finding.rule, finding.path) == (
        Severity.NOTE,
        "blacklist.twin",
        ("spec", "numbers", 1, "pattern"),
    )
    assert finding.message == "`+39!` does not hit the same numbers without a leading + (2 more like it)"


@pytest.mark.parametrize(
    "twins", [("+39!", "39!"), ("+39!", "0039!"), ("+39!", "!", "+!"), ("!", "+!"), ("2XXX", "*72")]
)
def test_numbers_in_both_forms_are_not_noted(twins: tuple[str, ...]):
    assert read("Blacklist", {"numbers": [{"pattern": pattern} for pattern in twins]}).findings == ()


def test_everything_takes_two_patterns():
    finding = only(read("Blacklist", {"numbers": [{"pattern": "+!"}]}))
    assert (finding.rule, finding.hint) == ("blacklist.everything", "everything takes `!` and `+!`: add `!`")


def test_default_is_the_absence_of_an_override_and_conflicts_with_nothing():
    overrides = [{"user": "a", "mode": mode} for mode in ("Default", "OnDemand")]
    assert read("UserPolicy", {"overrides": overrides}).findings == ()


def test_enums_are_enums():
    resource = read("RecordingPolicy", {"overrides": [{"user": "a", "mode": "Default"}]}).resource
    assert isinstance(resource, RecordingPolicy)
    assert resource.spec.overrides[0].mode is OverrideMode.DEFAULT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *("recorderRef", "numbers", "ranges", "pattern", "from", "to", "comment", "overrides", "user", "mode", "retention"),
    *("endpoint", "caRef", "name", "defaultMode", "alwaysOnLimitPercent", "internal", "internalNumbers", "labels"),
    *("annotations", "namespace"),
]
NEAR = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(kind=st.sampled_from([*KINDS, "Other"]) | JSON, metadata=NEAR, spec=NEAR, status=JSON)
def test_reading_is_total_and_says_an_error_exactly_when_there_is_no_resource(
    kind: object, metadata: object, spec: object, status: object
):
    document = {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "a", **metadata} if isinstance(metadata, dict) else metadata,
        "spec": {"recorderRef": {"name": "r"}, **spec} if isinstance(spec, dict) else spec,
        "status": status,
    }
    reading = read_object(document)
    assert (reading.resource is None) is any(finding.severity is Severity.ERROR for finding in reading.findings)


@given(JSON)
def test_reading_is_total_over_any_mapping(value: object):
    assert read_object(value if isinstance(value, dict) else {"spec": value}).resource is None


def test_half_a_surrogate_pair_is_no_character():
    finding = only(read("RecordingPolicy", {"overrides": [{"user": "\ud800", "mode": "AlwaysOn"}]}))
    assert (finding.rule, finding.message) == (
        "recordingpolicy.value",
        "user holds half a surrogate pair, which is no character",
    )
