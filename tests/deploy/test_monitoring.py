"""What Prometheus is told holds of the code: every metric an alert is made of is there, with the labels it goes by."""

import re
from pathlib import Path

import pytest
from deploy.generate.monitoring import ALERTS, Alert
from tests.deploy.rendering import DEPLOY, documents

from callkeeper.local.installation_secrets import Installation, installation_secrets

PACKAGE = Path(__file__).parents[2] / "controller" / "callkeeper"
CODE = "".join(path.read_text() for path in sorted(PACKAGE.rglob("*.py")))
FOUND = documents((DEPLOY / "kustomize" / "components" / "monitoring" / "monitoring.yaml").read_text())


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_made_of_metrics_that_are_there(alert: Alert) -> None:
    names = re.findall(r"callkeeper_\w+", alert.expression)
    assert names
    for name in names:
        counter = name.removesuffix("_total")
        assert f'"{counter}"' in CODE, name
        if name != counter:
            kinds = rf'(Counter|CounterMetricFamily)\(\s*"{counter}"'
            assert re.search(kinds, CODE), f"{counter} is no counter"
    for label in re.findall(r"\$labels\.(\w+)", alert.summary):
        assert re.search(rf"by \([^)]*\b{label}\b", alert.expression), label
    assert alert.expression.count("(") == alert.expression.count(")")
    assert alert.severity in {"critical", "warning"}
    assert re.fullmatch(r"\d+m", alert.lasting)


def test_no_two_alerts_have_one_name_and_each_is_shipped_once() -> None:
    shipped = [
        rule["alert"]
        for one in FOUND
        if one["kind"] == "PrometheusRule"
        for group in one["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert sorted(shipped) == sorted(alert.name for alert in ALERTS)
    assert len(set(shipped)) == len(shipped)


def test_where_metrics_take_a_token_it_is_one_that_is_made() -> None:
    made = {
        one["metadata"]["name"]: set(one["data"])
        for one in installation_secrets(
            Installation(namespace="a", settings_namespace="b", log="b/c", administrator="a@example.com")
        )
    }
    monitors = [one for one in FOUND if one["kind"] == "ServiceMonitor"]
    assert len(monitors) == 4
    for monitor in monitors:
        for endpoint in monitor["spec"]["endpoints"]:
            if "authorization" in endpoint:
                credentials = endpoint["authorization"]["credentials"]
                assert credentials["key"] in made[credentials["name"]]
