"""Reading the user directory over HTTP: search, and one user."""

import asyncio
from typing import Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import JSONResponse, Response

from callkeeper.recorder import bounds
from callkeeper.recorder.http.answers import DirectoryAnswer, DirectoryUserAnswer
from callkeeper.recorder.http.bodies import PLAIN
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.rights import groups_seen, sees_user
from callkeeper.recorder.http.shown import shown_user
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.users import unknown_user

Search = Annotated[str, Query(max_length=bounds.SEARCH_CHARACTERS, description="In name, surname or e-mail address.")]
Overridden = Annotated[bool | None, Query(description="Only users with (true) or without (false) an override.")]
Limit = Annotated[int, Query(ge=1, le=bounds.PAGE)]
UserCursor = Annotated[
    str | None, Query(max_length=bounds.REFERENCE_CHARACTERS, description="`nextCursor` of the page before.")
]
UserReference = Annotated[str, Path(alias="id", min_length=1, max_length=bounds.REFERENCE_CHARACTERS, pattern=PLAIN)]


def add_user_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    users, locator = recorder.users, recorder.parts.locator

    @app.get(
        "/v1/users",
        summary="Search users, with the mode in force",
        **documented({200: (DirectoryAnswer, "A page, ordered by id")}),
    )
    async def read_all(
        actor: ActorOf,
        search: Search = "",
        overridden: Overridden = None,
        limit: Limit = bounds.PAGE_DEFAULT,
        cursor: UserCursor = None,
    ) -> Response:
        found, config = users.search, recorder.programming.config

        def page() -> Response:
            shown = found.page(
                words=search,
                overridden=overridden,
                config=config,
                groups=groups_seen(actor.principal, found.directory),
                after=cursor,
                # One more than asked for tells whether there are more.
                limit=limit + 1,
            )
            return JSONResponse(
                {
                    "revision": found.directory.revision,
                    "items": [shown_user(user, config, locator) for user in shown[:limit]],
                    "nextCursor": shown[limit - 1].id if len(shown) > limit else None,
                }
            )

        return await asyncio.to_thread(page)

    # An id may hold a slash: `path` takes the rest of the address.
    @app.get(
        "/v1/users/{id:path}",  # noqa: FAST003 - `UserReference` has the alias
        summary="One user, by id or e-mail address",
        **documented({200: (DirectoryUserAnswer, "The user")}, "unknown-user"),
    )
    async def read(reference: UserReference, actor: ActorOf) -> Response:
        user = users.get(reference)
        if not sees_user(actor.principal, user, users.directory):
            raise unknown_user()
        return JSONResponse(shown_user(user, recorder.programming.config, locator))
