"""Fixtures of Microsoft Graph's notifications, followed as the route follows them but without a recorder.

`python -m tests.recorder.teams.following` writes what is expected anew; read the difference before it is committed.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from callkeeper.policy.call import Call, Party
from callkeeper.recorder.http.graph_routes import GraphBody
from callkeeper.recorder.teams.calls import TeamsCalls
from callkeeper.recorder.teams.events import Event
from callkeeper.recorder.teams.notifications import read_notification
from callkeeper.recorder.teams.reading import one_form

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / f"{name}.json").read_text())
    return found


def followed(requests: list[dict[str, Any]], teams: TeamsCalls | None = None) -> list[list[Any]]:
    """Per request, the events of its notifications, or why one led to nothing."""
    teams = teams or TeamsCalls()
    return [_request(teams, GraphBody.model_validate(request)) for request in requests]


def _request(teams: TeamsCalls, body: GraphBody) -> list[Any]:
    contexts = {one_form(name): given.context() for name, given in body.calls.items()}
    found: list[Any] = []
    for at, value in enumerate(body.value):
        received = teams.receive(read_notification(value, f"value[{at}]", frozenset(body.tenants)), contexts)
        for step in received.steps:
            teams.keep(step.after)
            found += [shown(event) for event in step.events]
        if received.ignored is not None:
            found.append(received.ignored.value)
    return found


def shown(event: Event) -> dict[str, Any]:
    """An event as the fixtures hold it: what is as by default is left out."""
    values = {name: value for name, value in asdict(event).items() if name != "call" and value is not None}
    if not isinstance(call := getattr(event, "call", None), Call):
        return {"event": type(event).__name__} | values
    told = {field.name: _plain(getattr(call, field.name)) for field in fields(Call)}
    return {"event": type(event).__name__} | values | {"call": {name: value for name, value in told.items() if value}}


def _plain(value: Any) -> Any:
    if isinstance(value, Party):
        return {name: found for name, found in asdict(value).items() if found is not None}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


if __name__ == "__main__":
    for path in FIXTURES:
        held = json.loads(path.read_text())
        held["expected"] = followed(held["requests"])
        path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n")
