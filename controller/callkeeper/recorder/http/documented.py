"""How a route is documented: its answers, and every problem it may answer with."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from callkeeper.recorder.http.answers import ProblemDocument
from callkeeper.recorder.http.problems import MEDIA_TYPE, TYPES

ALWAYS = ("unauthenticated", "forbidden", "malformed-request", "uri-too-long", "headers-too-large", "internal-error")
"""What every route behind the door may answer."""

WITH_BODY = (
    "malformed-json",
    "json-too-deep",
    "body-stalled",
    "body-too-large",
    "unsupported-media-type",
    "invalid-request",
)
"""What every route that takes a body may answer."""


def documented(
    answers: Mapping[int, tuple[type[BaseModel] | tuple[str, ...] | None, str]],
    *problems: str,
    body: bool = False,
    public: bool = False,
) -> dict[str, Any]:
    """The arguments of a route that describe what it answers.

    Args:
        answers: by status, the answer's model (media types where it is no JSON of ours, None for no body) and meaning.
        problems: names of the problem types it may answer besides those of every route.
        body: whether it takes one.
        public: whether it needs no token.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for status, (model, meaning) in answers.items():
        responses[status] = {"description": meaning} | _content(model)
    names = (*(ALWAYS[2:] if public else ALWAYS), *(WITH_BODY if body else ()), *problems)
    by_status = defaultdict(list)
    for name in dict.fromkeys(names):
        by_status[TYPES[name][0]].append(name)
    for status, found in sorted(by_status.items()):
        responses[status] = {
            "description": "; ".join(f"{TYPES[name][1]} (`/problems/{name}`)" for name in found),
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}},
        }
    # 422 is set so that the framework's own validation error is not documented beside ours.
    responses.setdefault(
        422,
        {
            "description": f"{TYPES['invalid-request'][1]} (`/problems/invalid-request`)",
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}},
        },
    )
    # The framework adds the media type of this class to what is documented for the first status.
    as_json = all(model is None or not isinstance(model, tuple) for model, _ in answers.values())
    answer = JSONResponse if as_json else Response
    return {"responses": responses, "status_code": min(answers), "response_model": None, "response_class": answer}


def _content(model: type[BaseModel] | tuple[str, ...] | None) -> dict[str, Any]:
    if model is None:
        return {}
    if isinstance(model, tuple):
        names = [media_type.partition(";")[0] for media_type in model]
        # What is in JSON of no model is said in words; what is in no JSON is text.
        return {
            "content": {name: {"schema": {} if name == "application/json" else {"type": "string"}} for name in names}
        }
    return {"model": model}
