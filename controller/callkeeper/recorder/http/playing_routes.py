"""The media of recordings given out: played in ranges, or downloaded as a file with a name."""

import os
from typing import Annotated

from fastapi import FastAPI, Header, Path, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from callkeeper.audit.byte_ranges import Span, Unsatisfiable, asked_span
from callkeeper.audit.peer_address import peer_address
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.errors import Unknown
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.media_routes import RecordingId
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.http.recording_answers import PlayTicketAnswer
from callkeeper.recorder.media.names import content_disposition, download_name
from callkeeper.recorder.media.playing import blocks
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.recordings.access import WORKING, viewer
from callkeeper.recorder.recordings.annotating import restricted
from callkeeper.recorder.recordings.found import find
from callkeeper.recorder.store.recording import KeptRecording, Media

PLAY = "/v1/play/"
_FOUND = (
    "unknown-recording",
    "recording-gone",
    "recording-restricted",
    "no-media",
    "media-lost",
    "audit-unavailable",
    "storage-failed",
)
_MEDIA: dict[int, tuple[None, str]] = {200: (None, "The media"), 206: (None, "The range that was asked for")}

Download = Annotated[bool, Query(description="As a file with a name of its own.")]
Range = Annotated[str | None, Header(alias="Range", max_length=200)]
IfRange = Annotated[str | None, Header(alias="If-Range", max_length=200)]
Ticket = Annotated[str, Path(max_length=bounds.PLAY_TICKET_CHARACTERS)]


def add_playing_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    tickets = recorder.tickets

    @app.get(
        "/v1/recordings/{recording}/media",
        summary="The media of a recording, or a range of it; audited before its first byte",
        **documented(_MEDIA, *_FOUND, "range-not-satisfiable"),
    )
    async def play(
        recording: RecordingId,
        actor: ActorOf,
        download: Download = False,
        span: Range = None,
        if_range: IfRange = None,
    ) -> Response:
        found = await _found(recorder, recording, actor.principal)
        return await _given_out(recorder, found, actor, span, if_range, download=download)

    @app.post(
        "/v1/recordings/{recording}:playTicket",
        summary="An address that plays this recording for some minutes, for players that send no token",
        **documented({201: (PlayTicketAnswer, "The address; it is shown only here")}, *_FOUND),
    )
    async def ticket(recording: RecordingId, actor: ActorOf) -> Response:
        found = await _found(recorder, recording, actor.principal)
        _media_of(found)
        made, ends = tickets.make(found.id, actor.principal)
        answer = {"url": f"{PLAY}{made}", "expiresAt": instant_text(ends)}
        return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})

    @app.get(
        "/v1/play/{ticket}",
        summary="The media that a play ticket is for, or a range of it; audited as that of who asked for the ticket",
        **documented(_MEDIA, *_FOUND, "unknown-ticket", "range-not-satisfiable", public=True),
    )
    async def play_by_ticket(
        ticket: Ticket, request: Request, download: Download = False, span: Range = None, if_range: IfRange = None
    ) -> Response:
        known = tickets.find(ticket)
        address = peer_address(request, recorder.parts.trusted_proxies)
        found = await _found(recorder, known.recording, known.principal)
        actor = Actor(principal=known.principal, ip_address=address)
        return await _given_out(recorder, found, actor, span, if_range, download=download)


async def _found(recorder: Recorder, recording: str, principal: Principal) -> KeptRecording:
    """The recording, where this principal may hear it."""
    seen = viewer(principal, recorder.users.directory, WORKING)
    return await recorder.parts.store.read(lambda rows: find(rows, recording, seen))


async def _given_out(
    recorder: Recorder, found: KeptRecording, actor: Actor, span: str | None, if_range: str | None, *, download: bool
) -> Response:
    """The media or the range, once it is written who gets it."""
    playing = recorder.playing
    media = _media_of(found)
    tag = f'"{media.sha256}"'
    asked = _span(span, if_range, media, tag)
    try:
        descriptor = await playing.open(found.id, media)
    except Unknown:
        recorder.metrics.media_lost.inc()
        raise
    try:
        part = asked or Span(first=0, count=media.bytes)
        if download:
            await playing.audit_download(found, part.count, actor)
        else:
            await playing.audit_play(found, actor)
        return _StoredMedia(descriptor, found, media, part, tag, partial=asked is not None, download=download)
    except BaseException:
        os.close(descriptor)
        raise


def _media_of(found: KeptRecording) -> Media:
    if found.restricted:
        raise restricted()
    if found.media is None:
        raise Unknown(
            "no-media",
            f"no media of this recording is stored; it is {found.status.value}",
            "an open one is stored when its media is complete; of a failed one nothing came",
        )
    return found.media


def _span(header: str | None, if_range: str | None, media: Media, tag: str) -> Span | None:
    try:
        return asked_span(header, if_range, media.bytes, tag)
    except Unsatisfiable as error:
        raise Problem(
            "range-not-satisfiable",
            f"the media has {media.bytes} bytes",
            "ask for less",
            headers={"Content-Range": f"bytes */{media.bytes}"},
        ) from error


class _StoredMedia(StreamingResponse):
    """Sends a part of an open file, and closes it whatever happens."""

    def __init__(
        self,
        descriptor: int,
        recording: KeptRecording,
        media: Media,
        span: Span,
        tag: str,
        *,
        partial: bool,
        download: bool,
    ) -> None:
        headers = {
            "Content-Length": str(span.count),
            "Accept-Ranges": "bytes",
            "ETag": tag,
            # What was said in a call is not left behind in the caches of browsers and proxies.
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
            # A page of somebody else cannot have it played, even where a ticket leaked.
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }
        if partial:
            headers["Content-Range"] = f"bytes {span.first}-{span.first + span.count - 1}/{media.bytes}"
        if download:
            headers["Content-Disposition"] = content_disposition(download_name(recording, media.content_type))
        super().__init__(
            blocks(descriptor, span.first, span.count),
            status_code=206 if partial else 200,
            headers=headers,
            media_type=media.content_type,
        )
        self._descriptor = descriptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)
