"""Holds every answer the tests get to the OpenAPI document: status, media type, and the schema of JSON."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator

from callkeeper.audit.collector.openapi import openapi


@cache
def _document() -> dict[str, Any]:
    return openapi()


def assert_documented(method: str, address: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """The answer is one the document has for this operation; for an address it does not have, a problem."""
    operation = _operation(method, unquote(urlsplit(address).path))
    media_type = headers.get("Content-Type", "").partition(";")[0]
    if operation is None:
        assert (status, media_type) in {(code, "application/problem+json") for code in (404, 405, 414)}, address
        return
    assert str(status) in operation["responses"], (method, address, status, body[:300])
    content = operation["responses"][str(status)].get("content", {})
    if not content:
        assert body == b""
        return
    assert media_type in content, (method, address, status, media_type)
    if media_type.endswith("json"):
        schema = {**content[media_type]["schema"], "components": _document()["components"]}
        Draft202012Validator(schema).validate(json.loads(body))


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in _document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None
