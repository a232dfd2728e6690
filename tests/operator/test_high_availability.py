"""Two replicas, one of them leading: who takes over, how soon, and that the other one writes nothing any more.

A silent API server and a stolen or deleted Lease are in `test_lease` too, in a second each.
"""

import signal
import time

import pytest
from tests.cluster.control_plane import Access
from tests.cluster.proxy import Proxy
from tests.operator.cluster_objects import a_blacklist
from tests.operator.processes import until


@pytest.fixture
def in_force(governed, kubectl):
    kubectl.apply(a_blacklist("112"))
    return governed


def lease(kubectl):
    return kubectl.json("get", "lease", "callkeeper-operator")


def test_who_is_killed_is_followed_and_who_ends_hands_over(in_force, kubectl, start_operator):
    first = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    second = start_operator()
    second.said("listed")
    assert second.get("/readyz")[0] == 200, "who stands by is ready"
    began = time.monotonic()
    first.end(signal.SIGKILL)
    assert second.leads() > first.leads()
    assert time.monotonic() - began < 15
    # The recorder is told the new epoch, though nothing else is to be put: who was killed might as well be paused.
    until(lambda: in_force.in_force["epoch"] == second.leads(), lambda: second.text)
    third = start_operator()
    third.said("listed")
    began = time.monotonic()
    assert second.end() == 0
    assert time.monotonic() - began < 2 + 1, "a clean stop takes two seconds"  # one of a loaded machine
    assert third.leads(seconds=3 + 2) > 0
    kubectl.apply(a_blacklist("113"))
    until(lambda: in_force.patterns == ["113"], lambda: third.text)


def test_a_leader_that_was_paused_writes_nothing_when_it_wakes(in_force, kubectl, start_operator):
    first = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    first.pause()
    second = start_operator()
    epoch = second.leads()
    kubectl.apply(a_blacklist("113"))
    until(lambda: in_force.patterns == ["113"], lambda: second.text)
    holder = lease(kubectl)["spec"]["holderIdentity"]
    first.wake()
    first.said("not_leading")
    time.sleep(3)
    assert in_force.patterns == ["113"]
    assert in_force.in_force["epoch"] == epoch
    assert lease(kubectl)["spec"]["holderIdentity"] == holder
    # What it might have sent before it noticed is refused by the recorder: its epoch is older.
    envelope = {"owner": in_force.in_force["owner"], "epoch": first.leads(), "confirmations": []}
    envelope["config"] = in_force.in_force["config"]
    code, answer = in_force.ask("PUT", "/v1/config", envelope, If_Match=f'"{in_force.in_force["revision"]}"')
    assert (code, answer["type"]) == (409, "/problems/stale-epoch")


@pytest.mark.faults
def test_a_leader_whose_api_server_falls_silent_stops_before_another_begins(
    in_force, kubectl, start_operator, control_plane: Access
):
    with Proxy(control_plane.url) as proxy:
        first = start_operator(url=proxy.url)
        kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
        second = start_operator()
        second.said("listed")
        proxy.silence()
        stopped = first.said("not_leading")
        led = second.said("leading")
        assert stopped["timestamp"] < led["timestamp"]
        proxy.heal()
        kubectl.apply(a_blacklist("113"))
        until(lambda: in_force.patterns == ["113"], lambda: second.text)
        # And is of use again.
        seen = len(first.log)
        second.end()
        first.said("leading", after=seen)
        kubectl.apply(a_blacklist("114"))
        until(lambda: in_force.patterns == ["114"], lambda: first.text)


@pytest.mark.faults
def test_a_stolen_lease_ends_the_term_at_once_and_a_deleted_one_does_no_harm(in_force, kubectl, start_operator):
    operator = start_operator()
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    spec = '{"spec": {"holderIdentity": "a-thief", "leaseDurationSeconds": 1}}'
    kubectl("patch", "lease", "callkeeper-operator", "--type=merge", "-p", spec)
    seen = len(operator.log)
    operator.said("lease_lost", seconds=10)
    operator.said("leading", after=seen)
    # The thief's term was waited out, so that the recorder is told of the next one.
    until(lambda: in_force.in_force["epoch"] > 1, lambda: operator.text)
    kubectl("delete", "lease", "callkeeper-operator")
    seen = len(operator.log)
    operator.said("not_leading", after=seen)
    operator.said("leading", after=seen, epoch=1)
    kubectl.apply(a_blacklist("115"))
    until(lambda: in_force.patterns == ["115"], lambda: operator.text)
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    assert in_force.in_force["epoch"] > 1, "an epoch only grows, whoever counts"
