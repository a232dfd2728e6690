"""The schema of a model with everything in its place: references resolved, every field described.

It is what both dialects are written from: the CRDs' (`crd`) and the published JSON Schemas' (`schema_json`). Only the
words that pydantic writes for our models are understood here; anything else is an error, not a guess.
"""

from collections.abc import Mapping
from typing import Any, get_args

from callkeeper.kinds.resource import Part
from callkeeper.kinds.schema_docstrings import class_description, field_descriptions

Schema = dict[str, Any]

_KEPT = (
    "type",
    "enum",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "maxItems",
    "default",
)
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec", "status")
_UNDERSTOOD = {*_KEPT, "title", "description", "const", "$ref", "anyOf", "items", "properties", "required"} | {
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "allOf",
}


def schema_tree(model: type[Part]) -> Schema:
    """The schema of a model, without references, titles and nulls.

    Objects have `properties` and `required`; open mappings have `additionalProperties` and maybe `propertyNames`.

    Raises:
        LookupError: a field has no docstring, or pydantic wrote a word that is not understood.
    """
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    tree = _inline(schema, definitions, {part.__name__: part for part in _parts(model)})
    # The base model's fields come first in pydantic's order; people expect the order of a manifest.
    properties = tree["properties"]
    order = [
        *(name for name in _ENVELOPE if name in properties),
        *(name for name in properties if name not in _ENVELOPE),
    ]
    return tree | {"properties": {name: properties[name] for name in order}, "required": sorted(tree["required"])}


def _parts(model: type[Part]) -> set[type[Part]]:
    """The model and every model inside it."""
    found, waiting = {model}, [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, Part):
            if annotation not in found:
                found.add(annotation)
                waiting += [field.annotation for field in annotation.model_fields.values()]
        else:
            waiting += get_args(annotation)
    return found


def _inline(node: Mapping[str, Any], definitions: Mapping[str, Any], parts: Mapping[str, type[Part]]) -> Schema:
    unknown = set(node) - _UNDERSTOOD
    if unknown:
        raise LookupError(f"the schema word `{min(unknown)}` is not understood; teach it to the renderer")
    if "$ref" in node:
        return _inline(definitions[node["$ref"].removeprefix("#/$defs/")], definitions, parts) | _own(node)
    if "anyOf" in node:
        (choice,) = (choice for choice in node["anyOf"] if choice != {"type": "null"})
        return _inline(choice, definitions, parts) | _own(node)
    result = {name: node[name] for name in _KEPT if name in node}
    if "const" in node:
        result["enum"] = [node["const"]]
    if "items" in node:
        result["items"] = _inline(node["items"], definitions, parts)
    if "properties" in node:
        result |= _object(node, definitions, parts)
    elif "patternProperties" in node:
        ((pattern, values),) = node["patternProperties"].items()
        result["propertyNames"] = {"pattern": pattern, **node.get("propertyNames", {})}
        result["additionalProperties"] = _inline(values, definitions, parts)
    elif node.get("type") == "object":
        result["additionalProperties"] = True
    return result


def _own(node: Mapping[str, Any]) -> Schema:
    """What stands beside a reference; a default of null is the absence of one."""
    return {"default": node["default"]} if node.get("default") is not None else {}


def _object(node: Mapping[str, Any], definitions: Mapping[str, Any], parts: Mapping[str, type[Part]]) -> Schema:
    model = parts[node["title"]]
    descriptions = field_descriptions(model)
    properties = {
        name: {"description": descriptions[name]} | _without_description(_inline(field, definitions, parts))
        for name, field in node["properties"].items()
    }
    return {
        "description": class_description(model),
        "properties": properties,
        "required": node.get("required", []),
        "cel": model.cel,
    }


def _without_description(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "description"}
