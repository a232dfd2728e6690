"""What is said across objects before anything runs."""

from tests.policy.objects import blacklist, policy, reading, recorder, user_policy

from callkeeper.kinds.finding import Severity
from callkeeper.policy.cross_check import cross_check


def found(*objects):
    return {(finding.rule, str(finding.key)): finding for finding in cross_check(objects)}


def test_a_tidy_set_has_no_findings():
    assert cross_check([recorder(), policy(), blacklist("a", ["+39!", "90XX"]), blacklist("b", ["112"])]) == ()


def test_a_recorder_that_is_not_among_the_files_is_a_warning_since_it_may_live_elsewhere():
    finding = found(policy())["recordingpolicy.recorder-not-found", "RecordingPolicy/voice/main"]
    assert finding.severity is Severity.WARNING
    assert finding.path == ("spec", "recorderRef", "name")


def test_a_conflict_of_singletons_is_an_error_even_where_their_recorder_lives_elsewhere():
    findings = found(policy("a"), policy("b"))
    assert findings["recordingpolicy.conflict", "RecordingPolicy/voice/b"].severity is Severity.ERROR
    assert ("recordingpolicy.conflict", "RecordingPolicy/voice/a") not in findings


def test_a_user_with_two_modes_is_named_at_the_entry_that_loses():
    finding = found(recorder(), user_policy("a", {"ada": "AlwaysOn"}), user_policy("b", {"ada": "OnDemand"}))[
        "userpolicy.user-conflict", "UserPolicy/voice/b"
    ]
    assert finding.path == ("spec", "overrides", 0, "mode")
    assert "UserPolicy/voice/a" in finding.message


def test_the_same_pair_of_settings_for_two_recorders_is_no_conflict():
    assert (
        found(recorder(), reading("Recorder", "other", endpoint="https://r"), policy(), policy("b", ref="other")) == {}
    )


def test_a_pattern_that_another_list_covers_is_named_with_a_witness():
    finding = found(recorder(), blacklist("a", ["+39!"]), blacklist("b", ["112", "+39021!"]))[
        "blacklist.shadowed", "Blacklist/voice/b"
    ]
    assert finding.severity is Severity.WARNING
    assert finding.path == ("spec", "numbers", 1, "pattern")
    assert "+39! of Blacklist/voice/a covers this pattern already" in finding.message
    assert "both hit +39021" in finding.message


def test_a_folder_has_at_most_one_embedded_recorder():
    second = reading("Recorder", "zulu")
    assert ("recorder.embedded-twice", "Recorder/voice/zulu") in found(recorder(), second)
    assert found(recorder(), reading("Recorder", "zulu", endpoint="https://recorder.example")) == {}


def test_what_is_wrong_within_one_object_is_not_repeated():
    assert found(recorder(), blacklist("a", ["9Y"]), policy(alwaysOnLimitPercent=7)) == {}
