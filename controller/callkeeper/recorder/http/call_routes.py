"""Calls over HTTP: what a telephony platform tells, and what a user does with their own call."""

import asyncio
from collections.abc import Callable
from itertools import islice
from operator import attrgetter
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from starlette.responses import JSONResponse, Response

from callkeeper.audit.compact_json import compact_encoder
from callkeeper.policy.directory import Role
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.calls.refusals import unknown_segment
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.http.answers import SegmentAnswer, SegmentsAnswer
from callkeeper.recorder.http.bodies import StartBody, UpdateBody
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.rights import own_reference, sees_segment, users_seen
from callkeeper.recorder.http.shown import shown_segment
from callkeeper.recorder.parts import Recorder


class SegmentResponse(JSONResponse):
    """A segment as JSON; by an encoder that is made once, where the library makes one for each answer."""

    _encode = staticmethod(compact_encoder(ascii_only=False))

    def render(self, content: Any) -> bytes:
        """The bytes of it."""
        return self._encode(content).encode()


SegmentId = Annotated[str, Path(max_length=bounds.IDENTIFIER_CHARACTERS)]
Limit = Annotated[int, Query(ge=1, le=bounds.PAGE)]
SegmentCursor = Annotated[int | None, Query(ge=1, le=2**53 - 1, description="`nextCursor` of the page before.")]
_ON_DEMAND = ("unknown-segment", "segment-ended", "audit-unavailable")


def add_call_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    _add_events(app, recorder)
    _add_on_demand(app, recorder)
    _add_reading(app, recorder)


def _add_events(app: FastAPI, recorder: Recorder) -> None:
    calls, locator = recorder.calls, recorder.parts.locator

    @app.post(
        "/v1/calls",
        summary="A segment starts; answered with its decision",
        **documented(
            {
                201: (SegmentAnswer, "A new segment, decided under the settings of now"),
                200: (SegmentAnswer, "The same start of a segment that is still open: that segment"),
            },
            "segment-exists",
            "other-conversation",
            "unknown-segment",
            "too-many-open-segments",
            body=True,
        )
        | {"status_code": 201},
    )
    async def begin(body: StartBody) -> Response:
        segment, new = calls.start(body.arrival())
        await calls.kept()
        return SegmentResponse(shown_segment(segment, locator), status_code=201 if new else 200)

    @app.post(
        "/v1/calls/{segment}:update",
        summary="Parties, kind, direction or consent changed; decided again under the segment's settings",
        **documented({200: (SegmentAnswer, "The segment")}, "unknown-segment", "segment-ended", body=True),
    )
    async def update(segment: SegmentId, body: UpdateBody) -> Response:
        changed = calls.update(segment, body.changes())
        await calls.kept()
        return SegmentResponse(shown_segment(changed, locator))

    @app.post(
        "/v1/calls/{segment}:end",
        summary="The segment ends; ending it again is answered the same",
        **documented({200: (SegmentAnswer, "The segment")}, "unknown-segment"),
    )
    async def end(segment: SegmentId) -> Response:
        ended = calls.end(segment)
        await calls.kept()
        return SegmentResponse(shown_segment(ended, locator))


def _add_on_demand(app: FastAPI, recorder: Recorder) -> None:
    calls = recorder.calls

    def told(segment: Segment, actor: Actor) -> Response:
        return SegmentResponse(_shown_to(actor, segment, recorder))

    def own(segment: str, actor: Actor) -> str:
        user = own_reference(actor.principal, calls.get(segment), recorder.users.directory)
        if user is None:
            raise unknown_segment()
        return user

    @app.post(
        "/v1/calls/{segment}:start",
        summary="The user who asks starts recording their call; already recording is no change",
        **documented({200: (SegmentAnswer, "The segment")}, *_ON_DEMAND, "start-refused", "too-many-recordings"),
    )
    async def start(segment: SegmentId, actor: ActorOf) -> Response:
        started = await recorder.on_demand.start(segment, own(segment, actor), actor)
        return told(started, actor)

    @app.post(
        "/v1/calls/{segment}:stop",
        summary="The user who asks stops what they started; not recording is no change",
        **documented({200: (SegmentAnswer, "The segment")}, *_ON_DEMAND, "automatic-recording"),
    )
    async def stop(segment: SegmentId, actor: ActorOf) -> Response:
        stopped = await recorder.on_demand.stop(segment, own(segment, actor), actor)
        return told(stopped, actor)

    def whose(segment: str, actor: Actor) -> str | None:
        return None if Role.INGEST in actor.principal.roles else own(segment, actor)

    @app.post(
        "/v1/calls/{segment}:pause",
        summary="Nothing is captured from here on, for data that must not be kept; goes on by itself after 5 minutes",
        description="A user pauses their own recording, the platform (`ingest`) all of the call. Again: from now on.",
        **documented({200: (SegmentAnswer, "The segment")}, *_ON_DEMAND, "not-recording"),
    )
    async def pause(segment: SegmentId, actor: ActorOf) -> Response:
        paused = await recorder.pausing.pause(segment, whose(segment, actor), actor)
        return told(paused, actor)

    @app.post(
        "/v1/calls/{segment}:resume",
        summary="What was paused goes on; not paused is no change",
        **documented({200: (SegmentAnswer, "The segment")}, *_ON_DEMAND),
    )
    async def resume(segment: SegmentId, actor: ActorOf) -> Response:
        resumed = await recorder.pausing.resume(segment, whose(segment, actor), actor)
        return told(resumed, actor)


def _add_reading(app: FastAPI, recorder: Recorder) -> None:
    calls = recorder.calls

    def seen(segment: Segment, actor: Actor) -> bool:
        return sees_segment(actor.principal, segment, recorder.users.directory)

    @app.get(
        "/v1/calls",
        summary="Segments in memory (open, and the last that ended), the latest started first",
        **documented({200: (SegmentsAnswer, "A page")}),
    )
    async def read_all(actor: ActorOf, limit: Limit = bounds.PAGE_DEFAULT, cursor: SegmentCursor = None) -> Response:
        # A hundred thousand segments are looked through beside the event loop, not on it.
        page = await asyncio.to_thread(_page, calls.all(), lambda segment: seen(segment, actor), limit, cursor)
        more = len(page) > limit
        items = [_shown_to(actor, segment, recorder) for segment in page[:limit]]
        return JSONResponse({"items": items, "nextCursor": str(page[limit - 1].number) if more else None})

    @app.get(
        "/v1/calls/{segment}",
        summary="One segment",
        **documented({200: (SegmentAnswer, "The segment")}, "unknown-segment"),
    )
    async def read(segment: SegmentId, actor: ActorOf) -> Response:
        found = calls.get(segment)
        if not seen(found, actor):
            raise unknown_segment()
        return SegmentResponse(_shown_to(actor, found, recorder))


def _shown_to(actor: Actor, segment: Segment, recorder: Recorder) -> dict[str, Any]:
    """A segment with what is recorded of those this actor may know of; of others on the call nothing is told."""
    of_users = users_seen(actor.principal, segment, recorder.users.directory)
    return shown_segment(segment, recorder.parts.locator, of_users)


def _page(
    segments: tuple[Segment, ...], seen: Callable[[Segment], bool], limit: int, cursor: int | None
) -> list[Segment]:
    """The latest started before the cursor that may be seen, one more than asked for when there are more."""
    earlier = segments if cursor is None else [segment for segment in segments if segment.number < cursor]
    latest_first = sorted(earlier, key=attrgetter("number"), reverse=True)
    return list(islice(filter(seen, latest_first), limit + 1))
