"""Verification by whoever writes the log, over HTTP: a recorder or a collector, which leaves the row of it."""

import http.client
import json
from collections.abc import Sequence
from typing import Any

from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.collector.names import LogName
from callkeeper.audit.errors import CollectorRefused, CollectorUnavailable
from callkeeper.audit.remote import Source

VERIFICATION_SECONDS = 3600
"""How long a verification over HTTP is waited for: a terabyte at 400 MB a second takes most of an hour."""

MAX_VERIFICATION_BYTES = 16 * 1024 * 1024
"""Of the answer: a thousand problems at most, each some hundred bytes, and a line for each change of the key."""

_NO_SUCH_ADDRESS = 404


def ask_to_verify(
    source: Source, log: str | None, against: Sequence[Checkpoint], public_keys: Sequence[str]
) -> dict[str, Any]:
    """Have a log verified; what was found as it was sent, at least `sound`, `rows`, `chain` and `problems`.

    Args:
        source: whom to ask.
        log: NAMESPACE/RECORDER of a collector's; None for a recorder's own.
        against: checkpoints kept elsewhere.
        public_keys: known from elsewhere, as PEM.

    Raises:
        CollectorUnavailable: nobody answers, or not now.
        CollectorRefused: the other side refuses, or is something else.
        LogNameError: the log has no such name.
    """
    path = "/v1/audit:verify" if log is None else f"/v1/logs/{LogName.parse(log)}/verify"
    body = json.dumps({"against": [one.text for one in against], "publicKeys": list(public_keys)}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        asked = source.ask(path, headers=headers, timeout_seconds=VERIFICATION_SECONDS, body=body)
    except CollectorRefused as error:
        if log is None and error.status == _NO_SUCH_ADDRESS:
            raise CollectorRefused(f"{source.url} is no recorder; of a collector name the log, with --log") from error
        raise
    with asked as answer:
        try:
            found = json.loads(answer.read(MAX_VERIFICATION_BYTES))
        except ValueError as error:
            raise CollectorRefused(f"what answers at {source.url} keeps no audit log") from error
        except (OSError, http.client.HTTPException) as error:
            raise CollectorUnavailable(f"{source.url} broke off: {error}; verify again") from error
    if not isinstance(found, dict) or not {"sound", "rows", "chain", "problems"} <= found.keys():
        raise CollectorRefused(f"what answers at {source.url} keeps no audit log")
    return found
