"""Calls of Microsoft Teams over HTTP: a recording bot hands on what Microsoft Graph tells it.

What the notifications mean is `teams/`; here its events become calls of the recorder. A request is answered entry by
entry: one that is not what Graph's schema says is named and does not keep the others from being decided.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Annotated, Any, assert_never

from fastapi import FastAPI
from pydantic import ConfigDict, Field, StrictBool
from starlette.responses import JSONResponse, Response

from callkeeper.policy.call import Call, Consent
from callkeeper.recorder import bounds
from callkeeper.recorder.calls.arrival import Arrival
from callkeeper.recorder.calls.ongoing import Calls
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.errors import Conflict, Unknown
from callkeeper.recorder.http.answers import Answer, SegmentAnswer
from callkeeper.recorder.http.bodies import Body, Identifier
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.shown import shown_segment
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.teams.calls import Step, TeamsCalls
from callkeeper.recorder.teams.events import PartiesChanged, SegmentEnded, SegmentStarted
from callkeeper.recorder.teams.notifications import read_notification
from callkeeper.recorder.teams.reading import GraphError, one_form
from callkeeper.recorder.teams.tracking import Context, Standing, TrackedCall

# The id and the conversation are the segment's; a direction inherited from a parked segment is not taken back.
_CHANGING = tuple(field.name for field in fields(Call) if field.name not in {"native_id", "conversation", "direction"})


class GraphContextBody(Body):
    """What the bot knows of a call and Microsoft Graph does not say."""

    continues: Identifier | None = Field(
        None, description="Id of the call this one continues, where the platform does not link the two."
    )
    retrieved_from_park: StrictBool | None = Field(None, description="The call was parked, and somebody took it.")
    consent: Consent | None = Field(None, description="What the parties said about recording.")

    def context(self) -> Context:
        """The mapper's value."""
        return Context(
            continues=None if self.continues is None else one_form(self.continues),
            retrieved_from_park=self.retrieved_from_park,
            consent=self.consent,
        )


class GraphBody(Body):
    """`commsNotifications` as Graph sends it, with the organisation's tenants beside it."""

    # Graph adds members of its own (`@odata.type`, `@odata.context`), and may add more.
    model_config = ConfigDict(extra="ignore")

    tenants: Annotated[list[Identifier], Field(min_length=1, max_length=bounds.GRAPH_TENANTS)] = Field(
        description="The organisation's own Entra tenant ids; users of any other are federated."
    )
    value: Annotated[list[dict[str, Any]], Field(max_length=bounds.GRAPH_NOTIFICATIONS)] = Field(
        description="The notifications (`commsNotification`), unchanged and in order; "
        "a call record is the `resourceData` of one."
    )
    calls: Annotated[dict[Identifier, GraphContextBody], Field(max_length=bounds.GRAPH_NOTIFICATIONS)] = Field(
        {}, description="By call id, what Graph does not say of it."
    )


class GraphErrorAnswer(Answer):
    """Where an entry is not what Graph's schema says; what stood there is not repeated."""

    path: str
    message: str


class GraphItemAnswer(Answer):
    """What one notification led to."""

    segments: list[str] = Field(
        description="Ids of the segments it is about: one, several for a call record, none when ignored."
    )
    ignored: str | None = Field(
        description="notAboutParties, waitingForCall, endedBeforeStart or nothingToEnd; null when it was taken."
    )
    error: GraphErrorAnswer | None = Field(description="Why the notification could not be read; null when it could.")


class GraphAnswer(Answer):
    """An entry for each notification, in their order, and each segment they are about once."""

    items: list[GraphItemAnswer]
    segments: list[SegmentAnswer] = Field(
        description="As they stand after the last notification; without those no longer in memory."
    )


def add_graph_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    calls, locator = recorder.calls, recorder.parts.locator
    teams = TeamsCalls()

    def taken(
        value: Mapping[str, Any], path: str, tenants: frozenset[str], contexts: Mapping[str, Context]
    ) -> dict[str, Any]:
        try:
            received = teams.receive(read_notification(value, path, tenants), contexts)
        except GraphError as error:
            return _item(error=error)
        segments = []
        for step in received.steps:
            after = _carried_out(calls, teams, step)
            teams.keep(after)
            segments += [] if after.segment is None else [after.segment]
        return _item(segments=segments, ignored=None if received.ignored is None else received.ignored.value)

    @app.post(
        "/v1/calls:graph",
        summary="Microsoft Graph's call notifications and call records, from a Teams recording bot",
        description="The same notification again changes nothing and is answered with the same segment. Full means the "
        "rest of the request was not looked at: send all of it again.",
        **documented({200: (GraphAnswer, "An entry for each notification")}, "too-many-open-segments", body=True),
    )
    async def graph(body: GraphBody) -> Response:
        tenants = frozenset(one_form(tenant.strip()) for tenant in body.tenants)
        contexts = {one_form(name): given.context() for name, given in body.calls.items()}
        items = []
        for at, value in enumerate(body.value):
            items.append(taken(value, f"value[{at}]", tenants, contexts))
            # A large meeting takes milliseconds to decide: other calls are let in between two entries.
            await asyncio.sleep(0)
        await calls.kept()
        names = dict.fromkeys(name for item in items for name in item["segments"])
        segments = [shown_segment(found, locator) for name in names for found in _in_memory(calls, name)]
        return JSONResponse({"items": items, "segments": segments})


def _item(
    *, segments: Sequence[str] = (), ignored: str | None = None, error: GraphError | None = None
) -> dict[str, Any]:
    shown = None if error is None else {"path": error.path, "message": error.message}
    return {"segments": list(segments), "ignored": ignored, "error": shown}


def _in_memory(calls: Calls, name: str) -> Iterator[Segment]:
    """The segment, unless it ended so long ago that it is forgotten."""
    try:
        yield calls.get(name)
    except Unknown:
        return


def _carried_out(calls: Calls, teams: TeamsCalls, step: Step) -> TrackedCall:
    """Tell the recorder what happened.

    Raises:
        Full: too many segments are open.
    """
    after = step.after
    for event in step.events:
        match event:
            case SegmentStarted():
                parent = None if event.parent is None else teams.get(event.parent)
                after = replace(after, segment=_start(calls, event.call, None if parent is None else parent.segment))
            case PartiesChanged():
                try:
                    calls.update(after.segment or "", _facts(event.call))
                except (Conflict, Unknown):
                    # Ended by somebody else, or lost in a restart: it does not change any more.
                    after = replace(after, standing=Standing.OVER)
            case SegmentEnded():
                _end(calls, after.segment or "")
            case _:
                assert_never(event)
    return after


def _start(calls: Calls, call: Call, parent: str | None) -> str:
    """Start the segment; where it is open already and was begun as something else, it is brought up to date."""
    try:
        return calls.start(Arrival(call=call, parent=parent))[0].id
    except Unknown:
        # The parent is no longer in memory; without one there is nothing to be unknown.
        return _start(calls, call, None)
    except Conflict as conflict:
        found = conflict.members.get("segment")
        if found is None:
            # The parent was told of by somebody else, as another conversation.
            return _start(calls, call, None)
        return calls.update(str(found), _facts(call)).id


def _end(calls: Calls, segment: str) -> None:
    try:
        calls.end(segment)
    except Unknown:
        # Lost in a restart, or ended so long ago that it is forgotten: over either way.
        return


def _facts(call: Call) -> dict[str, object]:
    return {name: getattr(call, name) for name in _CHANGING}
