"""From objects to a running recorder and back to their status, on a real API server."""

import json
import time

import pytest
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.control_plane import Access
from tests.operator.cluster_objects import a_blacklist, a_recorder, a_secret, an_object
from tests.operator.conftest import ACCOUNT
from tests.operator.processes import until

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import to_json


def condition(kubectl, name, kind="Ready"):
    conditions = kubectl.json("get", name)["status"].get("conditions", [])
    return next(((one["status"], one["reason"], one["message"]) for one in conditions if one["type"] == kind), None)


def becomes(kubectl, name, reason, kind="Ready"):
    return until(
        lambda: (found := condition(kubectl, name, kind)) and found[1] == reason and found,
        lambda: str(kubectl.json("get", name).get("status")),
    )


def test_a_blacklist_comes_into_force_and_says_so(governed, kubectl, start_operator):
    kubectl.apply(a_blacklist("+39!", "112"))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    assert governed.patterns == ["+39!", "112"]
    status = kubectl.json("get", "blacklist", "never")["status"]
    revision = kubectl.json("get", "recorder", "teams")["status"]["revision"]
    assert (status["observedGeneration"], status["entries"], status["revision"]) == (1, 2, revision)
    assert revision == governed.in_force["revision"]
    kubectl.apply(a_blacklist("+39!"))
    until(lambda: governed.patterns == ["+39!"], lambda: operator.text)
    kubectl.wait_for("Ready", "blacklist/never")
    assert until(lambda: kubectl.json("get", "blacklist", "never")["status"]["observedGeneration"] == 2)
    kubectl("delete", "blacklist", "never")
    until(lambda: governed.patterns == [], lambda: operator.text)
    assert operator.get("/readyz")[0] == 200
    assert "112" not in operator.text
    assert governed.token not in operator.text
    table = kubectl("get", "callkeeper")
    assert "READY" in table
    assert "SINCE" in table


def test_starting_again_where_nothing_changed_writes_nothing(
    governed, kubectl, start_operator, namespace, control_plane: Access
):
    objects = [a_blacklist(f"90{number:02}", name=f"list-{number}") for number in range(20)]
    policy = an_object("RecordingPolicy", "default", {"overrides": [{"user": "ada", "mode": "AlwaysOn"}]})
    broken = an_object("RetentionRule", "second", {"retention": "90d"}), an_object("RetentionRule", "third", {})
    kubectl.apply(*objects, policy, *broken)
    first = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/list-7", "recordingpolicy/default")
    until(lambda: "Conflicted" in kubectl("get", "retentionrules"))
    until(lambda: first.get("/readyz")[0] == 200)
    assert first.end() == 0
    user = f"system:serviceaccount:{namespace}:{ACCOUNT}"
    assert control_plane.audit_log is not None
    log, before = AuditLogReader(control_plane.audit_log), governed.in_force
    second = start_operator()
    assert second.leads() > first.leads()
    until(lambda: second.get("/readyz")[0] == 200, lambda: second.text)
    time.sleep(3)  # time to do what should not be done: a look for drift, and Kopf's own listing
    assert [(one.verb, one.resource, one.name) for one in log.writes(user=user)] == []
    assert governed.in_force == before


def test_one_patch_an_object_and_reconcile(governed, kubectl, start_operator, namespace, control_plane: Access):
    kubectl.apply(a_blacklist("9001"))
    start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    log = AuditLogReader(control_plane.audit_log)
    kubectl.apply(a_blacklist("9001", "9002"))
    until(lambda: kubectl.json("get", "blacklist", "never")["status"].get("entries") == 2)
    time.sleep(1)
    patches = [
        one.name for one in log.writes(user=f"system:serviceaccount:{namespace}:{ACCOUNT}") if "/" in one.resource
    ]
    assert sorted(patches) == ["never", "teams"]


def test_what_is_wrong_is_said_on_the_object_and_stops_nobody_else(recorder, kubectl, start_operator):
    kubectl.apply(
        a_recorder(recorder.url),
        a_recorder(recorder.url, "elsewhere", credentialsSecretRef={"name": "missing"}),
        an_object("Recorder", "nowhere", {}),
        an_object("RecordingFilter", "lost", {"recorderRef": {"name": "nobody"}}),
        an_object("RecordingFilter", "first", {"internal": False}),
    )
    until(lambda: kubectl.json("get", "recordingfilter", "first"))
    time.sleep(1.1)  # creation times have seconds, and the older one wins
    kubectl.apply(an_object("RecordingFilter", "second", {"external": False}), a_blacklist("112"))
    start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "recordingfilter/first", "blacklist/never")
    assert becomes(kubectl, "recorder/nowhere", "EndpointMissing")[0] == "False"
    assert becomes(kubectl, "recorder/nowhere", "EndpointMissing", "Stalled")[0] == "True"
    assert "Secret" in becomes(kubectl, "recorder/elsewhere", "Refused")[2]
    assert becomes(kubectl, "recordingfilter/lost", "RecorderNotFound")[0] == "False"
    assert "RecordingFilter" in becomes(kubectl, "recordingfilter/second", "Conflicted")[2]
    events = until(lambda: kubectl.json("get", "events")["items"])
    assert "nowhere" in {one["involvedObject"]["name"] for one in events}
    # The token comes: without a restart, and without anybody touching the Recorder.
    kubectl.apply(a_secret("missing", token="not-the-token"))
    assert "refuses the credentials" in until(
        lambda: (said := condition(kubectl, "recorder/elsewhere")) and "credentials" in said[2] and said[2]
    )


def test_events_are_told_of_transitions_only(governed, kubectl, start_operator):
    def told():
        events = kubectl.json("get", "events")["items"]
        return sorted((one["involvedObject"]["name"], one["type"], one["reason"]) for one in events)

    kubectl.apply(a_blacklist("112"), an_object("RecordingFilter", "first", {"internal": False}))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never", "recordingfilter/first")
    expected = [("teams", "Normal", "Ready")]
    assert until(lambda: told() == expected, lambda: str(told())), "what comes into force at first sight is no event"
    kubectl.apply(an_object("RecordingFilter", "second", {"external": False}))
    becomes(kubectl, "recordingfilter/second", "Conflicted")
    expected.insert(0, ("second", "Warning", "Conflicted"))
    assert until(lambda: told() == expected, lambda: str(told()))
    for number in ("1", "2", "3"):
        kubectl("annotate", "--overwrite", "recorder", "teams", f"reconcile.fluxcd.io/requestedAt={number}")
        until(lambda: kubectl.json("get", "recorder", "teams")["status"].get("lastHandledReconcileAt") == number)  # noqa: B023
    kubectl.apply(a_blacklist("112", "113"))
    until(lambda: governed.patterns == ["112", "113"], lambda: operator.text)
    kubectl.wait_for("Ready", "blacklist/never")
    assert told() == expected, "neither what stays as it is nor what changed and is in force again"
    governed.end()
    becomes(kubectl, "recorder/teams", "Unreachable")
    expected.append(("teams", "Warning", "Unreachable"))
    assert until(lambda: told() == expected, lambda: str(told()))
    time.sleep(3)  # further attempts, each with the same end
    assert told() == expected


def test_several_recorders_of_a_namespace_have_each_its_own(governed, start_recorder, kubectl, start_operator):
    other = start_recorder("lab")
    kubectl.apply(
        a_secret("lab-token", token=other.token),
        a_recorder(other.url, "lab"),
        a_blacklist("112"),
        an_object("Blacklist", "theirs", {"recorderRef": {"name": "lab"}, "numbers": [{"pattern": "113"}]}),
    )
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "recorder/lab", "blacklist/never", "blacklist/theirs")
    assert (governed.patterns, other.patterns) == (["112"], ["113"])
    before = governed.in_force
    kubectl.apply(an_object("Blacklist", "theirs", {"recorderRef": {"name": "lab"}, "numbers": [{"pattern": "118"}]}))
    until(lambda: other.patterns == ["118"], lambda: operator.text)
    other.end()
    becomes(kubectl, "recorder/lab", "Unreachable")
    assert kubectl.json("get", "recorder", "teams")["status"]["revision"] == governed.in_force["revision"]
    assert governed.in_force == before, "what happens to the one is nothing to the other"
    figures = operator.get("/metrics")[1]
    assert "callkeeper_operator_queue_depth 0.0" in figures
    for name, synced in {"teams": "1.0", "lab": "0.0"}.items():
        labels = f'namespace="{kubectl.namespace}",recorder="{name}"'
        assert f"callkeeper_operator_recorder_synced{{{labels}}} {synced}" in figures


def test_requested_suspended_and_taken_over(governed, kubectl, start_operator):
    code, _ = governed.ask(
        "PUT",
        "/v1/config",
        {"owner": "folder:somebody", "epoch": 90, "confirmations": [], "config": to_json(RecorderConfig())},
        If_None_Match="*",
    )
    assert code == 200
    kubectl.apply(a_blacklist("112"))
    operator = start_operator()
    assert "folder:somebody" in becomes(kubectl, "recorder/teams", "OwnerConflict")[2]
    kubectl("annotate", "recorder", "teams", "callkeeper.dev/take-over=folder:somebody")
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    assert governed.in_force["epoch"] == 91
    kubectl("patch", "recorder", "teams", "--type=merge", "-p", json.dumps({"spec": {"suspend": True}}))
    kubectl("delete", "blacklist", "never")
    becomes(kubectl, "recorder/teams", "Suspended", "Synced")
    assert governed.patterns == ["112"]
    kubectl("patch", "recorder", "teams", "--type=merge", "-p", json.dumps({"spec": {"suspend": False}}))
    until(lambda: governed.patterns == [], lambda: operator.text)
    kubectl("annotate", "recorder", "teams", "reconcile.fluxcd.io/requestedAt=now-please")
    until(lambda: kubectl.json("get", "recorder", "teams")["status"].get("lastHandledReconcileAt") == "now-please")


def test_a_rotated_token_is_taken_up_without_a_restart(governed, kubectl, start_operator):
    start_operator()
    kubectl.wait_for("Ready", "recorder/teams")
    fresh = governed.new_token()
    entries = json.loads(governed.tokens.read_text())
    entries["principals"] = entries["principals"][1:]  # the old one is gone
    governed.tokens.write_text(json.dumps(entries))
    governed.secret_file.write_text(fresh)
    kubectl.apply(a_secret("teams-token", token=fresh), a_blacklist("112"))
    kubectl.wait_for("Ready", "blacklist/never", "recorder/teams")
    until(lambda: governed.patterns == ["112"])


def test_a_recorder_that_was_away_is_back_in_force_within_five_seconds(
    governed, kubectl, start_operator, start_recorder
):
    kubectl.apply(a_blacklist("112"))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    governed.end()
    becomes(kubectl, "recorder/teams", "Unreachable")
    kubectl.apply(a_blacklist("113"))
    time.sleep(5)  # long enough for pauses between attempts to have grown
    back = start_recorder(port=governed.port)
    began = time.monotonic()
    until(lambda: back.patterns == ["113"], lambda: operator.text)
    assert time.monotonic() - began < 5 + 3, "it is looked for again and again"  # 3 s of a loaded machine
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")


@pytest.mark.parametrize("policy", ["Correct", "Report"])
def test_drift_is_found(recorder, kubectl, start_operator, policy):
    kubectl.apply(a_recorder(recorder.url, driftPolicy=policy), a_blacklist("112"))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    mine = recorder.in_force
    foreign = {"owner": mine["owner"], "epoch": mine["epoch"], "confirmations": [], "config": to_json(RecorderConfig())}
    code, answer = recorder.ask("PUT", "/v1/config", foreign, If_Match=f'"{mine["revision"]}"')
    assert code == 200, answer
    if policy == "Report":
        assert "driftPolicy" in becomes(kubectl, "recorder/teams", "Drifted")[2]
        assert recorder.patterns == []
    else:
        until(lambda: recorder.patterns == ["112"], lambda: operator.text)
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
