"""Reading JSON that somebody sent: by a parser that refuses what RFC 8259 does not know, to a bounded depth."""

from typing import Any

import pydantic_core

from callkeeper.audit.nesting import deeper_than
from callkeeper.recorder import bounds
from callkeeper.recorder.http.problems import Problem


def read_json(body: bytes) -> Any:
    """The body as JSON values.

    Raises:
        Problem: it is not JSON, or nested too deeply.
    """
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise _too_deep() from error
        raise Problem(
            "malformed-json", f"the body is not JSON this recorder reads: {error}", "send JSON (RFC 8259, UTF-8)"
        ) from error
    # Most bodies have fewer brackets than levels are allowed, and need no walk.
    if body.count(b"[") + body.count(b"{") > bounds.JSON_DEPTH and deeper_than(bounds.JSON_DEPTH, value):
        raise _too_deep()
    return value


def _too_deep() -> Problem:
    return Problem(
        "json-too-deep", f"the body has more than {bounds.JSON_DEPTH} levels of nesting", "send what the schema says"
    )
