"""`callkeeper webhook`: what it refuses to run with, said before anything is opened."""

import pytest
from click.testing import CliRunner

from callkeeper.cli.webhook import webhook

OWN = ("--self-managed-certificates", "--certificate-name", "callkeeper-webhook.callkeeper.svc")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say where certificates come from"),
        (("--self-managed-certificates",), "--certificate-name"),
        (("--tls-cert", __file__), "--tls-cert and --tls-key go together"),
        ((*OWN, "--tls-cert", __file__, "--tls-key", __file__), "say where certificates come from"),
        ((*OWN, "--listen", "8443"), "--listen takes HOST:PORT"),
        ((*OWN, "--health-listen", "[::1]:99999"), "--health-listen takes HOST:PORT"),
        ((*OWN, "--operator", "http://operator:8480"), "--operator takes --changes-token-file too"),
        ((*OWN, "--operator", "operator:8480", "--changes-token-file", __file__), "--operator takes a URL"),
    ],
)
def test_what_cannot_be_meant_is_said(arguments, said):
    result = CliRunner().invoke(webhook, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_without_a_cluster_it_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(webhook, [*OWN, "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"])
    assert result.exit_code == 2
    assert "set KUBECONFIG" in result.output
