"""Where an object stands, from what the API server holds of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.operator.reading.standing import Verdict, standings

SINCE = "2026-10-01T08:00:00Z"


def a_blacklist(*conditions: tuple[str, str, str], generation: int = 2, observed: int | None = 2, **more: Any) -> Any:
    status: dict[str, Any] = {
        "conditions": [
            {"type": what, "status": answer, "reason": reason, "message": f"said {reason}", "lastTransitionTime": SINCE}
            for what, answer, reason in conditions
        ]
    }
    if observed is not None:
        status["observedGeneration"] = observed
    return {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Blacklist",
        "metadata": {"name": "never", "namespace": "voice", "generation": generation, **more.pop("metadata", {})},
        "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112"}], **more.pop("spec", {})},
        "status": status,
    }


RECORDER = {
    "apiVersion": "callkeeper.dev/v1alpha1",
    "kind": "Recorder",
    "metadata": {"name": "teams", "namespace": "voice", "generation": 1},
    "spec": {"endpoint": "http://127.0.0.1:1"},
}


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (a_blacklist(("Ready", "True", "Ready")), Verdict.IN_FORCE, "Ready"),
        (a_blacklist(("Ready", "Unknown", "Pending"), ("Reconciling", "True", "Pending"), observed=None),
         Verdict.WAITING, "Pending"),
        (a_blacklist(("Ready", "True", "Ready"), observed=1), Verdict.WAITING, "Pending"),
        (a_blacklist(("Ready", "False", "Unreachable"), ("Reconciling", "True", "Unreachable")),
         Verdict.WAITING, "Unreachable"),
        (a_blacklist(("Ready", "False", "Conflicted"), ("Stalled", "True", "Conflicted")),
         Verdict.NOT_IN_FORCE, "Conflicted"),
        (a_blacklist(("Ready", "False", "Suspended")), Verdict.SUSPENDED, "Suspended"),
        (a_blacklist(("Ready", "True", "Ready"), metadata={"deletionTimestamp": SINCE}), Verdict.DELETING, "Deleting"),
        (a_blacklist(), Verdict.WAITING, "Pending"),
    ],
)  # fmt: skip
def test_the_operators_word_counts_for_the_generation_it_speaks_of(found: Any, verdict: Verdict, reason: str) -> None:
    (standing,) = [one for one in standings([RECORDER, found]) if one.key.kind == "Blacklist"]
    assert (standing.verdict, standing.reason) == (verdict, reason)


def test_since_is_when_ready_became_what_it_is_and_unknown_before_anybody_said_so() -> None:
    (standing,) = standings([a_blacklist(("Ready", "True", "Ready"))])
    assert standing.since == SINCE
    assert standings([a_blacklist(("Ready", "True", "Ready"), observed=1)])[0].since == ""
    unseen = a_blacklist(("Ready", "Unknown", "Pending"))
    unseen["status"]["conditions"][0]["lastTransitionTime"] = "1970-01-01T00:00:00Z"
    assert standings([unseen])[0].since == ""


def test_findings_are_said_without_an_operator() -> None:
    bad = a_blacklist(spec={"numbers": [{"pattern": "90Y"}]})
    recorder, blacklist = standings([bad, RECORDER])
    assert recorder.key.kind == "Recorder", "the Recorder comes before its settings"
    assert [one.rule for one in blacklist.findings] == ["blacklist.pattern"]
    assert blacklist.to_json()["findings"][0]["path"] == "$.spec.numbers[0].pattern"
    (alone,) = standings([a_blacklist()])
    assert [one.rule for one in alone.findings] == ["blacklist.recorder-not-found"]


def test_recorders_without_an_endpoint_are_no_matter_of_each_other() -> None:
    def one(name: str) -> dict[str, Any]:
        return {**RECORDER, "metadata": {**RECORDER["metadata"], "name": name}, "spec": {}}

    assert [found.findings for found in standings([one("a"), one("b")])] == [(), ()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(status=JSON, spec=JSON)
def test_whatever_the_api_server_holds_has_a_standing(status: Any, spec: Any) -> None:
    (standing,) = standings([{**a_blacklist(), "status": status, "spec": spec}])
    assert standing.to_json()["object"] == "Blacklist/voice/never"
