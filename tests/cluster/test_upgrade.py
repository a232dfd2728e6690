"""Another release's definitions over stored objects: from the previous one to ours and back, and back from a later one.

Facts
    The API server stores objects as they were sent and prunes what the definition in force does not know whenever it
    reads. A field of a later release is therefore out of sight after a downgrade, and lost once the object is written.
    Definitions are swapped some hundred milliseconds after they were answered; the tables tell which are in force.
"""

import time
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML
from tests.cluster.api import MERGE, api_client, path_of
from tests.cluster.fixtures import StartControlPlane
from tests.cluster.installing import CRDS, install_crds
from tests.cluster.kubectl import Kubectl
from tests.kinds.corpus import corpus

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.reading import read_object
from callkeeper.manifests.documents import read_bytes

PREVIOUS = Path(__file__).parent / "previous-crds"
SWAPPED_SECONDS = 60.0


def test_the_previous_release_differs_from_this_one():
    files = sorted(PREVIOUS.glob("*.yaml"))
    assert [file.name for file in files] == [file.name for file in sorted(CRDS.glob("*.yaml"))]
    assert any(file.read_bytes() != (CRDS / file.name).read_bytes() for file in files)


def test_stored_objects_survive_an_upgrade_and_a_downgrade(private_control_plane: StartControlPlane):
    access = private_control_plane(crds=False).access
    kubectl = Kubectl(access.kubeconfig)
    kubectl("create", "namespace", "voice")
    with api_client(access.kubeconfig) as api:
        install_crds(access.kubeconfig, PREVIOUS)
        written = store(api, "by-the-previous")
        switch(api, access.kubeconfig, CRDS)
        assert specs(api, written) == written
        write_again(api, written)
        written |= store(api, "by-this-one")
        switch(api, access.kubeconfig, PREVIOUS)
        assert specs(api, written) == written
        write_again(api, written)
        switch(api, access.kubeconfig, CRDS)
        assert specs(api, written) == written
        assert set(generations(api, written)) == {1}


def test_a_field_of_a_later_release_is_out_of_sight_and_back_after_an_upgrade(private_control_plane: StartControlPlane):
    access = private_control_plane().access
    kubectl = Kubectl(access.kubeconfig)
    kubectl("create", "namespace", "voice")
    with api_client(access.kubeconfig) as api:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=later_blacklists())
        wait_for_field(api, "season")
        later = {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112"}], "season": "winter"}
        for name in ("untouched", "written"):
            create(api, "Blacklist", name, later)
        kubectl("apply", "--server-side", "--force-conflicts", "-f", CRDS / "callkeeper.dev_blacklists.yaml")
        wait_for_field(api, "season", there=False)
        seen = {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112"}]}
        path = path_of("blacklists", "voice")
        for name in ("untouched", "written"):
            value = api.get(f"{path}/{name}").json()
            assert value["spec"] == seen
            assert read_object(value).resource is not None  # the operator of this release goes on
        annotate = {"metadata": {"annotations": {"a": "b"}}}
        api.patch(f"{path}/written", json=annotate, headers={"Content-Type": MERGE}).raise_for_status()
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=later_blacklists())
        wait_for_field(api, "season")
        assert api.get(f"{path}/untouched").json()["spec"] == later
        assert api.get(f"{path}/written").json()["spec"] == seen


def store(api: httpx.Client, prefix: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Every good document of the corpus that both releases know, as it reads afterwards, by kind and name."""
    written = {}
    fields = {kind: previous_fields(kind) for kind in NAMES}
    good = [one for one in corpus() if one.good and one.value.get("spec")]
    known = [one for one in good if set(one.value["spec"]) <= fields[one.value["kind"]]]
    assert len(known) > len(good) * 0.9
    for position, document in enumerate(known):
        kind, name = document.value["kind"], f"{prefix}-{position}"
        written[kind, name] = create(api, kind, name, document.value["spec"])
    return written


def previous_fields(kind: str) -> set[str]:
    """The fields of a spec as the previous release defines them."""
    definition = YAML(typ="safe").load(PREVIOUS / f"callkeeper.dev_{NAMES[kind].plural}.yaml")
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return set(schema["properties"]["spec"]["properties"])


def create(api: httpx.Client, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    value = {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    answer = api.post(path_of(NAMES[kind].plural, "voice"), params={"fieldValidation": "Strict"}, json=value)
    stored: dict[str, Any] = answer.raise_for_status().json()["spec"]
    return stored


def read_all(
    api: httpx.Client, written: dict[tuple[str, str], dict[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (kind, one["metadata"]["name"]): one
        for kind in sorted({kind for kind, _ in written})
        for one in api.get(path_of(NAMES[kind].plural, "voice")).raise_for_status().json()["items"]
    }


def specs(api: httpx.Client, written: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {key: one["spec"] for key, one in read_all(api, written).items()}


def generations(api: httpx.Client, written: dict[tuple[str, str], dict[str, Any]]) -> list[int]:
    return [one["metadata"]["generation"] for one in read_all(api, written).values()]


def write_again(api: httpx.Client, written: dict[tuple[str, str], dict[str, Any]]) -> None:
    """As the operator does: a status for each, and an annotation."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Programmed",
        "message": "In force",
        "lastTransitionTime": "2026-11-23T08:00:00Z",
        "observedGeneration": 1,
    }
    for kind, name in written:
        path, headers = path_of(NAMES[kind].plural, "voice", name), {"Content-Type": MERGE}
        status = {"status": {"observedGeneration": 1, "conditions": [ready]}}
        api.patch(f"{path}/status", json=status, headers=headers).raise_for_status()
        api.patch(path, json={"metadata": {"annotations": {"a": str(time.time())}}}, headers=headers).raise_for_status()


def switch(api: httpx.Client, kubeconfig: Path, folder: Path) -> None:
    """Apply other definitions, and wait until every kind is served by them."""
    install_crds(kubeconfig, folder)
    for file in folder.glob("*.yaml"):
        (document,) = read_bytes(file.read_bytes(), file.name).documents
        spec = document.value["spec"]
        wanted = [column["name"] for column in spec["versions"][0]["additionalPrinterColumns"]]
        path = path_of(spec["names"]["plural"], "voice")
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        deadline = time.monotonic() + SWAPPED_SECONDS
        while [one["name"] for one in api.get(path, headers=accept).json()["columnDefinitions"]][1:] != wanted:
            assert time.monotonic() < deadline, path
            time.sleep(0.05)


def later_blacklists() -> str:
    """The definition of blacklists with one field more."""
    text = (CRDS / "callkeeper.dev_blacklists.yaml").read_text()
    field = "                season:\n                  type: string\n                  maxLength: 16\n"
    before, mark, after = text.partition("                ranges:\n")
    assert mark
    return before + field + mark + after


def wait_for_field(api: httpx.Client, field: str, *, there: bool = True) -> None:
    """Wait until the field is in what blacklists may hold, or is there no more."""
    value = {
        "apiVersion": "callkeeper.dev/v1alpha1",
        "kind": "Blacklist",
        "metadata": {"name": "probe"},
        "spec": {"recorderRef": {"name": "teams"}, field: "winter"},
    }
    options = {"dryRun": "All", "fieldValidation": "Strict"}
    deadline = time.monotonic() + SWAPPED_SECONDS
    while api.post(path_of("blacklists", "voice"), params=options, json=value).is_success is not there:
        assert time.monotonic() < deadline
        time.sleep(0.05)
