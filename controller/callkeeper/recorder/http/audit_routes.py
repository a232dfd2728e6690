"""The audit log's download, and its verification, from the recorder that keeps it."""

import asyncio
from typing import Annotated

from fastapi import FastAPI, Query, Request
from starlette.responses import JSONResponse, Response

from callkeeper.audit.asked import read_asked
from callkeeper.audit.byte_ranges import Unsatisfiable
from callkeeper.audit.checkpoints import read_checkpoint
from callkeeper.audit.download_http import CSV, Conditions, answer_for
from callkeeper.audit.errors import CheckpointError, KeyUnusable, RangeError, SelectionError
from callkeeper.audit.signing import read_public_key
from callkeeper.audit.verify_row import verification_details
from callkeeper.recorder.http.answers import VerificationAnswer
from callkeeper.recorder.http.bodies import VerifyBody
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.parts import Recorder

Instant = Annotated[str, Query(max_length=64)]
Text = Annotated[str, Query(max_length=512)]
_RFC_4180 = "CSV (RFC 4180) with the six columns and their header"


def add_audit_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    parts, verifying = recorder.parts, asyncio.Lock()

    @app.get(
        "/v1/audit",
        summary="The audit rows of [from, to) as CSV; the download is audited before its first byte",
        **documented(
            {
                200: ((CSV,), _RFC_4180),
                206: ((CSV,), "A part of it; of an export without a selection only"),
                304: (None, "The same as what is named by If-None-Match"),
            },
            "invalid-request",
            "audit-elsewhere",
            "audit-unavailable",
            "range-not-satisfiable",
        ),
    )
    async def export(
        request: Request,
        actor: ActorOf,
        start: Annotated[Instant, Query(alias="from", description="RFC 3339, a day, or a word such as yesterday.")],
        end: Annotated[Instant, Query(alias="to", description="As `from`; not included.")],
        email: Annotated[Text | None, Query(description="Only rows of this address, in any case.")] = None,
        action: Annotated[list[Text] | None, Query(description="Only rows of these actions.")] = None,
        area: Annotated[list[Text] | None, Query(description="Only rows of these areas.")] = None,
        app: Annotated[Text | None, Query(description="Only rows of this AppName.")] = None,
        safe: Annotated[
            bool, Query(alias="spreadsheetSafe", description="Put an apostrophe in front of what looks like a formula.")
        ] = False,
    ) -> Response:
        del start, end, email, action, area, app, safe  # declared for the document; all are read in one place
        now = parts.clock.now()
        try:
            asked = read_asked(request.query_params.multi_items(), now)
        except (RangeError, SelectionError) as error:
            raise Problem("invalid-request", str(error), "correct the query") from error
        download = await parts.audit_reader.fix(asked)
        try:
            answer = answer_for(download, Conditions.of(request.headers))
        except Unsatisfiable as error:
            size = download.totals.size
            headers = {"Content-Range": f"bytes */{size}"}
            raise Problem(
                "range-not-satisfiable", f"the export has {size} bytes", "ask for less", headers=headers
            ) from error
        if answer.sends:
            await parts.audit_reader.record(download, answer.offset, at=now, actor=actor)
        return answer.response(download)

    @app.post(
        "/v1/audit:verify",
        summary="Verify the whole audit log, against checkpoints kept elsewhere where some are given; audited",
        **documented({200: (VerificationAnswer, "What was found")}, "audit-elsewhere", "audit-unavailable", body=True),
    )
    async def verify(body: VerifyBody, actor: ActorOf) -> Response:
        try:
            against = [read_checkpoint(line) for line in body.against]
            keys = [read_public_key(key.encode("utf-8", "replace")) for key in body.public_keys]
        except (CheckpointError, KeyUnusable) as error:
            raise Problem("invalid-request", str(error), "send whole lines of checkpoints, and keys as PEM") from error
        async with verifying:  # each reads the whole log
            found = await parts.audit_reader.verify(against, keys, at=parts.clock.now(), actor=actor)
        return JSONResponse(verification_details(found, len(against)))
