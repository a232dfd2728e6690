"""Turns what pydantic says about a value into findings: a stable rule id, one sentence for people, and what to do next.

Rule ids are `<kind in lower case>.<what>`. The general ones, for every kind: `type`, `unknown-field`, `required`,
`value` (a closed set of words, or a number outside its bounds), `too-long`, `too-many`; a field with a `Wording` has a
rule of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.resource import Part, Resource, Wording, shorten

_MAX_SHOWN_BITS = 128
"""Python refuses to print integers of many thousand digits; nobody reads one of more than forty."""

_TEXT_ERRORS = {"string_pattern_mismatch", "string_too_long", "string_too_short"}
_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "enum": "text",
    "literal_error": "text",
}
_METADATA_PARTS = {"labels": "label", "annotations": "annotation"}


def findings_of(error: ValidationError, model: type[Resource], key: ObjectKey | None) -> Iterator[Finding]:
    """One finding per thing pydantic found wrong, in the order of the model's fields."""
    for detail in error.errors(include_url=False):
        yield _finding(detail, model, key)


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """The hint that names the nearest of the known words, or None when none is near."""
    # Imported when a typo was made, which keeps it off the way of every good file.
    from difflib import get_close_matches  # noqa: PLC0415 - see above

    flat = {name.lower(): name for name in known}
    near = get_close_matches(word.replace("_", "").replace("-", "").lower(), list(flat), n=1, cutoff=0.6)
    return f"did you mean `{flat[near[0]]}`?" if near else None


def _finding(detail: ErrorDetails, model: type[Resource], key: ObjectKey | None) -> Finding:
    path: tuple[PathPart, ...] = tuple(part for part in detail["loc"] if part != "[key]")
    kind, value, error = model.__name__.lower(), detail["input"], detail["type"]
    in_metadata = _metadata_finding(detail, path, kind, key)
    if in_metadata is not None:
        return in_metadata
    if error == "invalid_key":
        return Finding(
            rule=f"{kind}.unknown-field",
            severity=Severity.ERROR,
            message="the name of a field is not text",
            hint="unquoted on, off, yes, no, y, n, true, false, null and numbers are no names in YAML",
            key=key,
            path=path[:-1],
        )
    level, field, wording = _locate(model, path)
    on_key = False
    if error == "missing":
        what, message, hint = "required", f"`{path[-1]}` is missing", _missing_hint(path, level)
    elif error == "extra_forbidden":
        what, message, hint, on_key = "unknown-field", f"unknown field {shorten(str(path[-1]))}", None, True
        if level is not None:
            names = _field_names(level)
            hint = did_you_mean(str(path[-1]), names) or f"known here: {', '.join(names)}"
    elif wording is not None and error in _TEXT_ERRORS:
        what, message, hint = wording.rule, wording.explain(value), wording.hint
    elif error in _WANTED and not (isinstance(value, str) and _WANTED[error] == "text"):
        what, message, hint = "type", *_type_message(value, _WANTED[error], field)
    else:
        what, message, hint = _value_message(detail, field)
    return Finding(
        rule=f"{kind}.{what}", severity=Severity.ERROR, message=message, hint=hint, key=key, path=path, on_key=on_key
    )


def _metadata_finding(
    detail: ErrorDetails, path: tuple[PathPart, ...], kind: str, key: ObjectKey | None
) -> Finding | None:
    """Labels and annotations are mappings of text to text whose keys have a form of their own."""
    if len(path) != 3 or path[0] != "metadata" or path[1] not in _METADATA_PARTS:  # noqa: PLR2004 - metadata.labels.x
        return None
    noun, name, value = _METADATA_PARTS[str(path[1])], str(path[2]), detail["input"]
    hint: str | None = None
    if detail["loc"][-1] == "[key]":
        what, message = "metadata", f"{shorten(name)} is not the name of a {noun}"
        hint = "letters, digits, `-`, `_` and `.`, at most 63 characters, with an optional DNS name and `/` in front"
    elif isinstance(value, str):
        what, message = "metadata", f"{shorten(value)} is not the value of a {noun}"
        hint = "letters, digits, `-`, `_` and `.`, a letter or digit at both ends, at most 63 characters"
    else:
        what, (message, hint) = "type", _type_message(value, "text", name)
    return Finding(rule=f"{kind}.{what}", severity=Severity.ERROR, message=message, hint=hint, key=key, path=path)


def _locate(model: type[Part], path: Sequence[PathPart]) -> tuple[type[Part] | None, str, Wording | None]:
    """The model the last step of the path belongs to, the field's name, and the field's wording if it has one."""
    level: type[Part] | None = model
    owner, name, wording = level, "", None
    for part in path:
        if isinstance(part, int) or level is None:
            continue
        owner, name, wording = level, part, None
        field = next((field for field in level.model_fields.values() if field.alias == part), None)
        if field is None:
            return owner, name, None
        wording = _wording_in(field.metadata) or _wording_of(field.annotation)
        level = _model_of(field.annotation)
    return owner, name, wording


def _wording_in(metadata: Sequence[Any]) -> Wording | None:
    return next((item for item in metadata if isinstance(item, Wording)), None)


def _wording_of(annotation: Any) -> Wording | None:
    """The wording inside `Annotated[…] | None`."""
    own = _wording_in(getattr(annotation, "__metadata__", ()))
    return own or next((found for part in get_args(annotation) if (found := _wording_of(part)) is not None), None)


def _model_of(annotation: Any) -> type[Part] | None:
    """The model inside `Model | None` and `tuple[Model, …]`."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part)) is not None), None)


def _field_names(level: type[Part]) -> list[str]:
    return [field.alias or name for name, field in level.model_fields.items()]


def _missing_hint(path: tuple[PathPart, ...], level: type[Part] | None) -> str | None:
    if path[-1] == "recorderRef":
        return "add `recorderRef: {name: …}` with the name of the Recorder these settings are for"
    if path == ("metadata", "name"):
        return "add `name`; a `generateName` is no replacement, settings have names of their own"
    names = _field_names(level) if level is not None else []
    return f"add `{path[-1]}` (known here: {', '.join(names)})" if names else None


def _type_message(value: Any, wanted: str, field: str) -> tuple[str, str | None]:
    """Say what kind of value was found where another is wanted, and how to write it."""
    if value is None:
        return f"nothing stands where {wanted} is wanted", "write a value, or remove the entry"
    shown = _shown(value)
    message = f"{_kind_of(value)} where {wanted} is wanted" + (f": {shown}" if shown else "")
    return message, _type_hint(value, wanted, field)


def _type_hint(value: Any, wanted: str, field: str) -> str | None:  # noqa: PLR0911 - a table, one case a line
    match wanted, value:
        case "text", bool():
            return f'quote it: `{field}: "…"`; unquoted on, off, yes, no, y, n, true and false are booleans in YAML'
        case "text", int() | float():
            lost = "without quotes YAML takes it for a number, and a leading + or 0 is lost"
            return f'quote it: `{field}: "{_shown(value).strip("`") or "…"}"`; {lost}'
        case "true or false", str():
            return f"write `{field}: true` or `{field}: false`, without quotes"
        case "a whole number", str() if value.strip().isdecimal():
            return f"write it without quotes: `{field}: {value.strip()}`"
        case "a list", _:
            return "start each entry on a line of its own with `- `"
        case "a mapping", _:
            return "write fields as `name: value` below it"
        case _:
            return None


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return f"a value of type {type(value).__name__}"


def _shown(value: Any) -> str:
    """A scalar as YAML or JSON would write it; nothing for anything larger, and for numbers beyond reason."""
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MAX_SHOWN_BITS):
        return shorten(json.dumps(value))
    return ""


def _value_message(detail: ErrorDetails, field: str) -> tuple[str, str, str | None]:
    """Rule, message and hint for a value of the right kind that is none of those allowed."""
    value, context = detail["input"], detail.get("ctx", {})
    what, message, hint = "value", f"{field}: {detail['msg'][0].lower()}{detail['msg'][1:]}", None
    match detail["type"]:
        case "enum" | "literal_error":
            expected = str(context["expected"]).replace("'", "`").replace(" or ", ", ")
            words = [word.strip("` ") for word in expected.split(",")]
            one_of = expected if len(words) == 1 else f"one of {expected}"
            message, hint = f"{shorten(str(value))} is not {one_of}", did_you_mean(str(value), words)
        case "greater_than_equal":
            message = f"{field} is {_shown(value)}, less than {context['ge']}"
        case "less_than_equal":
            message = f"{field} is {_shown(value)}, more than {context['le']}"
        case "multiple_of":
            message = f"{field} is {_shown(value)}, not a multiple of {context['multiple_of']}"
        case "string_too_long":
            what, message = "too-long", f"{field} has {len(value)} characters, more than {context['max_length']}"
        case "too_long":
            what, message = "too-many", f"{field} has more than {context['max_length']} entries"
            hint = "divide it among several objects"
        case "string_unicode":
            message = f"{field} holds half a surrogate pair, which is no character"
        case _:
            pass  # Anything pydantic may say in a later version stands in its own words.
    return what, message, hint
