"""`schemas/audit-collector-api.json`: the OpenAPI document, written from the table of operations."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.answers import ExportState
from callkeeper.audit.collector.operations import OPERATIONS, Operation
from callkeeper.audit.collector.problems import MEDIA_TYPE, TYPES
from callkeeper.audit.event import MAX_SEQUENCE, SENDER
from callkeeper.audit.space import DiskState
from callkeeper.audit.verification import Trouble
from callkeeper.kinds.duration import AUDIT_RETENTION_REGEX
from callkeeper.kinds.rotation import ROTATION_REGEX

PATH = "schemas/audit-collector-api.json"

ALWAYS = ("uri-too-long", "internal-error")
WITH_TOKEN = ("unauthenticated", "forbidden")
WITH_BODY = ("malformed-json", "body-stalled", "body-too-large", "unsupported-media-type", "invalid-request")
WITH_LOG = ("invalid-request",)

_REPEATABLE: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_PARTS = {
    "namespace": "Namespace of the log: a DNS label.",
    "recorder": "Name of the recorder: a DNS subdomain.",
    "name": "Name of the export: a DNS subdomain.",
}


def api_documents() -> Mapping[str, bytes]:
    """The document by its path below the repository's root."""
    return {PATH: (json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n").encode()}


def openapi() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in OPERATIONS:
        paths[one.path][one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callkeeper audit collector",
            "version": "v1alpha1",
            "description": "The contract between whoever leaves audit rows, whoever programs a log, and whoever reads "
            "it. Errors are RFC 9457 problem documents; see docs/reference/audit-collector.md.",
        },
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"summary": one.summary, "operationId": one.handler}
    parameters = [
        {"name": name, "in": "path", "required": True, "description": _PARTS[name], "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", one.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": name in one.required,
            "description": meaning,
            "schema": _REPEATABLE if name in {"action", "area"} else {"type": "string"},
        }
        for name, meaning in one.query.items()
    ]
    if parameters:
        made["parameters"] = parameters
    if one.body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(one.body)}}}
    made["responses"] = {str(status): found for status, found in sorted(_answers(one).items())}
    if one.roles is not None:
        made["security"] = [{"token": []}]
        made["x-roles"] = sorted(one.roles)
    return made


def _answers(one: Operation) -> dict[int, dict[str, Any]]:
    answers: dict[int, dict[str, Any]] = {}
    for status, (content, meaning) in one.answers.items():
        answers[status] = {"description": meaning}
        if "/" in content:
            answers[status]["content"] = {content: {"schema": {"type": "string"}}}
        elif content:
            answers[status]["content"] = {"application/json": {"schema": _reference(content)}}
    names = (
        *ALWAYS,
        *(() if one.roles is None else WITH_TOKEN),
        *(WITH_BODY if one.body else ()),
        *(WITH_LOG if "{" in one.path else ()),
        *one.problems,
    )
    by_status: dict[int, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        by_status[TYPES[name][0]].append(name)
    for status, found in by_status.items():
        answers[status] = {
            "description": "; ".join(f"{TYPES[name][1]} (`/problems/{name}`)" for name in found),
            "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
        }
    return answers


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> dict[str, Any]:
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    sequence = {"type": "integer", "minimum": 1, "maximum": MAX_SEQUENCE}
    maybe_text, maybe_count = {"type": ["string", "null"]}, {"type": ["integer", "null"], "minimum": 0}
    return {
        "Batch": _object(
            {
                "sender": {**text, "pattern": f"^{SENDER.pattern}$", "description": "Who numbers the events."},
                "events": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": bounds.BATCH_EVENTS,
                    "items": _reference("Event"),
                    "description": "Ascending by sequence.",
                },
            },
            "sender",
            "events",
        ),
        "Event": _object(
            {
                "sequence": {**sequence, "description": "The sender's own count; a number may be skipped."},
                "at": {**text, "format": "date-time", "description": "The instant of the action."},
                "email": text,
                "ipAddress": text,
                "appName": text,
                "action": {"enum": [action.value for action in Action]},
                "details": {
                    "type": "object",
                    "propertyNames": {"not": {"const": "id"}},
                    "description": "What docs/reference/audit-actions.md lists; phone numbers masked.",
                },
            },
            "sequence",
            "at",
            "action",
        ),
        "Mark": _object(
            {
                "mark": {**sequence, "description": "Everything up to it is on disk."},
                "differing": {
                    "type": "array",
                    "items": sequence,
                    "description": "Repeats whose stored row says something else: the first was kept.",
                },
            },
            "mark",
        ),
        "Marks": _object({"marks": {"type": "object", "additionalProperties": sequence}}, "marks"),
        "Settings": _object(
            {
                "rotation": {**text, "pattern": ROTATION_REGEX},
                "retention": {**text, "pattern": AUDIT_RETENTION_REGEX},
                "applicationName": {**text, "minLength": 1, "maxLength": 64},
                "compressClosed": {"type": "boolean"},
            }
        ),
        "Status": _object(
            {
                "rows": {**maybe_count, "description": "In all files; null where nobody has counted."},
                "head": {**text, "description": "The chain after the last commit."},
                "disk": {"enum": [state.value for state in DiskState]},
                "failure": {**maybe_text, "description": "Why the log takes no rows now."},
                "oldest": {**maybe_text, "description": "Day of the oldest segment."},
                "checkpoint": {**maybe_text, "description": "The last checkpoint's line."},
                "signingFailure": {**maybe_text, "description": "Why no checkpoint can be signed."},
            },
            "head",
            "disk",
        ),
        "VerifyRequest": _object(
            {
                "against": {
                    "type": "array",
                    "maxItems": bounds.CHECKPOINTS_HELD,
                    "items": text,
                    "description": "Checkpoints kept elsewhere, a line each.",
                },
                "publicKeys": {
                    "type": "array",
                    "maxItems": bounds.KEYS_HELD,
                    "items": text,
                    "description": "Keys known from elsewhere, in PEM; none to believe the log's own first key.",
                },
            }
        ),
        "Verification": _object(
            {
                "sound": {"type": "boolean", "description": "Nothing altered was found."},
                "store": text,
                "chain": {**text, "description": "Head of the chain up to which it was verified."},
                "commits": count,
                "rows": count,
                "bytes": count,
                "deletedFiles": {**count, "description": "Of which retention left a signed line."},
                "from": {**text, "description": "The first day with rows."},
                "checkpoints": {**count, "description": "Of the log's own, how many fit."},
                "against": {**count, "description": "Of those kept elsewhere, how many fit."},
                "keys": {"type": "array", "items": text},
                "problems": {"type": "array", "items": _reference("Damage")},
                "tails": {"type": "array", "items": text},
                "notes": {"type": "array", "items": text},
            },
            "sound",
            "problems",
        ),
        "Damage": _object(
            {
                "trouble": {"enum": [trouble.value for trouble in Trouble]},
                "file": text,
                "message": text,
                "offset": {**count, "description": "The first byte concerned."},
                "bytes": {**count, "description": "How many."},
                "firstRow": {**count, "description": "Number of the first row concerned, from 1 in its file."},
                "rows": count,
                "commit": {**count, "description": "Number of the commit in the log, from 1."},
                "at": {**text, "description": "When it was committed."},
                "text": {**text, "description": "All of it in a sentence."},
            },
            "trouble",
            "file",
            "message",
            "text",
        ),
        "ExportRequest": _object(
            {
                "from": {**text, "description": "First instant: a date (00:00 UTC) or an RFC 3339 time."},
                "to": {**text, "description": "The instant the range ends before, in the same forms."},
                "email": {**maybe_text, "description": "Only rows of this address."},
                "action": {**maybe_text, "description": "Only rows of this action."},
                "requestedBy": {**text, "description": "Who asked, for the audit row."},
            },
            "from",
            "to",
            "requestedBy",
        ),
        "Export": _object(
            {
                "state": {"enum": [state.value for state in ExportState]},
                "file": {**maybe_text, "description": "Path on the collector's volume."},
                "rows": {**maybe_count, "description": "Without the header line."},
                "bytes": maybe_count,
                "sha256": {**maybe_text, "description": "Of the file's bytes."},
                "message": {**text, "description": "Why it failed, or what it waits for."},
            },
            "state",
            "message",
        ),
        "Health": _object(
            {"status": text, "checks": {"type": "object", "additionalProperties": text}}, "status", "checks"
        ),
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "next"],
            "properties": {
                "type": text,
                "title": text,
                "status": count,
                "detail": {**text, "description": "What failed, on which object."},
                "next": {**text, "description": "What to do."},
                "index": {**count, "description": "Which event of a batch, from 0."},
                "sequence": {"type": ["integer", "null"]},
            },
        },
    }


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made
