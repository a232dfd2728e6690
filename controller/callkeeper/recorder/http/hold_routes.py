"""Legal holds, deleting and erasure over HTTP."""

from typing import Annotated

from fastapi import FastAPI, Path
from starlette.responses import JSONResponse, Response

from callkeeper.recorder import bounds
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.recording_answers import ErasureAnswer, HoldAnswer
from callkeeper.recorder.http.recording_bodies import ErasureBody, HoldBody
from callkeeper.recorder.http.recording_routes import FOUND, RecordingId
from callkeeper.recorder.http.recording_shown import shown_erasure, shown_hold
from callkeeper.recorder.parts import Recorder

Conversation = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
HoldId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
_HELD = ("storage-failed", "audit-unavailable")


def add_hold_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    _add_holds(app, recorder)
    _add_removal(app, recorder)


def _add_holds(app: FastAPI, recorder: Recorder) -> None:
    holding = recorder.holding

    @app.post(
        "/v1/conversations/{conversation}/holds",
        summary="Put a conversation under legal hold",
        **documented(
            {201: (HoldAnswer, "It is held")},
            *_HELD,
            "unknown-conversation",
            "recording-gone",
            "holds-disabled",
            "too-many-holds",
            body=True,
        ),
    )
    async def place(conversation: Conversation, body: HoldBody, actor: ActorOf) -> Response:
        hold = await holding.place(conversation, body.reason, actor=actor, directory=recorder.users.directory)
        return JSONResponse(shown_hold(hold), status_code=201)

    @app.post(
        "/v1/conversations/{conversation}/holds/{hold}:release",
        summary="Release a hold: the own one, or as an administrator any; released already is no change",
        **documented({200: (HoldAnswer, "The hold")}, *_HELD, "unknown-hold", "not-your-hold"),
    )
    async def release(conversation: Conversation, hold: HoldId, actor: ActorOf) -> Response:
        released = await holding.release(conversation, hold, actor=actor, directory=recorder.users.directory)
        return JSONResponse(shown_hold(released))


def _add_removal(app: FastAPI, recorder: Recorder) -> None:
    deleting = recorder.deleting

    @app.delete(
        "/v1/recordings/{recording}",
        summary="Delete a recording that nothing protects",
        **documented(
            {204: (None, "It is gone; its tombstone is kept")}, *FOUND, "recording-protected", "clock-not-accepted"
        ),
    )
    async def delete(recording: RecordingId, actor: ActorOf) -> Response:
        await deleting.delete(recording, actor=actor, directory=recorder.users.directory)
        return Response(status_code=204)

    @app.post(
        "/v1/recordings/{recording}:erase",
        summary="Ask for erasure: at once, or when the recording's protection ends",
        **documented(
            {
                200: (ErasureAnswer, "Erased"),
                202: (ErasureAnswer, "Registered; access is restricted until protection ends"),
            },
            *FOUND,
            "clock-not-accepted",
            body=True,
        ),
    )
    async def erase(recording: RecordingId, body: ErasureBody, actor: ActorOf) -> Response:
        erasure = await deleting.erase(recording, body.reason, actor=actor, directory=recorder.users.directory)
        return JSONResponse(shown_erasure(erasure), status_code=200 if erasure.done else 202)
