"""The published JSON Schemas: valid themselves, strict, and found where editors and kubeconform look."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.schema_json import index_schema, json_documents, json_schema, schema_name

REGISTRY = Registry().with_resources(
    (f"https://x/{schema_name(kind)}", Resource.from_contents(json_schema(model))) for kind, model in KINDS.items()
)
INDEX = Draft7Validator({"$id": "https://x/index.json", **index_schema()}, registry=REGISTRY)


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "properties" in schema:
        yield schema
        for field in schema["properties"].values():
            yield from objects(field)
    if "items" in schema:
        yield from objects(schema["items"])


def test_each_kind_is_where_kubeconform_looks_for_it():
    assert set(json_documents()) == {
        "schemas/callkeeper.dev/index.json",
        *(f"schemas/callkeeper.dev/{kind.lower()}_v1alpha1.json" for kind in KINDS),
    }


@pytest.mark.parametrize("text", json_documents().values(), ids=json_documents())
def test_each_file_is_a_schema_of_the_draft_it_names(text: bytes):
    schema = json.loads(text)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_fields_are_refused_and_known_ones_described(kind: str):
    for node in objects(json_schema(KINDS[kind])):
        assert node["additionalProperties"] is False
        assert all(field["description"] for field in node["properties"].values())


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_left_out_may_be_null_and_nothing_else_may(kind: str):
    for node in objects(json_schema(KINDS[kind])):
        required = set(node.get("required", []))
        for name, field in node["properties"].items():
            assert ("null" in field["type"]) is (name not in required), name
            assert (None in field.get("enum", [])) is ("enum" in field and name not in required), name


def test_the_index_lets_other_groups_pass():
    assert INDEX.is_valid({"apiVersion": "apps/v1", "kind": "Deployment", "spec": 5})
    assert INDEX.is_valid({"apiVersion": "callkeeper.development/v1", "kind": "Blacklist"})


def test_the_index_sends_each_kind_to_its_own_schema():
    for kind in KINDS:
        document = {"apiVersion": "callkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}}
        (error,) = INDEX.iter_errors(
            {**document, "nonsense": 1, "spec": SPECS.get(kind, {"recorderRef": {"name": "r"}})}
        )
        assert "nonsense" in error.message


SPECS: dict[str, dict[str, Any]] = {
    "Recorder": {},
    "AuditExport": {"recorderRef": {"name": "r"}, "from": "2026-11-22", "to": "2026-11-23"},
}


def test_the_index_refuses_a_kind_or_version_of_ours_that_there_is_not():
    assert not INDEX.is_valid({"apiVersion": "callkeeper.dev/v1alpha1", "kind": "Blaklist"})
    assert not INDEX.is_valid({"apiVersion": "callkeeper.dev/v2", "kind": "Blacklist"})
