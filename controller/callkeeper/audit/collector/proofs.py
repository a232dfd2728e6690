"""What proves a log: its checkpoints, given out one a line, and verification of the whole, which is audited."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from callkeeper.audit.checkpoints import Checkpoint, checkpoint_lines, read_checkpoint
from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.bodies import declared_size, read_body
from callkeeper.audit.collector.door import Asked
from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.collector.problems import Problem
from callkeeper.audit.collector.wire import WireError, read_json, read_object
from callkeeper.audit.errors import KeyUnusable
from callkeeper.audit.signing import read_public_key
from callkeeper.audit.verification import Problem as Damage
from callkeeper.audit.verification import Verification
from callkeeper.audit.verify import verify
from callkeeper.audit.verify_row import record_verification

_MEMBERS = frozenset({"against", "publicKeys"})


class ProofRoutes:
    """The handlers."""

    def __init__(self, logs: Logs, now: Callable[[], datetime]) -> None:
        self._logs = logs
        self._now = now
        self._verifying = asyncio.Lock()

    async def checkpoints(self, asked: Asked) -> Response:
        """The lines, oldest first."""
        log = self._logs.get(asked.log_name(), make=False)
        text = asked.request.query_params.get("last", "")
        if text and not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
            raise Problem("invalid-request", "`last` is a whole number from 1")
        lines = await asyncio.to_thread(checkpoint_lines, log.folder)
        wanted = lines[-int(text[:9]) :] if text else lines
        return PlainTextResponse("".join(f"{line}\n" for line in wanted))

    async def make_checkpoint(self, asked: Asked) -> Response:
        """Sign what is there now."""
        log = self._logs.get(asked.log_name(), make=False)
        made = await (await log.store()).checkpoint()
        return Response(status_code=204) if made is None else PlainTextResponse(made.text + "\n")

    async def verify(self, asked: Asked) -> Response:
        """Verify the whole log."""
        log = self._logs.get(asked.log_name(), make=False)
        declared_size(asked.request, bounds.BATCH_BYTES)
        against, keys = _read(read_json(await read_body(asked.request, bounds.BATCH_BYTES)))
        own = await log.own()
        if self._verifying.locked():
            raise Problem("too-busy", "another verification is under way; each reads a whole log")
        async with self._verifying:
            found = await asyncio.to_thread(verify, log.folder, against=against, public_keys=keys)
        await record_verification(
            found,
            len(against),
            own,
            at=self._now(),
            email=asked.principal.audit_email,
            ip_address=asked.ip_address,
        )
        return JSONResponse(verification_json(found))


def verification_json(found: Verification) -> dict[str, Any]:
    """What was found, as it is sent."""
    return {
        "sound": found.sound,
        "store": found.store,
        "chain": found.chain,
        "commits": found.commits,
        "rows": found.rows,
        "bytes": found.size,
        "deletedFiles": found.deleted,
        "from": found.start,
        "checkpoints": found.checkpoints,
        "against": found.against,
        "keys": list(found.keys),
        "problems": [_problem_json(one) for one in found.problems],
        "tails": [str(one) for one in found.tails],
        "notes": list(found.notes),
    }


def _problem_json(found: Damage) -> dict[str, Any]:
    return {
        "trouble": found.trouble.value,
        "file": found.file,
        "message": found.message,
        "offset": found.offset,
        "bytes": found.size,
        "firstRow": found.first_row,
        "rows": found.rows,
        "commit": found.commit,
        "at": found.at,
        "text": str(found),
    }


def _read(value: Any) -> tuple[tuple[Checkpoint, ...], tuple[bytes, ...]]:
    body = read_object(value, frozenset(), _MEMBERS)
    lines, keys = body.get("against", []), body.get("publicKeys", [])
    for name, texts, most in (("against", lines, bounds.CHECKPOINTS_HELD), ("publicKeys", keys, bounds.KEYS_HELD)):
        if not isinstance(texts, list) or len(texts) > most or not all(isinstance(text, str) for text in texts):
            raise WireError(f"`{name}` is not a list of at most {most} texts")
    try:
        return tuple(map(read_checkpoint, lines)), tuple(read_public_key(text.encode()) for text in keys)
    except KeyUnusable as error:
        raise WireError(str(error)) from error
