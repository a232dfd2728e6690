"""Writes the CustomResourceDefinitions, one file per kind, from the models.

Facts
    The API server takes structural schemas only: no references, no `additionalProperties: false` (unknown fields are
    refused by `fieldValidation=Strict` and pruned otherwise), no `const`, no null types, `metadata` bare. Nothing is
    defaulted in the spec: a manifest applied and read back shows no difference. Only `status` has defaults.
    Lists are atomic: keyed per item, the API server would keep ownership for each entry, and the object would outgrow
    what it can store. Rules across fields are CEL and stand on the model (`Part.cel`).
"""

from collections.abc import Mapping
from typing import Any

from callkeeper.kinds.crd_names import IN_FORCE_COLUMNS, NAMES, RECORDER_COLUMN, Column
from callkeeper.kinds.crd_status import INITIAL_CONDITIONS, Status
from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.schema_tree import Schema, schema_tree
from callkeeper.kinds.schema_yaml import to_yaml
from callkeeper.kinds.terms import GROUP, VERSION

CATEGORY = "callkeeper"
"""`kubectl get callkeeper` lists every kind."""

_HEADER = "# Written by `callkeeper schema --write` from controller/callkeeper/kinds; edit there.\n"
_DROPPED = {"cel", "properties", "required", "items", "default", "additionalProperties", "propertyNames"}


def crd(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as plain values."""
    names = NAMES[kind]
    attached = kind != "Recorder"
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            _column(column) for column in (*names.columns, *((RECORDER_COLUMN,) if attached else ()), *IN_FORCE_COLUMNS)
        ],
        "schema": {"openAPIV3Schema": _schema(kind)},
        "subresources": {"status": {}},
    }
    if attached:
        version["selectableFields"] = [{"jsonPath": ".spec.recorderRef.name"}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "categories": [CATEGORY],
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": names.plural,
                "shortNames": [names.short],
                "singular": kind.lower(),
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def crd_documents() -> dict[str, bytes]:
    """The files of all CRDs by their path below the repository's root."""
    return {f"crds/{GROUP}_{NAMES[kind].plural}.yaml": (_HEADER + to_yaml(crd(kind))).encode() for kind in KINDS}


def _column(column: Column) -> dict[str, Any]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path, "description": column.description}
    return shown | ({"priority": 1} if column.wide else {})


def _schema(kind: str) -> Schema:
    tree = schema_tree(KINDS[kind])
    properties = {name: _structural(field) for name, field in tree["properties"].items()}
    for name in ("apiVersion", "kind"):
        # The API server has chosen the schema by them; it allows no more than this to be said again.
        properties[name] = {"description": properties[name]["description"], "type": "string"}
    properties["metadata"] = {"type": "object"}
    properties["status"] = _status(NAMES[kind].status)
    return {
        "description": tree["description"],
        "type": "object",
        "required": [name for name in tree["required"] if name not in {"apiVersion", "kind"}],
        "properties": properties,
    }


def _status(model: type[Status]) -> Schema:
    tree = schema_tree(model)
    status = _structural(tree)
    conditions = status["properties"]["conditions"]
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    initial = [dict(condition) for condition in INITIAL_CONDITIONS]
    conditions["default"] = initial
    # A default is applied only where its parent is, so the status as a whole has one too.
    status["default"] = {"conditions": initial}
    return status


def _structural(node: Mapping[str, Any]) -> Schema:
    """One node of the tree in the API server's dialect."""
    schema: Schema = {name: value for name, value in node.items() if name not in _DROPPED}
    if "items" in node:
        schema["items"] = _structural(node["items"])
        schema["x-kubernetes-list-type"] = "atomic"
    if "properties" in node:
        if node["required"]:
            schema["required"] = list(node["required"])
        schema["properties"] = {name: _structural(field) for name, field in node["properties"].items()}
        if node["cel"]:
            schema["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in node["cel"]]
    return schema
