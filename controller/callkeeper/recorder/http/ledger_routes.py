"""The ledger over HTTP: of every segment whether a recording was expected, made, rightly left out, or failed."""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.responses import JSONResponse, Response

from callkeeper.audit.errors import RangeError
from callkeeper.audit.time_words import parse_range
from callkeeper.recorder import bounds
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.http.answers import LedgerAnswer
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.store.ledger import LedgerRow

Instant = Annotated[str, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=bounds.PAGE)]
LedgerCursor = Annotated[int, Query(ge=1, le=2**53 - 1, description="`nextCursor` of the page before.")]


def add_ledger_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    parts = recorder.parts

    @app.get(
        "/v1/ledger",
        summary="Segments started in [from, to), in the order they started, with how many stand how",
        description="`totals` count the whole range, not the page.",
        **documented({200: (LedgerAnswer, "A page")}, "invalid-request", "storage-failed"),
    )
    async def ledger(
        start: Annotated[Instant, Query(alias="from", description="RFC 3339, a day, or a word such as yesterday.")],
        end: Annotated[Instant, Query(alias="to", description="As `from`; not included.")],
        limit: Limit = bounds.PAGE_DEFAULT,
        cursor: LedgerCursor | None = None,
    ) -> Response:
        try:
            first, last = parse_range(start, end, parts.clock.now())
        except RangeError as error:
            raise Problem("invalid-request", str(error), "correct `from` and `to`") from error
        page, totals = await parts.store.read(
            lambda rows: (rows.ledger(first, last, cursor or 0, limit + 1), rows.ledger_totals(first, last))
        )
        return JSONResponse(
            {
                "from": instant_text(first),
                "to": instant_text(last),
                "totals": {state.value: count for state, count in totals.items()},
                "items": [_shown(row) for row in page[:limit]],
                "nextCursor": str(page[limit - 1].number) if len(page) > limit else None,
            }
        )


def _shown(row: LedgerRow) -> dict[str, Any]:
    return {
        "segment": row.segment,
        "conversation": row.conversation,
        "kind": row.kind,
        "startedAt": instant_text(row.started),
        "endedAt": None if row.ended is None else instant_text(row.ended),
        "interrupted": row.interrupted,
        "outcome": row.outcome,
        "reason": row.reason,
        "state": row.state.value,
        "why": row.why,
        "recordings": row.recordings,
        "configRevision": row.config_revision,
    }
