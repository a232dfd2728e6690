"""The retention rule at work over HTTP: how its sweeper stands, and the word a clock that jumped waits for."""

from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.recording_answers import RetentionStatusAnswer
from callkeeper.recorder.http.recording_shown import shown_sweep
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.retention.rule import Rule

COUNTED = 1_000
"""Unfinished removals that are counted: more than a batch are a sign of trouble, however many more."""


def add_retention_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""

    @app.get(
        "/v1/retention",
        summary="The rule in force, the sweep, and whether the clock is believed",
        **documented({200: (RetentionStatusAnswer, "How it stands")}, "storage-failed"),
    )
    async def status() -> Response:
        return JSONResponse(await _status(recorder))

    @app.post(
        "/v1/retention:accept-clock",
        summary="Say that the time is right, so that the sweeper goes on; audited",
        **documented({200: (RetentionStatusAnswer, "How it stands")}, "storage-failed", "audit-unavailable"),
    )
    async def accept(actor: ActorOf) -> Response:
        await recorder.guard.accept(actor)
        recorder.sweeper.soon()
        return JSONResponse(await _status(recorder))


async def _status(recorder: Recorder) -> dict[str, Any]:
    rule, clock = Rule.of(recorder.programming.stored), recorder.guard.state
    unreachable, erasures = await recorder.parts.store.read(
        lambda rows: (len(rows.unreachable(COUNTED)), len(rows.open_erasures()))
    )
    sweep = recorder.sweeper.sweep
    return {
        "rule": rule.text,
        "revision": rule.revision,
        "clock": {
            "now": instant_text(recorder.parts.clock.now()),
            "seen": None if clock.seen is None else instant_text(clock.seen),
            "stoppedAt": None if clock.stopped is None else instant_text(clock.stopped),
            "aheadSeconds": clock.ahead,
        },
        "sweep": None if sweep is None else shown_sweep(sweep),
        "unreachable": unreachable,
        "erasures": erasures,
    }
