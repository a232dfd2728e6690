"""The cluster itself fails: the API server and etcd are killed, tokens end, requests fail for long.

What it does about a broken network is in `test_faults`; who leads meanwhile in `test_high_availability`.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.api import api_client
from tests.cluster.control_plane import Access, ControlPlane
from tests.cluster.failing_api import FailingApi
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.kubeconfig import write_kubeconfig
from tests.cluster.kubectl import Kubectl
from tests.operator.cluster_objects import a_blacklist, a_recorder, a_secret, role
from tests.operator.conftest import ACCOUNT, StartOperator, StartRecorder
from tests.operator.processes import OperatorProcess, RecorderProcess, until
from tests.operator.test_faults import usage

FIRST_TOKEN_SECONDS = 12.0
"""Long enough to start the operator on a loaded machine."""

GROWN_MIB = 24.0
"""What a process may hold more than before: pools and caches, but nothing that grows with time."""


def kill_api_server(plane: ControlPlane) -> None:
    plane.api_server.kill()
    time.sleep(1)
    plane.api_server.start()
    plane.api_server.wait()


def kill_etcd(plane: ControlPlane) -> None:
    plane.etcd.kill()
    time.sleep(1)
    plane.etcd.start()
    plane.api_server.wait()


def kill_both(plane: ControlPlane) -> None:
    plane.api_server.kill()
    plane.etcd.kill()
    plane.etcd.start()
    plane.api_server.start()
    plane.api_server.wait()


@pytest.mark.parametrize(
    "outages",
    [
        pytest.param([kill_etcd, kill_api_server], id="one after the other"),
        pytest.param([kill_both, kill_etcd, kill_api_server] * 10, id="again and again", marks=pytest.mark.faults),
    ],
)
@pytest.mark.timeout(240)
def test_killed_api_servers_and_etcds_are_survived(
    private_control_plane: StartControlPlane,
    start_recorder: StartRecorder,
    tmp_path: Path,
    outages: list[Callable[[ControlPlane], None]],
):
    plane, recorder = private_control_plane(), start_recorder()
    kubectl = Kubectl(plane.access.kubeconfig, namespace="default")
    kubectl.apply(a_secret("teams-token", token=recorder.token), a_recorder(recorder.url), a_blacklist("112"))
    operator = OperatorProcess(tmp_path / "operator", plane.access.kubeconfig)
    try:
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        for number, outage in enumerate(outages):
            outage(plane)
            kubectl.apply(a_blacklist(f"90{number:02}"))
            until(lambda number=number: recorder.patterns == [f"90{number:02}"], lambda: operator.text)
            kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        until(lambda: operator.get("/readyz")[0] == 200, lambda: operator.text)
    finally:
        operator.end()


def test_a_token_that_ends_stops_it_until_the_next_one_is_in_its_file(
    governed: RecorderProcess,
    kubectl: Kubectl,
    start_operator: StartOperator,
    control_plane: Access,
    namespace: str,
    tmp_path: Path,
):
    kubectl.apply(*role(namespace, ACCOUNT))
    uid = kubectl("get", "serviceaccount", ACCOUNT, "--output=jsonpath={.metadata.uid}")
    token_file = tmp_path / "token"

    def renew(seconds: float) -> None:
        token_file.write_text(control_plane.short_token(namespace, ACCOUNT, uid=uid, seconds=seconds))

    kubeconfig = write_kubeconfig(
        tmp_path / "kubeconfig",
        url=control_plane.url,
        ca=control_plane.ca,
        user={"tokenFile": str(token_file)},
        namespace=namespace,
    )
    kubectl.apply(a_blacklist("112"))
    renew(FIRST_TOKEN_SECONDS)
    operator = start_operator(kubeconfig=kubeconfig)
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    # Nothing goes without a token, nothing breaks, and it goes on with the next one. The API server remembers for ten
    # seconds that a token was good.
    with api_client(kubeconfig) as api:
        until(lambda: api.get("/version").status_code == 401)
    kubectl.apply(a_blacklist("9001"))
    time.sleep(2)
    assert governed.patterns == ["112"]
    renew(600)
    until(lambda: governed.patterns == ["9001"], lambda: operator.text, seconds=90)
    kubectl.wait_for("Ready", "blacklist/never")
    assert token_file.read_text() not in operator.text


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [10, pytest.param(1800, marks=[pytest.mark.faults, pytest.mark.timeout(3600)])])
def test_requests_that_fail_for_long_leave_nothing_behind(
    governed: RecorderProcess, kubectl: Kubectl, start_operator: StartOperator, control_plane: Access, seconds: int
):
    kubectl.apply(a_blacklist("112"))
    with FailingApi(control_plane.url, control_plane.ca) as api:
        operator = start_operator(url=api.url)
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        before, memory = usage(operator), memory_mib(operator)
        # Half of the requests fail, then all of them, then half again: what was applied meanwhile comes into force.
        api.share = 0.5
        kubectl.apply(a_blacklist("9001"))
        until(lambda: governed.patterns == ["9001"], lambda: operator.text, seconds=90)
        api.share = 1.0
        kubectl.apply(a_blacklist("9002"))
        time.sleep(seconds)
        assert governed.patterns == ["9001"]
        assert operator.process.poll() is None, operator.text
        assert operator.get("/healthz")[0] == 200
        api.share = 0.5
        until(lambda: governed.patterns == ["9002"], lambda: operator.text, seconds=90)
        api.share = 0.0
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        assert api.failed > seconds
        until(lambda: no_more(usage(operator), before), lambda: operator.text)
        assert memory_mib(operator) < memory + GROWN_MIB


def no_more(after: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether no more is held than before, connections that are kept open aside."""
    return after["tasks"] <= before["tasks"] and after["fds"] <= before["fds"] + 8


def memory_mib(operator: OperatorProcess) -> float:
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
