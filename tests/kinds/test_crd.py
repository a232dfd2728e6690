"""The CRDs, as far as it can be said without an API server that they are what one takes."""

from collections.abc import Iterator
from typing import Any

import pytest

from callkeeper.kinds.crd import crd, crd_documents
from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.reading import KINDS
from callkeeper.manifests.documents import read_bytes

SCREEN = 500
"""Characters of a description: six lines of a terminal."""

pytestmark = pytest.mark.parametrize("kind", list(KINDS))


def version_of(kind: str) -> dict[str, Any]:
    (version,) = crd(kind)["spec"]["versions"]
    return version


def schema_of(kind: str) -> dict[str, Any]:
    return version_of(kind)["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def test_the_file_holds_the_definition(kind: str):
    (content,) = (data for path, data in crd_documents().items() if path.endswith(f"_{NAMES[kind].plural}.yaml"))
    (document,) = read_bytes(content, kind).documents
    assert document.value == crd(kind)
    assert content.startswith(b"# Written by `callkeeper schema --write`")


def test_the_schema_is_structural(kind: str):
    allowed = {
        *("type", "description", "properties", "required", "items", "enum", "pattern", "format", "default"),
        *("minLength", "maxLength", "minimum", "maximum", "multipleOf", "maxItems"),
        *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
    }
    for path, node in nodes(schema_of(kind)):
        assert set(node) <= allowed, path
        assert isinstance(node["type"], str), path
        assert set(node.get("required", [])) <= set(node.get("properties", {})), path


def test_nothing_is_defaulted_into_the_spec(kind: str):
    assert [path for path, node in nodes(schema_of(kind)["properties"]["spec"]) if "default" in node] == []


def test_every_field_is_described_on_no_more_than_a_screen(kind: str):
    for path, node in nodes(schema_of(kind)):
        if path != "$.metadata" and not path.endswith("[]"):
            assert 0 < len(node["description"]) <= SCREEN, path
            assert node["description"].endswith("."), path


def test_optional_fields_say_what_their_absence_means_and_others_that_they_are_required(kind: str):
    for path, node in nodes(schema_of(kind)["properties"]["spec"]):
        for name, field in node.get("properties", {}).items():
            words = ("Required",) if name in node.get("required", []) else ("Default", "Absent", "absence")
            assert any(word in field["description"] for word in words), f"{path}.{name}"


def test_every_text_and_list_of_the_spec_is_bounded(kind: str):
    for path, node in nodes(schema_of(kind)["properties"]["spec"]):
        if node["type"] == "string":
            assert "maxLength" in node or "enum" in node, path
        if node["type"] == "array":
            assert "maxItems" in node, path
            assert node["x-kubernetes-list-type"] == "atomic", path
        if node["type"] == "integer":
            assert {"minimum", "maximum"} <= set(node), path


def test_no_rule_of_the_api_server_runs_over_a_list(kind: str):
    for path, node in nodes(schema_of(kind)):
        if "x-kubernetes-validations" in node:
            assert path == "$.spec"
            for rule in node["x-kubernetes-validations"]:
                assert not any(loop in rule["rule"] for loop in (".all(", ".exists(", ".map(", ".filter("))
                assert rule["message"]


def test_the_status_starts_as_unknown_and_reconciling(kind: str):
    status = schema_of(kind)["properties"]["status"]
    initial = status["default"]["conditions"]
    assert {condition["type"]: condition["status"] for condition in initial} == {
        "Ready": "Unknown",
        "Reconciling": "True",
    }
    conditions = status["properties"]["conditions"]
    assert conditions["default"] == initial
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert all(set(conditions["items"]["required"]) <= set(condition) for condition in initial)


def test_the_table_answers_whether_it_is_in_force(kind: str):
    names = [column["name"] for column in version_of(kind)["additionalPrinterColumns"] if not column.get("priority")]
    assert names[-4:] == ["Ready", "Reason", "Since", "Age"]
    assert ("Recorder" in names) is (kind != "Recorder")
    assert len(names) > 4


def test_the_columns_of_the_spec_and_status_are_there(kind: str):
    paths = {path.removeprefix("$") for path, _ in nodes(schema_of(kind))}
    for column in version_of(kind)["additionalPrinterColumns"]:
        if "[?" not in column["jsonPath"] and not column["jsonPath"].startswith(".metadata"):
            assert column["jsonPath"] in paths


def test_settings_can_be_selected_by_their_recorder(kind: str):
    selectable = version_of(kind).get("selectableFields", [])
    assert selectable == ([] if kind == "Recorder" else [{"jsonPath": ".spec.recorderRef.name"}])


def test_the_kind_has_its_short_name_and_category(kind: str):
    short = {
        "Recorder": "rec",
        "RecordingPolicy": "rpol",
        "UserPolicy": "upol",
        "RecordingFilter": "rfilt",
        "Blacklist": "bl",
        "RetentionRule": "rret",
        "AuditLog": "alog",
        "AuditExport": "aexp",
    }
    names = crd(kind)["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == ([short[kind]], ["callkeeper"])
