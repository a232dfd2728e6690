"""Argo CD's health checks, run by a Lua interpreter on their own test data, and beside kstatus, which Flux goes by."""

from pathlib import Path
from typing import Any

import lupa
import pytest
from ruamel.yaml import YAML
from tests.deploy.rendering import DEPLOY

from callkeeper.kinds.reading import KINDS

ARGO_CD = DEPLOY / "argo-cd"
GROUP = ARGO_CD / "resource_customizations" / "callkeeper.dev"


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def lua_value(runtime: lupa.LuaRuntime, value: Any) -> Any:
    """Plain values as Lua's tables."""
    if isinstance(value, dict):
        return runtime.table_from({key: lua_value(runtime, item) for key, item in value.items()})
    if isinstance(value, list):
        return runtime.table_from([lua_value(runtime, item) for item in value])
    return value


def health(script: str, found: dict[str, Any]) -> dict[str, Any]:
    """What Argo CD would say: the script is run with `obj`, without libraries that reach outside."""
    runtime = lupa.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    runtime.execute("os, io, require, dofile, loadfile, package, debug = nil, nil, nil, nil, nil, nil, nil")
    runtime.globals().obj = lua_value(runtime, found)
    return dict(runtime.execute(script))


def kstatus(found: dict[str, Any]) -> str:
    """The generic rules of kstatus (kubernetes-sigs/cli-utils), which need no plug-in."""
    if found["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = found.get("status", {})
    if status.get("observedGeneration", found["metadata"]["generation"]) != found["metadata"]["generation"]:
        return "InProgress"
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Ready") in {"False", "Unknown"}:
        return "InProgress"
    return "Current"


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
