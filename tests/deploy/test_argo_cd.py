"""Argo CD's health checks, run by a Lua interpreter on their own test data, and beside kstatus, which Flux goes by."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.deploy.health import GROUP, health, kstatus
from tests.deploy.rendering import DEPLOY

from callkeeper.kinds.reading import KINDS

ARGO_CD = DEPLOY / "argo-cd"


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


AGREEMENT = {
    "Healthy": {"Current"},
    "Progressing": {"InProgress", "Terminating"},
    "Degraded": {"Failed"},
    "Suspended": {"InProgress", "Current"},  # kstatus has no such word
}


def cases_of(kind: str) -> list[dict[str, Any]]:
    return load(GROUP / kind / "health_test.yaml")["tests"]


@pytest.mark.parametrize("kind", KINDS)
def test_health_is_what_its_test_data_says(kind: str) -> None:
    script = (GROUP / kind / "health.lua").read_text()
    seen = set()
    for case in cases_of(kind):
        found = load(GROUP / kind / case["inputPath"])
        assert found["kind"] == kind
        assert health(script, found) == case["healthStatus"], case["inputPath"]
        seen.add(case["healthStatus"]["status"])
        assert kstatus(found) in AGREEMENT[case["healthStatus"]["status"]], case["inputPath"]
    assert seen == {"Healthy", "Progressing", "Degraded", "Suspended"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_without_a_status_is_not_healthy(kind: str) -> None:
    script = (GROUP / kind / "health.lua").read_text()
    for status in ({}, {"status": {}}, {"status": {"conditions": []}}):
        found = {"metadata": {"name": "x", "generation": 1}, "spec": {}, **status}
        assert health(script, found)["status"] == "Progressing"


def test_the_config_map_carries_the_same_functions() -> None:
    data = load(ARGO_CD / "argocd-cm.yaml")["data"]
    assert {key.rpartition("_")[2] for key in data} == set(KINDS)
    for kind in KINDS:
        assert (
            data[f"resource.customizations.health.callkeeper.dev_{kind}"] == (GROUP / kind / "health.lua").read_text()
        )


def test_every_file_of_test_data_is_tested() -> None:
    for kind in KINDS:
        there = {path.relative_to(GROUP / kind).as_posix() for path in (GROUP / kind / "testdata").iterdir()}
        assert there == {case["inputPath"] for case in cases_of(kind)}
