"""What is legal but surprising beside other objects."""

import pytest

from callkeeper.kinds.reading import read_object
from callkeeper.kinds.terms import API_VERSION
from callkeeper.operator.admission.surprises import MAX_PATTERNS_COMPARED, needed, surprises


def reading(kind, name, spec, created="2026-11-27T12:00:00Z"):
    metadata = {"name": name, "namespace": "voice", "creationTimestamp": created}
    if kind != "Recorder":
        spec = {"recorderRef": {"name": "teams"}, **spec}
    found = read_object({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})
    assert found.resource is not None, found.findings
    return found


RECORDER = reading("Recorder", "teams", {"endpoint": "https://recorder.example"})
OLD, NEW = "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z"


def blacklist(name, *patterns):
    return reading("Blacklist", name, {"numbers": [{"pattern": one} for one in patterns]})


def test_nothing_is_said_about_an_ordinary_object():
    assert surprises(blacklist("a", "112"), [RECORDER, blacklist("b", "90XX")]) == []
    assert surprises(RECORDER, []) == []


def test_a_missing_recorder():
    assert "there is no Recorder teams in namespace voice" in surprises(blacklist("a", "112"), [])[0]


def test_a_recorder_that_no_operator_programs():
    assert "without it the operator programs no recorder" in surprises(reading("Recorder", "teams", {}), [])[0]


def test_an_older_singleton_is_in_force():
    older = reading("RetentionRule", "older", {"retention": "90d"}, OLD)
    newer = reading("RetentionRule", "newer", {"retention": "30d"}, NEW)
    (line,) = surprises(newer, [RECORDER, older])
    assert "RetentionRule/voice/older" in line
    assert surprises(older, [RECORDER, newer]) == []


def test_a_user_with_another_mode_elsewhere():
    one = reading("UserPolicy", "one", {"overrides": [{"user": "ada@example.com", "mode": "AlwaysOn"}]}, OLD)
    two = reading("UserPolicy", "two", {"overrides": [{"user": "Ada@example.com", "mode": "OnDemand"}]}, NEW)
    assert any("UserPolicy/voice/one" in line for line in surprises(two, [RECORDER, one]))


def test_patterns_that_add_nothing_in_one_object_and_across_two():
    (line,) = surprises(blacklist("a", "+39!", "+3906!"), [RECORDER])
    assert "+39! covers +3906! already" in line
    (line,) = surprises(blacklist("a", "+3906!"), [RECORDER, blacklist("b", "+39!")])
    assert "+39! of Blacklist/voice/b covers +3906! already" in line
    (line,) = surprises(blacklist("a", "+39!"), [RECORDER, blacklist("b", "+3906!")])
    assert "+39! covers +3906! of Blacklist/voice/b already" in line


@pytest.mark.parametrize("count", [MAX_PATTERNS_COMPARED, MAX_PATTERNS_COMPARED + 1])
def test_a_long_list_is_not_compared_and_needs_no_other(count):
    long = blacklist("a", "+39!", *[f"+39{number}" for number in range(count - 1)])
    compared = count <= MAX_PATTERNS_COMPARED
    assert bool(surprises(long, [RECORDER])) is compared
    assert (needed(long) == ("Recorder",)) is not compared


def test_a_policy_that_records_nobody():
    spec = {"defaultMode": "AlwaysOn", "alwaysOnLimitPercent": 0}
    assert any(
        "nothing would be recorded" in line for line in surprises(reading("RecordingPolicy", "p", spec), [RECORDER])
    )
