"""From objects to a running recorder and back to their status, on a real API server."""

from tests.operator.cluster_objects import a_blacklist
from tests.operator.processes import until


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
