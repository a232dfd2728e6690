"""Who can reach the embedded recorder."""

from contextlib import closing

import pytest

from callkeeper.local.exits import CannotRun
from callkeeper.local.exposure import exposed_address
from callkeeper.local.listening import bind


@pytest.mark.parametrize(("host", "exposed"), [("127.0.0.1", None), ("localhost", None), ("0.0.0.0", "0.0.0.0")])
def test_only_the_loopback_address_is_for_this_machine_alone(host, exposed):
    with closing(bind(host, 0)) as bound:
        assert exposed_address(bound) == exposed


@pytest.mark.parametrize(("host", "exposed"), [("::1", None), ("::", "::")])
def test_of_ipv6_likewise(host, exposed):
    try:
        bound = bind(host, 0)
    except CannotRun:
        pytest.skip("this machine has no IPv6")
    with closing(bound):
        assert exposed_address(bound) == exposed


def test_who_listens_for_other_machines_is_told_that_it_is_plain_http(up):
    running = up("--host", "0.0.0.0")
    told = running.wait_for("PlainHttp")["message"]
    assert "0.0.0.0" in told
    assert "--tls-cert" in told
    assert "proxy with TLS" in told
    running.started()
    assert "PlainHttp" not in {one["event"] for one in up("--state", str(running.home / "other")).started().events}
