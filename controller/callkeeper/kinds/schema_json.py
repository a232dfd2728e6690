"""The published JSON Schemas: one per kind, and an index that editors are pointed at for whole files.

Draft 7, which editors (yaml-language-server), kubeconform and `jsonschema` all read alike. A field that may be left out
may also be null, as the API server has it. What no schema can say (one field against another, one entry against the
rest) is said by `reading`; tests/corpus/differences.yaml lists where that shows.
"""

import json
from collections.abc import Mapping
from typing import Any

from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.resource import Resource
from callkeeper.kinds.schema_tree import Schema, schema_tree
from callkeeper.kinds.terms import API_VERSION, GROUP, VERSION

_DRAFT = "http://json-schema.org/draft-07/schema#"

INDEX_NAME = "index.json"


def schema_name(kind: str) -> str:
    """The file name of a kind's schema, in the layout kubeconform looks for."""
    return f"{kind.lower()}_{VERSION}.json"


def json_schema(model: type[Resource]) -> Schema:
    """The published schema of one kind."""
    kind = model.__name__
    return {"$schema": _DRAFT, "title": f"{kind} ({API_VERSION})"} | _dialect(schema_tree(model), required=True)


def index_schema() -> Schema:
    """A schema for any document: those of our group must be of a kind there is, others may be anything."""
    ours = {"required": ["apiVersion"], "properties": {"apiVersion": {"pattern": f"^{GROUP.replace('.', '[.]')}/"}}}
    kinds = list(KINDS)
    return {
        "$schema": _DRAFT,
        "title": f"Settings of {GROUP}, and whatever else stands beside them",
        "description": "Picks the schema by apiVersion and kind; documents of other groups pass.",
        "type": "object",
        "properties": {
            "apiVersion": {"description": f"`{API_VERSION}` for settings of a recorder.", "type": "string"},
            "kind": {"description": f"For settings of a recorder: {', '.join(kinds)}.", "type": "string"},
        },
        "allOf": [
            {
                "if": ours,
                "then": {
                    "required": ["kind"],
                    "properties": {"apiVersion": {"enum": [API_VERSION]}, "kind": {"enum": kinds}},
                },
            },
            *({"if": _of_kind(ours, kind), "then": {"$ref": schema_name(kind)}} for kind in kinds),
        ],
    }


def json_documents() -> dict[str, bytes]:
    """The files of all schemas by their path below the repository's root."""
    schemas: dict[str, Schema] = {schema_name(kind): json_schema(model) for kind, model in KINDS.items()}
    schemas[INDEX_NAME] = index_schema()
    return {f"schemas/{GROUP}/{name}": _text(schema) for name, schema in schemas.items()}


def _of_kind(ours: Mapping[str, Any], kind: str) -> Schema:
    return {"required": ["apiVersion", "kind"], "properties": {**ours["properties"], "kind": {"enum": [kind]}}}


def _text(schema: Schema) -> bytes:
    return json.dumps(schema, indent=2).encode() + b"\n"


def _dialect(node: Mapping[str, Any], *, required: bool) -> Schema:
    """One node of the tree in this dialect; where the field may be left out, null is allowed."""
    schema: Schema = {name: value for name, value in node.items() if name not in {"cel", "properties", "items"}}
    if schema.get("default") == []:
        del schema["default"]
    if "properties" in node:
        names = set(node["required"])
        schema["properties"] = {
            name: _dialect(field, required=name in names) for name, field in node["properties"].items()
        }
        schema["additionalProperties"] = False
        if not names:
            del schema["required"]
    elif isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _dialect(node["additionalProperties"], required=False)
    if "items" in node:
        schema["items"] = _dialect(node["items"], required=True)
    if not required:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema
