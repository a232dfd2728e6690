"""What the API server makes of our kinds: nothing is changed, a status is there at once, and tables answer."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.api import MERGE, apply, path_of
from tests.cluster.kubectl import Kubectl, KubectlError, as_list
from tests.kinds.corpus import corpus

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.reading import KINDS
from callkeeper.manifests.documents import read_bytes

ROOT = Path(__file__).parents[2]
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
WRITTEN_BY_THE_SERVER = {"creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid"}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

MINIMAL: Mapping[str, dict[str, Any]] = {
    **{kind: {"recorderRef": {"name": "teams"}} for kind in KINDS},
    "Recorder": {},
    "AuditExport": {
        "recorderRef": {"name": "teams"},
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-11-02T00:00:00Z",
    },
}


def object_of(kind: str, name: str = "minimal") -> dict[str, Any]:
    value = {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
    return value | {"spec": MINIMAL[kind]}


def examples() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The objects of every example folder, without namespaces: each goes into one of its own."""
    for folder in sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir()):
        documents = [
            one for file in sorted(folder.rglob("*.yaml")) for one in read_bytes(file.read_bytes(), "").documents
        ]
        ours = [document.value for document in documents if "callkeeper.dev" in str(document.value.get("apiVersion"))]
        for value in ours:
            value["metadata"].pop("namespace", None)
        yield folder.name, ours


@pytest.mark.parametrize("file", CRDS, ids=lambda file: file.stem)
def test_every_definition_applies_under_strict_validation(kubectl: Kubectl, file: Path):
    for way in ((), ("--server-side", "--force-conflicts")):
        assert not kubectl.run("apply", *way, "--validate=strict", "--dry-run=server", "-f", file).returncode


@pytest.mark.parametrize("way", ["client-side", "server-side"])
def test_what_was_applied_reads_back_without_a_difference(
    kubectl: Kubectl, api: httpx.Client, namespace: str, way: str
):
    options = ["--server-side"] if way == "server-side" else []
    for example, objects in examples():
        namespaced = [value | {"metadata": value["metadata"] | {"namespace": namespace}} for value in objects]
        text = as_list(namespaced)
        kubectl("apply", *options, "--validate=strict", "-f", "-", stdin=text)
        before = stored(api, namespaced)
        for wanted, found in zip(namespaced, before, strict=True):
            assert found["spec"] == wanted["spec"], example
            metadata = {name: value for name, value in found["metadata"].items() if name not in WRITTEN_BY_THE_SERVER}
            annotations = {name: text for name, text in metadata.get("annotations", {}).items() if name != LAST_APPLIED}
            assert annotations == wanted["metadata"].get("annotations", {}), example
            assert metadata.get("labels") == wanted["metadata"].get("labels"), example
        # Exit code 1 is a difference: what Argo CD and Flux call out of sync.
        diff = kubectl.run("diff", *options, "-f", "-", stdin=text)
        assert diff.returncode == 0, diff.stdout + diff.stderr
        again = [applied_again(kubectl, api, namespaced, options) for _ in range(2)]
        assert {one["metadata"]["generation"] for one in again[0]} == {1}
        # The first server-side apply after the create stores the status that was defaulted, and only that.
        assert versions(again[1]) == versions(again[0])
        assert options or versions(again[0]) == versions(before)
        for value in namespaced:
            api.delete(path_of(NAMES[value["kind"]].plural, namespace, value["metadata"]["name"])).raise_for_status()


def applied_again(
    kubectl: Kubectl, api: httpx.Client, objects: list[dict[str, Any]], options: list[str]
) -> list[dict[str, Any]]:
    kubectl("apply", *options, "--validate=strict", "-f", "-", stdin=as_list(objects))
    return stored(api, objects)


def versions(objects: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["resourceVersion"] for one in objects]


def stored(api: httpx.Client, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        api.get(path_of(NAMES[one["kind"]].plural, one["metadata"]["namespace"], one["metadata"]["name"]))
        .raise_for_status()
        .json()
        for one in objects
    ]


def test_nothing_is_added_to_a_stored_spec(api: httpx.Client, namespace: str):
    minimal = [object_of(kind) for kind in KINDS]
    good = [
        {name: document.value[name] for name in ("apiVersion", "kind", "spec")}
        | {"metadata": {"name": f"good-{position}"}}
        for position, document in enumerate(corpus())
        if document.good and document.value.get("spec")
    ]
    for value in (*minimal, *good):
        path = path_of(NAMES[value["kind"]].plural, namespace)
        options = {"fieldValidation": "Strict"}
        api.post(path, params=options, json=value).raise_for_status()
        assert api.get(f"{path}/{value['metadata']['name']}").json()["spec"] == without_nulls(value["spec"]), value


def without_nulls(value: Any) -> Any:
    """A null field is an absent one, for the API server as for us."""
    if isinstance(value, dict):
        return {name: without_nulls(field) for name, field in value.items() if field is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def test_at_first_sight_everything_is_unknown_and_one_can_wait_for_it(
    kubectl: Kubectl, api: httpx.Client, namespace: str
):
    kubectl.apply(*(object_of(kind) for kind in KINDS))
    names = [f"{kind.lower()}/minimal" for kind in KINDS]
    for one in kubectl.json("get", *names)["items"]:
        said = {condition["type"]: condition["status"] for condition in one["status"]["conditions"]}
        assert said == {"Ready": "Unknown", "Reconciling": "True"}, one["kind"]
    with pytest.raises(KubectlError, match="timed out") as caught:
        kubectl.wait_for("Ready", *names, seconds=0.3)
    assert str(caught.value).count("timed out waiting for the condition") == len(KINDS)
    waiting = kubectl.start("wait", "--for=condition=Ready", "--timeout=50s", *names)
    try:
        for kind in KINDS:
            status = {
                "observedGeneration": 1,
                "conditions": [condition("Ready", "True", "Programmed", age=timedelta())],
            }
            set_status(api, kind, namespace, status)
        said_at_the_end, _ = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
    assert waiting.returncode == 0
    assert said_at_the_end.count("condition met") == len(KINDS)


def condition(kind: str, status: str, reason: str, *, age: timedelta, message: str = "So it is") -> dict[str, Any]:
    since = (datetime.now(tz=UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
        "observedGeneration": 1,
    }


def set_status(api: httpx.Client, kind: str, namespace: str, status: dict[str, Any], name: str = "minimal") -> None:
    path = path_of(NAMES[kind].plural, namespace, name, sub="status")
    api.patch(path, json={"status": status}, headers={"Content-Type": MERGE}).raise_for_status()


def test_the_table_answers_in_force_or_not_why_and_since_when(kubectl: Kubectl, api: httpx.Client, namespace: str):
    kubectl.apply(*(object_of(kind) for kind in KINDS))
    age = timedelta(minutes=7, seconds=1)
    for kind in KINDS:
        said = condition("Ready", "False", "Conflicted", age=age, message="RecordingPolicy/other is in force")
        set_status(api, kind, namespace, {"conditions": [condition("Accepted", "True", "Valid", age=age), said]})
    tables = kubectl("get", "callkeeper", "--output=wide").split("\n\n")
    assert len(tables) == len(KINDS)
    for table in tables:
        heading, line = table.strip().splitlines()
        starts = [(name, re.search(rf"(?:^| ){name}(?: |$)", heading).start()) for name in heading.split()]
        cells = {name: line[start:].strip().split("  ")[0] for name, start in starts}
        assert cells["READY"] == "False"
        assert cells["REASON"] == "Conflicted"
        assert cells["SINCE"].startswith("7m")
        assert cells["MESSAGE"] == "RecordingPolicy/other is in force"
        assert cells["AGE"].endswith("s")


def test_everywhere_means_every_namespace(kubectl: Kubectl, namespace: str):
    kubectl.apply(object_of("Blacklist"))
    lines = Kubectl(kubectl.kubeconfig)("get", "callkeeper", "--all-namespaces").splitlines()
    assert any(line.startswith(namespace) and "blacklist.callkeeper.dev/minimal" in line for line in lines)


def test_the_status_is_not_written_by_its_object_and_the_other_way_round(api: httpx.Client, namespace: str):
    path = path_of("blacklists", namespace, "minimal")
    value = object_of("Blacklist") | {"status": {"entries": 7}}
    assert "entries" not in apply(api, path, value).raise_for_status().json()["status"]
    status = {"status": {"entries": 7}, "spec": {"recorderRef": {"name": "other"}}}
    answer = api.patch(f"{path}/status", json=status, headers={"Content-Type": MERGE}).raise_for_status().json()
    assert (answer["status"]["entries"], answer["spec"]["recorderRef"]["name"]) == (7, "teams")
    assert answer["metadata"]["generation"] == 1


def test_objects_are_selected_by_their_recorder(kubectl: Kubectl):
    other = object_of("Blacklist", "other") | {"spec": {"recorderRef": {"name": "other"}}}
    kubectl.apply(object_of("Blacklist"), other)
    found = kubectl.json("get", "blacklists", "--field-selector=spec.recorderRef.name=other")["items"]
    assert [one["metadata"]["name"] for one in found] == ["other"]


def test_a_blacklist_of_20000_numbers_is_taken_and_its_status_too(api: httpx.Client, namespace: str):
    numbers = [{"pattern": f"+39{number:010}"} for number in range(20_000)]
    value = object_of("Blacklist") | {"spec": {"recorderRef": {"name": "teams"}, "numbers": numbers}}
    start = time.monotonic()
    apply(api, path_of("blacklists", namespace, "minimal"), value).raise_for_status()
    set_status(api, "Blacklist", namespace, {"entries": 20_000})
    assert time.monotonic() - start < 60  # an expression over the list would take minutes
