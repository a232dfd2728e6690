"""What goes wrong around the operator: recorders that lie, namespaces that go, watches that break."""

import time
from contextlib import ExitStack

import pytest
from tests.cluster.control_plane import Access
from tests.cluster.kubectl import Kubectl
from tests.cluster.proxy import Proxy
from tests.operator.cluster_objects import a_blacklist, a_recorder, a_secret, an_object
from tests.operator.lying_recorder import Lie, LyingRecorder
from tests.operator.processes import OperatorProcess, until
from tests.operator.test_in_force import becomes


def test_recorders_that_lie_are_found_out_and_named(kubectl, start_operator):
    lies = (Lie.KEEPS_THE_OLD, Lie.SERVES_ANOTHER, Lie.CONTRADICTS)
    with ExitStack() as stack:
        recorders = {lie.name.lower().replace("_", "-"): stack.enter_context(LyingRecorder(lie)) for lie in lies}
        for name, recorder in recorders.items():
            numbers = {"recorderRef": {"name": name}, "numbers": [{"pattern": "112"}]}
            kubectl.apply(
                an_object("Recorder", name, {"endpoint": recorder.url}), an_object("Blacklist", name, numbers)
            )
        start_operator()
        for name, recorder in recorders.items():
            said = becomes(kubectl, f"recorder/{name}", "ReadBackMismatch", "Synced")
            assert said[0] == "False"
            assert "recorder" in said[2]
            assert becomes(kubectl, f"blacklist/{name}", "ReadBackMismatch", "Programmed")[0] == "False"
            assert recorder.puts < 30, "it is not put again without pause"
            recorder.lie = None
        for name in recorders:
            kubectl.wait_for("Ready", f"recorder/{name}", f"blacklist/{name}")


@pytest.mark.faults
def test_a_recorder_that_answers_slowly_for_ever_is_named_when_its_time_is_over(kubectl, start_operator):
    with LyingRecorder(Lie.DRIPS) as recorder:
        kubectl.apply(an_object("Recorder", "teams", {"endpoint": recorder.url}), a_blacklist("112"))
        start_operator()
        assert "within 30 s" in becomes(kubectl, "recorder/teams", "Unreachable")[2]


def test_a_namespace_on_its_way_out_programs_nothing(governed, kubectl, start_operator, namespace, api):
    kubectl.apply(a_blacklist("112"), an_object("RecordingFilter", "only", {"internal": False}))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never", "recordingfilter/only")
    before = governed.in_force
    # As the namespace controller does it where it comes to the Recorder last: marked first, then emptied.
    deny = guard(namespace)
    for path, value in deny:
        api.post(path, json=value).raise_for_status()
    try:
        until(lambda: api.delete(recorder_path(namespace), params={"dryRun": "All"}).status_code == 422)
        kubectl("delete", "namespace", namespace, "--wait=false")
        until(lambda: not kubectl.json("get", "blacklists")["items"], lambda: operator.text)
        until(lambda: not kubectl.json("get", "recordingfilters")["items"])
        assert kubectl.json("get", "recorders")["items"], "the Recorder is still there"
        time.sleep(2)  # time to do what must not be done
        assert governed.in_force == before
    finally:
        for path, value in deny:
            api.delete(f"{path}/{value['metadata']['name']}").raise_for_status()
    until(lambda: kubectl.run("get", "namespace", namespace).returncode, lambda: operator.text)
    assert governed.in_force == before


def guard(namespace):
    """Lets nobody delete a Recorder of this namespace."""
    name = f"keep-recorders-{namespace}"
    base = "/apis/admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["callkeeper.dev"],
                        "apiVersions": ["*"],
                        "operations": ["DELETE"],
                        "resources": ["recorders"],
                    }
                ]
            },
            "validations": [{"expression": "false", "message": "kept by a test"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            },
        },
    }
    return [(f"{base}/validatingadmissionpolicies", policy), (f"{base}/validatingadmissionpolicybindings", binding)]


def recorder_path(namespace):
    return f"/apis/callkeeper.dev/v1alpha1/namespaces/{namespace}/recorders/teams"


def test_a_deleted_recorder_runs_on_as_it_is_and_its_namespace_ends_without_an_operator(
    governed, kubectl, start_operator, namespace
):
    kubectl.apply(a_blacklist("112"))
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    before = governed.in_force
    kubectl("delete", "recorder", "teams")
    becomes(kubectl, "blacklist/never", "RecorderNotFound")
    assert governed.in_force == before
    assert kubectl.json("get", "blacklist", "never")["metadata"].get("finalizers") is None
    kubectl.apply(a_recorder(governed.url))
    operator.end()
    kubectl("delete", "namespace", namespace, "--wait=false")
    until(lambda: kubectl.run("get", "namespace", namespace).returncode)
    assert governed.in_force == before


def test_a_large_removal_waits_for_a_word(governed, kubectl, start_operator):
    many = [f"90{number:02}" for number in range(40)]
    kubectl.apply(a_blacklist(*many))
    start_operator()
    kubectl.wait_for("Ready", "blacklist/never")
    kubectl.apply(a_blacklist("9001"))
    said = becomes(kubectl, "blacklist/never", "ConfirmationRequired")
    assert 'callkeeper.dev/confirm: "removes<=39"' in said[2]
    assert len(governed.patterns) == 40
    kubectl("annotate", "blacklist", "never", "callkeeper.dev/confirm=removes<=39")
    until(lambda: governed.patterns == ["9001"])
    kubectl.wait_for("Ready", "blacklist/never")


@pytest.mark.faults
def test_a_broken_network_to_the_api_server_is_survived_without_leaks(
    governed, kubectl, start_operator, control_plane: Access
):
    kubectl.apply(a_blacklist("112"))
    with Proxy(control_plane.url) as proxy:
        operator = start_operator(url=proxy.url)
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        until(lambda: "callkeeper_operator_watch_events_total" in operator.get("/metrics")[1])
        time.sleep(2)
        before = usage(operator)
        for change in range(4):
            proxy.cut()
            time.sleep(0.3)
            proxy.refuse()
            # While nothing reaches it: one goes, one comes.
            kubectl.apply(a_blacklist(f"90{change:02}"))
            time.sleep(1.5)
            proxy.heal()
            until(lambda change=change: governed.patterns == [f"90{change:02}"], lambda: operator.text)
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        after = until(
            lambda: (now := usage(operator)) and now["tasks"] <= before["tasks"] and now, lambda: operator.text
        )
        assert after["fds"] <= before["fds"] + 8
        assert after["threads"] <= before["threads"] + 4


def usage(operator):
    """What the process holds, once it watches."""

    def watching():
        lines = operator.get("/metrics")[1].splitlines()
        value = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line and line[0] != "#"}
        return value if value["callkeeper_operator_watch_events_total"] else None

    value = until(watching, lambda: operator.text)
    return {
        "tasks": value["callkeeper_operator_tasks"],
        "fds": value["process_open_fds"],
        "threads": value["callkeeper_operator_threads"],
    }


def test_what_is_deleted_while_the_watch_is_down_is_gone_although_its_versions_are(
    private_control_plane, start_recorder, tmp_path
):
    """An API server that was started again, and has forgotten the versions the watch wants to go on from."""
    plane, recorder = private_control_plane(), start_recorder()
    kubectl = Kubectl(plane.access.kubeconfig, namespace="default")
    kubectl.apply(a_secret("teams-token", token=recorder.token), a_recorder(recorder.url))
    kubectl.apply(a_blacklist("112"), a_blacklist("9!", name="second"))
    with Proxy(plane.access.url) as proxy:
        config = plane.access.kubeconfig.read_text().replace(plane.access.url, proxy.url)
        kubeconfig = tmp_path / "by-proxy"
        kubeconfig.write_text(config)
        operator = OperatorProcess(tmp_path / "operator", kubeconfig)
        try:
            kubectl.wait_for("Ready", "recorder/teams", "blacklist/never", "blacklist/second")
            proxy.refuse()
            kubectl("delete", "blacklist", "second")
            for number in range(20):
                kubectl("label", "blacklist", "never", "--overwrite", f"n=v{number}")
            plane.compact()
            plane.stop()
            plane.start_again()
            proxy.heal()
            until(lambda: recorder.patterns == ["112"], lambda: operator.text)
            kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        finally:
            operator.end()
