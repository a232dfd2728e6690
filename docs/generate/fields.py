"""The table of a kind's fields, from the models' own docstrings and constraints."""

from collections.abc import Iterator
from typing import Any

from docs.generate.blocks import table

from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.resource import Metadata
from callkeeper.kinds.schema_tree import Schema, schema_tree

HEADER = ("field", "type", "meaning")
_WORDS = {"string": "text", "boolean": "boolean", "integer": "whole number", "object": "mapping"}


def fields_table(kind: str) -> str:
    """Every field below `spec` of this kind."""
    spec = schema_tree(KINDS[kind])["properties"]["spec"]
    return table(HEADER, [_row(path, node) for path, node in _walk(spec, "")])


def metadata_table() -> str:
    """The fields of `metadata` that people write."""
    written_by_people = ("name", "namespace", "labels", "annotations")
    properties = schema_tree(Metadata)["properties"]
    return table(HEADER, [_row(name, properties[name]) for name in written_by_people])


def spec_fields(kind: str) -> list[str]:
    """The path of every field below `spec`, as the table names it."""
    return [path for path, _ in _walk(schema_tree(KINDS[kind])["properties"]["spec"], "")]


def _walk(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        items = node.get("items", {})
        if "items" in node:
            path += "[]"
        yield path, node
        yield from _walk(items if items.get("properties") else node, f"{path}.")


def _row(path: str, node: Schema) -> tuple[str, str, str]:
    return f"`{path}`", _type(node), _flow(node.get("description", ""))


def _type(node: dict[str, Any]) -> str:
    if "items" in node:
        items = node["items"]
        return "list" if items.get("properties") else f"list of {_type(items)}"
    if "enum" in node:
        return ", ".join(f"`{word}`" for word in node["enum"])
    return _WORDS.get(node.get("type", "object"), "mapping")


def _flow(text: str) -> str:
    return " ".join(text.split())
