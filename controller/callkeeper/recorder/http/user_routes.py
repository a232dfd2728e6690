"""The user directory over HTTP: search, read, and replace as a whole."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import Body, FastAPI, Path, Query
from starlette.responses import JSONResponse, Response

from callkeeper.policy.directory import Directory, User
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.http.answers import DirectoryAnswer, DirectoryPutAnswer, DirectoryUserAnswer
from callkeeper.recorder.http.bodies import DirectoryBody, UserBody
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.http.rights import sees_user
from callkeeper.recorder.http.shown import mode_in_force, shown_user
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.users import unknown_user

Search = Annotated[str, Query(max_length=bounds.SEARCH_CHARACTERS, description="In name, surname or e-mail address.")]
Overridden = Annotated[bool | None, Query(description="Only users with (true) or without (false) an override.")]
Limit = Annotated[int, Query(ge=1, le=bounds.PAGE)]
UserCursor = Annotated[
    str | None, Query(max_length=bounds.REFERENCE_CHARACTERS, description="`nextCursor` of the page before.")
]


def add_user_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    users, locator = recorder.users, recorder.parts.locator

    @app.get(
        "/v1/users",
        summary="Search users, with the mode in force",
        **documented({200: (DirectoryAnswer, "A page, ordered by id")}),
    )
    async def search(
        actor: ActorOf,
        search: Search = "",
        overridden: Overridden = None,
        limit: Limit = bounds.PAGE_DEFAULT,
        cursor: UserCursor = None,
    ) -> Response:
        directory, config = users.directory, recorder.programming.config
        fits = _fits(recorder, actor, search, overridden)
        page = await asyncio.to_thread(_page, directory, fits, limit, cursor)
        return JSONResponse(
            {
                "revision": directory.revision,
                "items": [shown_user(user, config, locator) for user in page[:limit]],
                "nextCursor": page[limit - 1].id if len(page) > limit else None,
            }
        )

    @app.get(
        "/v1/users/{id}",
        summary="One user, by id or e-mail address",
        **documented({200: (DirectoryUserAnswer, "The user")}, "unknown-user"),
    )
    async def read(
        reference: Annotated[str, Path(alias="id", max_length=bounds.REFERENCE_CHARACTERS)], actor: ActorOf
    ) -> Response:
        user = users.get(reference)
        if not sees_user(actor.principal, user, users.directory):
            raise unknown_user()
        return JSONResponse(shown_user(user, recorder.programming.config, locator))

    @app.put(
        "/v1/users",
        summary="Replace the directory as a whole",
        **documented(
            {200: (DirectoryPutAnswer, "In force")},
            "users-from-folder",
            "invalid-users",
            "audit-unavailable",
            "storage-failed",
            body=True,
        ),
    )
    async def put(body: Annotated[DirectoryBody, Body()], actor: ActorOf) -> Response:
        directory = await asyncio.to_thread(_directory, body)
        changed = await users.put(directory, actor)
        return JSONResponse({"revision": users.directory.revision, "changed": changed})


def _fits(recorder: Recorder, actor: Actor, search: str, with_override: bool | None) -> Callable[[User], bool]:
    directory, config = recorder.users.directory, recorder.programming.config
    wanted = search.casefold().split()

    def fits(user: User) -> bool:
        text = f"{user.name} {user.surname} {user.email}".casefold()
        if not all(word in text for word in wanted):
            return False
        if with_override is not None:
            mode = mode_in_force(user, config)
            if (mode is not None and mode.overridden) is not with_override:
                return False
        return sees_user(actor.principal, user, directory)

    return fits


def _page(directory: Directory, fits: Callable[[User], bool], limit: int, cursor: str | None) -> list[User]:
    """The users after the cursor that fit, one more than asked for when there are more."""
    page: list[User] = []
    for name in sorted(directory.users):
        if (cursor is None or name > cursor) and fits(directory.users[name]):
            page.append(directory.users[name])
            if len(page) > limit:
                break
    return page


def _directory(bodies: list[UserBody]) -> Directory:
    users: dict[str, User] = {}
    emails: set[str] = set()
    for number, body in enumerate(bodies, start=1):
        try:
            user = body.user()
        except ValueError as error:
            raise _invalid(number, str(error)) from error
        email = user.email.casefold()
        if user.id in users:
            raise _invalid(number, "its id is that of another user")
        if email in emails:
            raise _invalid(number, "its e-mail address is that of another user")
        users[user.id] = user
        emails |= {email} - {""}
    return Directory(users)


def _invalid(number: int, what: str) -> Problem:
    return Problem("invalid-users", f"user {number} of the list: {what}", "mend it and put the whole list again")
