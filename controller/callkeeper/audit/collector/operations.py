"""Every operation of the collector's API: where it is, who may ask, and how it is documented.

One table: the application makes its routes of it, and `openapi` the document in schemas/.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callkeeper.audit.collector.principals import CollectorRole

SENDER, OPERATOR = CollectorRole.SENDER, CollectorRole.OPERATOR
AUDITOR, ADMINISTRATOR = CollectorRole.AUDITOR, CollectorRole.ADMINISTRATOR

ANYBODY: frozenset[CollectorRole] | None = None
"""No token is needed: says nothing but whether the collector is there."""

LOG = "/v1/logs/{namespace}/{recorder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address.

    Attributes:
        handler: name of the method that handles it.
        method: HTTP's.
        path: with the names of its parts in braces.
        roles: who may ask; None for anybody.
        summary: what it does, in a line.
        query: names of its query parameters with what they mean; those in `required` must be there.
        required: of those.
        body: name of the schema of its body, or None.
        answers: by status, name of the schema (or a media type) and meaning.
        problems: names of the problem types it may answer besides those of every operation.
    """

    handler: str
    method: str
    path: str
    roles: frozenset[CollectorRole] | None
    summary: str
    query: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    body: str | None = None
    answers: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        handler="take_events",
        method="POST",
        path=f"{LOG}/events",
        roles=frozenset({SENDER, OPERATOR}),
        summary="Write a batch of events; answered when all are on disk. A repeat makes no second row",
        body="Batch",
        answers={200: ("Mark", "All are on disk, up to this mark")},
        problems=(
            "invalid-event",
            "sequence-out-of-order",
            "too-busy",
            "store-unavailable",
            "store-full",
            "too-many-logs",
        ),
    ),
    Operation(
        handler="marks",
        method="GET",
        path=f"{LOG}/marks",
        roles=frozenset({SENDER, OPERATOR}),
        summary="The highest sequence on disk of each sender, by sender, a page at a time",
        query={
            "prefix": "Only senders whose id begins so.",
            "after": "Only senders after this one: the last of the page before.",
        },
        answers={200: ("Marks", "A page; an empty one is the end")},
        problems=("store-unavailable",),
    ),
    Operation(
        handler="put_settings",
        method="PUT",
        path=f"{LOG}/settings",
        roles=frozenset({OPERATOR}),
        summary="Say how the log is kept; in force when answered",
        body="Settings",
        answers={200: ("Settings", "In force")},
        problems=("store-unavailable", "too-many-logs"),
    ),
    Operation(
        handler="status",
        method="GET",
        path=f"{LOG}/status",
        roles=frozenset({SENDER, OPERATOR, AUDITOR}),
        summary="How the log is",
        answers={200: ("Status", "Also while it takes no rows: `failure` says why")},
        problems=("unknown-log",),
    ),
    Operation(
        handler="put_export",
        method="PUT",
        path=f"{LOG}/exports/{{name}}",
        roles=frozenset({OPERATOR}),
        summary="Have a file of a range made on the volume; asking again with the same is harmless",
        body="ExportRequest",
        answers={200: ("Export", "Complete, or failed"), 202: ("Export", "Under way, or waiting for the range's end")},
        problems=("unknown-log", "export-exists", "too-many-exports"),
    ),
    Operation(
        handler="get_export",
        method="GET",
        path=f"{LOG}/exports/{{name}}",
        roles=frozenset({OPERATOR, AUDITOR}),
        summary="How an export is",
        answers={200: ("Export", "Complete, or failed"), 202: ("Export", "Under way, or waiting for the range's end")},
        problems=("unknown-export",),
    ),
    Operation(
        handler="delete_export",
        method="DELETE",
        path=f"{LOG}/exports/{{name}}",
        roles=frozenset({OPERATOR}),
        summary="Delete an export with its file; harmless when there is none",
        answers={204: ("", "It is not there")},
    ),
    Operation(
        handler="checkpoints",
        method="GET",
        path=f"{LOG}/checkpoints",
        roles=frozenset({OPERATOR, AUDITOR}),
        summary="The log's signed checkpoints and keys, oldest first, one a line",
        query={"last": "Only so many of the newest lines."},
        answers={200: ("text/plain", "Lines to be kept in git or elsewhere")},
        problems=("unknown-log",),
    ),
    Operation(
        handler="make_checkpoint",
        method="POST",
        path=f"{LOG}/checkpoints",
        roles=frozenset({AUDITOR}),
        summary="Sign what the log holds now",
        answers={200: ("text/plain", "The newest checkpoint's line"), 204: ("", "The log has no rows yet")},
        problems=("unknown-log", "store-unavailable", "key-unusable"),
    ),
    Operation(
        handler="verify",
        method="POST",
        path=f"{LOG}/verify",
        roles=frozenset({AUDITOR}),
        summary="Verify the whole log, also against checkpoints and keys from elsewhere; audited",
        body="VerifyRequest",
        answers={200: ("Verification", "What was found; `sound` says whether nothing was altered")},
        problems=("unknown-log", "too-busy", "store-unavailable", "store-full"),
    ),
    Operation(
        handler="download",
        method="GET",
        path="/v1/audit",
        roles=frozenset({AUDITOR, ADMINISTRATOR}),
        summary="The rows of [from, to) as CSV, as stored; the download is audited before its first byte",
        query={
            "log": "Which log: namespace/recorder.",
            "from": "RFC 3339, a day, a month, or a word such as yesterday.",
            "to": "As `from`; not included. A day or month means its end.",
            "email": "Only rows of this address, in any case.",
            "action": "Only rows of this action; repeatable.",
            "area": "Only rows of actions of this area; repeatable.",
            "app": "Only rows of this AppName.",
            "spreadsheetSafe": "true: put an apostrophe in front of what looks like a formula.",
        },
        required=frozenset({"log", "from", "to"}),
        answers={
            200: ("text/csv", "CSV (RFC 4180) with the six columns and their header"),
            206: ("text/csv", "A part of it; of an export without a selection only"),
            304: ("", "The same as what is named by If-None-Match"),
        },
        problems=(
            "invalid-request",
            "unknown-log",
            "too-busy",
            "store-unavailable",
            "store-full",
            "range-not-satisfiable",
        ),
    ),
    Operation(
        handler="healthz",
        method="GET",
        path="/healthz",
        roles=ANYBODY,
        summary="The process answers",
        answers={200: ("Health", "Alive")},
    ),
    Operation(
        handler="readyz",
        method="GET",
        path="/readyz",
        roles=ANYBODY,
        summary="The collector can do its part",
        answers={200: ("Health", "Ready"), 503: ("Health", "Not ready; `checks` says why")},
    ),
    Operation(
        handler="metrics",
        method="GET",
        path="/metrics",
        roles=frozenset({SENDER, OPERATOR, AUDITOR, ADMINISTRATOR}),
        summary="Prometheus metrics",
        answers={200: ("text/plain", "Prometheus text format")},
    ),
)
"""In the order they are tried: what comes in from senders first."""
