"""Changing the user directory over HTTP: as a whole, user by user, licence by licence, and from CSV."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request
from starlette.responses import JSONResponse, Response

from callkeeper.policy.directory import Directory, User
from callkeeper.policy.users_csv import UsersFile, UsersProblem, parse_users
from callkeeper.recorder.http.answers import DirectoryPutAnswer, DirectoryUserAnswer, ImportAnswer, LicenceAnswer
from callkeeper.recorder.http.bodies import DirectoryBody, LicenceBody, OneUserBody, UserBody
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf, see_media_type
from callkeeper.recorder.http.entity_tags import IfMatch, matches
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.http.shown import shown_user
from callkeeper.recorder.http.user_routes import UserReference
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.user_import import LineResult, ReportLine, UserImport, names

CSV = "text/csv"
SHOWN_PROBLEMS = 1_000
"""Lines that a refused import lists; `?dryRun=true` lists all."""
Restore = Annotated[bool, Query(description="Ids that were deleted come back for the same people.")]
_WRITE = ("users-from-folder", "audit-unavailable", "storage-failed")
_CSV_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {CSV: {"schema": {"type": "string", "description": "users.csv"}}}}
}


def add_user_writing_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    _add_whole(app, recorder)
    _add_import(app, recorder)
    _add_licences(app, recorder)
    _add_one(app, recorder)


def _add_whole(app: FastAPI, recorder: Recorder) -> None:
    users = recorder.users

    @app.put(
        "/v1/users",
        summary="Replace the directory as a whole",
        **documented(
            {200: (DirectoryPutAnswer, "In force")},
            *_WRITE,
            "invalid-users",
            "retired-id",
            "too-many-retired-users",
            "directory-mismatch",
            body=True,
        ),
    )
    async def put(
        body: Annotated[DirectoryBody, Body()], actor: ActorOf, if_match: IfMatch = None, *, restore: Restore = False
    ) -> Response:
        directory = await asyncio.to_thread(_directory, body)
        changed = await users.replace(
            directory, actor, fits=lambda tag: if_match is None or matches(if_match, tag), restore=restore
        )
        return JSONResponse({"revision": users.directory.revision, "changed": changed})

    @app.delete(
        "/v1/users",
        summary="Delete all users; their recordings stay",
        description="Takes `If-Match` with the revision of the directory: nobody empties what they did not see.",
        **documented(
            {200: (DirectoryPutAnswer, "There are no users")},
            *_WRITE,
            "precondition-required",
            "directory-mismatch",
            "too-many-retired-users",
        ),
    )
    async def clear(actor: ActorOf, if_match: IfMatch = None) -> Response:
        if if_match is None:
            raise Problem(
                "precondition-required",
                "deleting all users takes the revision of the directory that is meant",
                'send If-Match: "<revision>" with the revision GET /v1/users names',
            )
        changed = await users.replace(Directory(), actor, fits=lambda tag: matches(if_match, tag))
        return JSONResponse({"revision": users.directory.revision, "changed": changed})


def _add_one(app: FastAPI, recorder: Recorder) -> None:
    users, locator = recorder.users, recorder.parts.locator

    @app.put(
        "/v1/users/{id:path}",  # noqa: FAST003 - `UserReference` has the alias
        summary="Make a user, or replace what is known of one",
        **documented(
            {200: (DirectoryUserAnswer, "The user"), 201: (DirectoryUserAnswer, "A new user")},
            *_WRITE,
            "invalid-users",
            "retired-id",
            "immutable-id",
            body=True,
        ),
    )
    async def put(name: UserReference, body: OneUserBody, actor: ActorOf, *, restore: Restore = False) -> Response:
        if body.id not in {None, name}:
            raise Problem(
                "immutable-id",
                "the body names another id than the address",
                "leave the id out of the body; for another id make another user",
            )
        try:
            user = body.user_of(name)
        except ValueError as error:
            raise Problem("invalid-users", str(error), "mend it and put the user again") from error
        result = await users.put(user, actor, restore=restore)
        shown = shown_user(user, recorder.programming.config, locator)
        return JSONResponse(shown, status_code=201 if result is LineResult.CREATED else 200)

    @app.delete(
        "/v1/users/{id:path}",  # noqa: FAST003 - `UserReference` has the alias
        summary="Delete a user, by id or e-mail address; the recordings stay and the id is never given again",
        **documented(
            {200: (DirectoryPutAnswer, "The user is gone")}, *_WRITE, "unknown-user", "too-many-retired-users"
        ),
    )
    async def delete(reference: UserReference, actor: ActorOf) -> Response:
        await users.delete(reference, actor)
        return JSONResponse({"revision": users.directory.revision, "changed": True})


def _add_licences(app: FastAPI, recorder: Recorder) -> None:
    users, locator = recorder.users, recorder.parts.locator

    def add(verb: str, summary: str, *, granted: bool) -> None:
        @app.post(
            f"/v1/users/{{id:path}}:{verb}",
            summary=summary,
            operation_id=f"{verb}_licence",
            **documented({200: (LicenceAnswer, "The user")}, *_WRITE, "unknown-user", body=True),
        )
        async def set_licence(reference: UserReference, body: LicenceBody, actor: ActorOf) -> Response:
            changed, user = await users.set_licence(reference, body.licence, actor, granted=granted)
            shown = shown_user(user, recorder.programming.config, locator)
            return JSONResponse({"changed": changed, "user": shown})

    add("grant", "Give a user a licence; having it already is no change", granted=True)
    add("revoke", "Take a licence from a user; not having it is no change", granted=False)


def _add_import(app: FastAPI, recorder: Recorder) -> None:
    users = recorder.users

    @app.post(
        "/v1/users:import",
        summary="Add and change users from CSV, with a report per line; deletes nobody",
        description="The format is that of users.csv. A column that is not there leaves what a user had. All lines or "
        "none, unless `skipBad`.",
        openapi_extra=_CSV_BODY,
        **documented(
            {200: (ImportAnswer, "What it did, or would do")},
            *_WRITE,
            "invalid-users",
            "body-too-large",
            "unsupported-media-type",
            "invalid-request",
        ),
    )
    async def import_(
        request: Request,
        actor: ActorOf,
        *,
        dry_run: Annotated[bool, Query(alias="dryRun", description="Say what it would do, and do nothing.")] = False,
        skip_bad: Annotated[bool, Query(alias="skipBad", description="Leave out the lines with a problem.")] = False,
        restore: Restore = False,
    ) -> Response:
        see_media_type(request, CSV)
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
        file = await asyncio.to_thread(_read, data)
        if dry_run:
            planned = await asyncio.to_thread(users.plan, file, restore=restore)
        else:
            planned = await users.import_(file, actor, skip_bad=skip_bad, restore=restore)
            if planned.problems and not skip_bad:
                raise _refused(planned)
        return await asyncio.to_thread(_imported, planned, users.directory, applied=not dry_run)


def _read(data: bytearray) -> UsersFile:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return UsersFile(users=(), problems=(UsersProblem(line=line, column="", message=message),))
    return parse_users(text)


def _imported(planned: UserImport, directory: Directory, *, applied: bool) -> Response:
    return JSONResponse(
        {
            "applied": applied and bool(planned.users),
            "revision": directory.revision,
            "counts": planned.counts(),
            "lines": [_line(one) for one in planned.report],
        }
    )


def _refused(planned: UserImport) -> Problem:
    problems = planned.problems
    first = problems[0]
    where = f"line {first.line}" + (f", {first.column}" if first.column else "")
    return Problem(
        "invalid-users",
        f"{len(problems)} of {len(planned.report)} lines cannot be imported, so none was ({where}: {first.message})",
        "mend the lines that `problems` lists, or leave them out with ?skipBad=true",
        {"problems": [_line(one) for one in problems[:SHOWN_PROBLEMS]], "problemCount": len(problems)},
    )


def _line(one: ReportLine) -> dict[str, Any]:
    return {"line": one.line, "result": one.result, "id": one.id, "column": one.column, "message": one.message}


def _directory(bodies: Iterable[UserBody]) -> Directory:
    users: dict[str, User] = {}
    taken: dict[str, str] = {}
    for number, body in enumerate(bodies, start=1):
        try:
            user = body.user_of(body.id)
        except ValueError as error:
            raise _invalid(number, str(error)) from error
        if user.id in users:
            raise _invalid(number, "its id is that of another user")
        own = list(names(user))
        if any(name in taken for name in own):
            raise _invalid(number, "its e-mail address is that of another user")
        users[user.id] = user
        taken |= dict.fromkeys(own, user.id)
    return Directory(users)


def _invalid(number: int, what: str) -> Problem:
    return Problem("invalid-users", f"user {number} of the list: {what}", "mend it and put the whole list again")
