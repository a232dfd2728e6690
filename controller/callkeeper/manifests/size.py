"""Whether an object is small enough for the ways it can take into a cluster."""

import json
from typing import Any

from callkeeper.kinds.finding import Finding, ObjectKey, Severity

MAX_OBJECT_BYTES = 1_200_000
"""etcd stores an object of 1.26 MB and refuses one of 1.89 MB (a request of 1.5 MiB is its limit); status and managed
fields, which the cluster adds, need room too."""

MAX_APPLIED_BYTES = 262_144 - 1_024
"""A client-side `kubectl apply` keeps the whole object in an annotation, and all annotations together hold 256 KiB; a
kibibyte is left for the annotation's name and for what controllers add."""

SMALL_ENOUGH = 48 * 1024
"""A text of this size without aliases cannot become too large: JSON is at most five times as long as YAML (`-` and a
line break against `null,`)."""


def size_finding(document: dict[str, Any], key: ObjectKey | None) -> Finding | None:
    """Say so when an object is too large to be stored, or to be applied on the client's side."""
    size = _json_bytes(document)
    if size > MAX_OBJECT_BYTES:
        return Finding(
            rule="object.too-large",
            severity=Severity.ERROR,
            message=f"this object is {size:,} bytes of JSON; a cluster stores at most about {MAX_OBJECT_BYTES:,}",
            hint="split its lists into several objects of the same kind: they are joined",
            key=key,
        )
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if size + (_json_bytes(annotations) if annotations else 0) > MAX_APPLIED_BYTES:
        return Finding(
            rule="object.too-large-for-apply",
            severity=Severity.WARNING,
            message=f"this object is {size:,} bytes of JSON, too large for a client-side `kubectl apply`",
            hint="use `kubectl apply --server-side`",
            key=key,
        )
    return None


def _json_bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
