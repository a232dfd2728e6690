"""The audit log's download from the recorder that keeps it."""

from typing import Annotated

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from callkeeper.audit.asked import read_asked
from callkeeper.audit.byte_ranges import Unsatisfiable
from callkeeper.audit.download_http import CSV, Conditions, answer_for
from callkeeper.audit.errors import RangeError, SelectionError
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.parts import Recorder

Instant = Annotated[str, Query(max_length=64)]
Text = Annotated[str, Query(max_length=512)]
_RFC_4180 = "CSV (RFC 4180) with the six columns and their header"


def add_audit_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    parts = recorder.parts

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
            raise Problem("invalid-request", str(error), "mend the query") from error
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
