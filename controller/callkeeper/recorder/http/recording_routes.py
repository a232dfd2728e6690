"""Recordings over HTTP: search, export, details, notes and tags."""

from typing import Annotated

from fastapi import FastAPI, Path
from starlette.responses import JSONResponse, Response, StreamingResponse

from callkeeper.policy.directory import Directory
from callkeeper.policy.retention import RetentionTerms
from callkeeper.recorder import bounds
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.export import CSV, JSON, csv_lines, json_lines
from callkeeper.recorder.http.recording_answers import (
    NoteAnswer,
    RecordingDetailsAnswer,
    RecordingsAnswer,
    TagsAnswer,
)
from callkeeper.recorder.http.recording_bodies import (
    ExportBody,
    FilterBody,
    NoteBody,
    SearchBody,
    Tag,
    cursor_of,
    place_of,
)
from callkeeper.recorder.http.recording_shown import shown_details, shown_note, shown_recording
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.retention.rule import Rule
from callkeeper.recorder.store.search import Search

RecordingId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
NoteId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
FOUND = ("unknown-recording", "recording-gone", "storage-failed", "audit-unavailable")
_WORK = (*FOUND, "recording-restricted")


def add_recording_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    _add_lists(app, recorder)
    _add_details(app, recorder)
    _add_notes(app, recorder)
    _add_tags(app, recorder)


def _add_lists(app: FastAPI, recorder: Recorder) -> None:
    reader, clock = recorder.reader, recorder.parts.clock

    def asked(body: FilterBody) -> tuple[Search, Directory]:
        directory = recorder.users.directory
        user = None if body.user is None else directory.find(body.user)
        return body.search(clock.now(), body.user if user is None else user.id), directory

    def terms() -> RetentionTerms:
        return Rule.of(recorder.programming.stored).terms

    @app.post(
        "/v1/recordings:search",
        summary="Recordings that fit and that you may see, the latest opened first; audited",
        **documented({200: (RecordingsAnswer, "A page")}, "storage-failed", "audit-unavailable", body=True),
    )
    async def search(body: SearchBody, actor: ActorOf) -> Response:
        wanted, directory = asked(body)
        page = await reader.search(
            wanted, after=place_of(body.cursor), limit=body.limit, actor=actor, directory=directory
        )
        items = [shown_recording(one, terms(), clock.now()) for one in page.recordings]
        return JSONResponse({"items": items, "nextCursor": cursor_of(page.next)})

    @app.post(
        "/v1/recordings:export",
        summary="Everything that fits and that you may see, as CSV or JSON; audited before its first byte",
        **documented(
            {200: ((CSV, JSON), "CSV (RFC 4180) with a header, or a JSON array of what a search answers")},
            "storage-failed",
            "audit-unavailable",
            body=True,
        ),
    )
    async def export(body: ExportBody, actor: ActorOf) -> Response:
        wanted, directory = asked(body)
        pages = await reader.export(wanted, form=body.format, actor=actor, directory=directory)
        as_json = body.format == "json"
        rule, now = terms(), clock.now()
        lines = (
            json_lines(pages, rule, now)
            if as_json
            else csv_lines(pages, rule, now, spreadsheet_safe=body.spreadsheet_safe)
        )
        headers = {"Content-Disposition": f'attachment; filename="recordings.{body.format}"'}
        return StreamingResponse(lines, headers=headers, media_type=JSON if as_json else CSV)


def _add_details(app: FastAPI, recorder: Recorder) -> None:
    @app.get(
        "/v1/recordings/{recording}",
        summary="Everything about one recording but its media; audited",
        **documented({200: (RecordingDetailsAnswer, "The recording")}, *FOUND),
    )
    async def details(recording: RecordingId, actor: ActorOf) -> Response:
        found = await recorder.reader.details(recording, actor=actor, directory=recorder.users.directory)
        return JSONResponse(shown_details(found, recorder.parts.clock.now()))


def _add_notes(app: FastAPI, recorder: Recorder) -> None:
    annotating = recorder.annotating

    @app.post(
        "/v1/recordings/{recording}/notes",
        summary="Write a note on a recording",
        **documented({201: (NoteAnswer, "The note")}, *_WORK, "too-many-notes", body=True),
    )
    async def add(recording: RecordingId, body: NoteBody, actor: ActorOf) -> Response:
        note = await annotating.add_note(recording, body.text, actor=actor, directory=recorder.users.directory)
        return JSONResponse(shown_note(note), status_code=201)

    @app.put(
        "/v1/recordings/{recording}/notes/{note}",
        summary="Change a note; its author's and an administrator's",
        **documented({200: (NoteAnswer, "The note")}, *_WORK, "unknown-note", "not-your-note", body=True),
    )
    async def edit(recording: RecordingId, note: NoteId, body: NoteBody, actor: ActorOf) -> Response:
        directory = recorder.users.directory
        edited = await annotating.edit_note(recording, note, body.text, actor=actor, directory=directory)
        return JSONResponse(shown_note(edited))

    @app.delete(
        "/v1/recordings/{recording}/notes/{note}",
        summary="Delete a note; its author's and an administrator's",
        **documented({204: (None, "It is gone")}, *_WORK, "unknown-note", "not-your-note"),
    )
    async def delete(recording: RecordingId, note: NoteId, actor: ActorOf) -> Response:
        await annotating.delete_note(recording, note, actor=actor, directory=recorder.users.directory)
        return Response(status_code=204)


def _add_tags(app: FastAPI, recorder: Recorder) -> None:
    annotating = recorder.annotating

    @app.put(
        "/v1/recordings/{recording}/tags/{tag}",
        summary="Set a tag; set already is no change",
        **documented({200: (TagsAnswer, "All its tags")}, *_WORK, "too-many-tags"),
    )
    async def add(recording: RecordingId, tag: Annotated[Tag, Path()], actor: ActorOf) -> Response:
        tags = await annotating.add_tag(recording, tag, actor=actor, directory=recorder.users.directory)
        return JSONResponse({"tags": tags})

    @app.delete(
        "/v1/recordings/{recording}/tags/{tag}",
        summary="Take a tag away; not set is no change",
        **documented({200: (TagsAnswer, "All its tags")}, *_WORK),
    )
    async def remove(recording: RecordingId, tag: Annotated[Tag, Path()], actor: ActorOf) -> Response:
        tags = await annotating.remove_tag(recording, tag, actor=actor, directory=recorder.users.directory)
        return JSONResponse({"tags": tags})
