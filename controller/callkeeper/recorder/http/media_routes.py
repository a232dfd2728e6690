"""Media that comes in over HTTP, in the manner of the IETF's resumable uploads; giving it out is in `playing_routes`.

An upload is `PATCH` with `Upload-Offset` (where it begins) and, on the last one, `Upload-Complete: ?1`; `HEAD` tells
how much has arrived. A body may last as long as the call.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Header, Path, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from callkeeper.recorder import bounds
from callkeeper.recorder.errors import RecorderError
from callkeeper.recorder.http.answers import Answer
from callkeeper.recorder.http.bodies import Body, Reference
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.media.facts import playable
from callkeeper.recorder.media.refusals import media_closed, unknown_recording
from callkeeper.recorder.media.upload import Standing
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.store.recording import Media

log = structlog.get_logger()

SegmentId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
RecordingId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
Offset = Annotated[
    str, Header(alias="Upload-Offset", pattern=r"^[0-9]{1,15}$", description="Where the body begins, in bytes.")
]
Complete = Annotated[
    str, Header(alias="Upload-Complete", pattern=r"^\?[01]$", description="`?1`: nothing comes after this body.")
]
DRAINED_BYTES, DRAINED_SECONDS = 1024 * 1024, 0.2
"""What is still read of a body that was refused, so that whoever sends it gets to read the answer."""

_COMING = (
    "unknown-recording",
    "media-closed",
    "too-many-uploads",
    "storage-failed",
    "storage-full",
)
_UPLOAD = (
    *_COMING,
    "mismatching-upload-offset",
    "upload-superseded",
    "capture-suspended",
    "upload-stalled",
    "media-too-large",
    "body-too-large",
    "unsupported-media",
    "invalid-request",
)

_BUFFER = ("unknown-segment", "not-buffered", "recording-started")
_MEDIA_BODY = {
    "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


class MediaAnswer(Answer):
    """The stored media of a recording."""

    recording: str
    content_type: str = Field(description="As recognised by content.")
    bytes: int
    duration_seconds: float | None = Field(description="Null where the format does not say.")
    sha256: str = Field(description="Of the file as it is stored, a WAV's header put right.")
    playable: bool = Field(description="False for an MP4 whose index never came.")
    channels: list[str] = Field(description="Who is on which channel; empty where it was not told.")


class ChannelsBody(Body):
    """Who is on which channel."""

    channels: list[Reference] = Field(
        min_length=1,
        max_length=bounds.MEDIA_CHANNELS,
        description="By channel: a role of the call (calling, called), a user, or a number, as the source knows it.",
    )


def add_media_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    _add_uploads(app, recorder)
    _add_buffers(app, recorder)
    _add_channels(app, recorder)


def shown_media(recording: str, media: Media) -> dict[str, Any]:
    """The media of a recording as it is answered."""
    return {
        "recording": recording,
        "contentType": media.content_type,
        "bytes": media.bytes,
        "durationSeconds": None if media.duration is None else media.duration / 1_000_000,
        "sha256": media.sha256,
        "playable": playable(media),
        "channels": list(media.channels),
    }


def _add_uploads(app: FastAPI, recorder: Recorder) -> None:
    uploads = recorder.media.uploads

    @app.head(
        "/v1/recordings/{recording}/media",
        summary="How much of a recording's media has arrived: `Upload-Offset` and `Upload-Complete`",
        **documented({204: (None, "In the headers")}, *_COMING),
    )
    async def standing(recording: RecordingId) -> Response:
        found = await uploads.standing(recording)
        return Response(status_code=204, headers=_headers(found.offset, complete=found.complete))

    @app.patch(
        "/v1/recordings/{recording}/media",
        summary="Media of a recording, from an offset on; as long as the body lasts, while the call goes on",
        description="The body is the media itself: WAV, Ogg Opus, MP3 or MP4, recognised by content.",
        openapi_extra=_MEDIA_BODY,
        **documented(
            {200: (MediaAnswer, "Complete, and stored"), 204: (None, "Taken; more is awaited")},
            *_UPLOAD,
        ),
    )
    async def upload(recording: RecordingId, request: Request, offset: Offset, complete: Complete = "?0") -> Response:
        async with _refusing(request):
            return await _taken(recorder, recording, request, int(offset), complete=complete == "?1")


def _add_buffers(app: FastAPI, recorder: Recorder) -> None:
    buffers = recorder.media.buffers

    @app.head(
        "/v1/calls/{segment}/media",
        summary="How much is kept of a call that nobody has started to record: `Upload-Offset`",
        **documented({204: (None, "In the header")}, *_BUFFER),
    )
    async def standing(segment: SegmentId) -> Response:
        return Response(status_code=204, headers=_headers(buffers.offset(segment), complete=False))

    @app.patch(
        "/v1/calls/{segment}/media",
        summary="Media of a call that nobody has started to record, for a start that reaches back to its beginning",
        description="Where the RecordingPolicy says `capture: WholeCall`, and only while somebody may still start. A "
        "start makes it the beginning of the recording, where the upload goes on; without any it is destroyed when "
        "nobody may start any more. Nobody can play it.",
        openapi_extra=_MEDIA_BODY,
        **documented(
            {204: (None, "Taken")},
            *_BUFFER,
            "mismatching-upload-offset",
            "upload-superseded",
            "buffer-full",
            "upload-stalled",
            "body-too-large",
            "unsupported-media",
            "too-many-uploads",
            "storage-failed",
            "storage-full",
            "invalid-request",
        ),
    )
    async def keep(segment: SegmentId, request: Request, offset: Offset) -> Response:
        async with _refusing(request):
            sender = object()
            buffer = buffers.begin(segment, int(offset), sender)
            async for data in pieces(request):
                await buffers.take(buffer, sender, data)
            return Response(status_code=204, headers=_headers(buffer.accepted, complete=False))


@asynccontextmanager
async def _refusing(request: Request) -> AsyncIterator[None]:
    """Around what reads a body: one that is refused is read a little further, so that its sender gets the answer."""
    try:
        yield
    except (RecorderError, Problem) as error:
        await _drain(request)
        # What is still on its way is not read: the connection cannot be used again.
        error.headers = {**(error.headers or {}), "Connection": "close"}
        raise


async def _taken(recorder: Recorder, recording: str, request: Request, offset: int, *, complete: bool) -> Response:
    uploads, sender = recorder.media.uploads, object()
    upload = await uploads.begin(recording, offset, sender)
    if isinstance(upload, Standing):
        async for _ in pieces(request):
            raise media_closed()
        return Response(status_code=204, headers=_headers(upload.offset, complete=True))
    try:
        async for data in pieces(request):
            await uploads.take(upload, sender, data)
        if not complete:
            return Response(status_code=204, headers=_headers(upload.accepted, complete=False))
        media = await uploads.finish(upload, sender)
    finally:
        uploads.leave(upload, sender)
    if media is None:
        raise unknown_recording()
    return JSONResponse(shown_media(recording, media), headers=_headers(media.bytes, complete=True))


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes, no faster and no slower than the bounds.

    Raises:
        Problem: too little comes, or the connection ended before the body did.
    """
    loop = asyncio.get_running_loop()
    begun = window = loop.time()
    came = lately = 0
    while True:
        try:
            async with asyncio.timeout_at(window + bounds.UPLOAD_SLOWEST_SECONDS):
                message = await request.receive()
        except TimeoutError as error:
            raise _stalled("less than 1 KiB arrived in a minute") from error
        if message["type"] == "http.disconnect":
            raise _stalled("the connection ended before the body did")
        if data := message.get("body"):
            yield data
            came, lately = came + len(data), lately + len(data)
            ahead = came / bounds.UPLOAD_BYTES_PER_SECOND - (loop.time() - begun)
            if ahead > 0:
                await asyncio.sleep(ahead)
            if lately >= bounds.UPLOAD_SLOWEST_BYTES:
                window, lately = loop.time(), 0
        if not message.get("more_body"):
            return


def _stalled(detail: str) -> Problem:
    return Problem("upload-stalled", detail, "go on from the offset that HEAD tells; what has arrived is kept")


async def _drain(request: Request) -> None:
    drained = 0
    try:
        async with asyncio.timeout(DRAINED_SECONDS):
            while drained < DRAINED_BYTES:
                message = await request.receive()
                drained += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


def _headers(offset: int, *, complete: bool) -> dict[str, str]:
    return {
        "Upload-Offset": str(offset),
        "Upload-Complete": "?1" if complete else "?0",
        "Upload-Limit": f"max-size={bounds.MEDIA_BYTES}",
        "Cache-Control": "no-store",
    }


def _add_channels(app: FastAPI, recorder: Recorder) -> None:
    @app.put(
        "/v1/recordings/{recording}/channels",
        summary="Who is on which channel of a recording's media; before it is complete, or after",
        **documented({204: (None, "Kept")}, *_COMING, body=True),
    )
    async def channels(recording: RecordingId, body: ChannelsBody) -> Response:
        await recorder.media.uploads.set_channels(recording, tuple(body.channels))
        return Response(status_code=204)
