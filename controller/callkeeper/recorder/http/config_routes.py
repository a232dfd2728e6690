"""Settings over HTTP: read what is in force, put another config, ask what one would do."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import FastAPI, Path
from starlette.responses import JSONResponse, Response

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import SECTIONS, ConfigError, from_json, revision, to_json
from callkeeper.policy.directory import Role
from callkeeper.policy.retention_change import Affected
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.effects import changed_sections, on_past_calls, on_recordings, removed_blacklist_entries
from callkeeper.recorder.errors import RecorderError
from callkeeper.recorder.http.answers import CheckAnswer, ConfigAnswer, EffectiveAnswer, PutAnswer
from callkeeper.recorder.http.bodies import EnvelopeBody
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.entity_tags import IfMatch, IfNoneMatch, tags
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.http.rights import RIGHTS, own_user
from callkeeper.recorder.http.shown import mode_in_force, shown_source
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.programming import Precondition, Programme

READS_ALL = RIGHTS["GET", "/v1/config/{revision}"]


def add_config_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""

    @app.get(
        "/v1/config",
        summary="The config in force; for a user what holds for them",
        **documented({200: (ConfigAnswer | EffectiveAnswer, "The config"), 304: (None, "Unchanged")}),  # type: ignore[dict-item]  # a union documents as one
    )
    async def read(actor: ActorOf, if_none_match: IfNoneMatch = None) -> Response:
        assert READS_ALL is not None
        if actor.principal.roles.isdisjoint(READS_ALL):
            return JSONResponse(_effective(recorder, actor.principal))
        in_force = recorder.programming.revision
        if in_force is not None and in_force in tags(if_none_match):
            return Response(status_code=304, headers={"ETag": f'"{in_force}"'})
        headers = {} if in_force is None else {"ETag": f'"{in_force}"'}
        return Response(_whole(recorder), headers=headers, media_type="application/json")

    @app.get(
        "/v1/config/{revision}",
        summary="One of the last 20 configs",
        **documented({200: (None, "The config, canonical JSON")}, "unknown-revision", "storage-failed"),
    )
    async def read_body(revision: Annotated[str, Path(max_length=64)]) -> Response:
        body = await recorder.programming.body(revision)
        return Response(body, headers={"ETag": f'"{revision}"'}, media_type="application/json")

    @app.put(
        "/v1/config",
        summary="Put a config in force",
        description="On disk before it is answered. The config in force again changes nothing and is always right. "
        "What it takes away from recordings, holds or the blacklist has to be covered by its confirmations.",
        **documented(
            {200: (PutAnswer, "In force")},
            "owner-conflict",
            "stale-epoch",
            "confirmation-required",
            "revision-mismatch",
            "precondition-required",
            "invalid-config",
            "audit-unavailable",
            "storage-failed",
            body=True,
        ),
    )
    async def put(
        body: EnvelopeBody, actor: ActorOf, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        result = "failed"
        try:
            precondition = _precondition(if_match, if_none_match)
            programme = await _programme(body)
            in_force, changed = await recorder.programming.put(programme, precondition, actor)
            result = "changed" if changed else "unchanged"
        except Problem as problem:
            result = problem.name
            raise
        except RecorderError as error:
            result = error.problem
            raise
        finally:
            recorder.metrics.config_puts.labels(result).inc()
        return JSONResponse({"revision": in_force, "changed": changed}, headers={"ETag": f'"{in_force}"'})

    @app.post(
        "/v1/config:check",
        summary="What a config would do; changes nothing",
        **documented({200: (CheckAnswer, "The effects")}, "invalid-config", "storage-failed", body=True),
    )
    async def check(body: EnvelopeBody) -> Response:
        programme = await _programme(body)
        return JSONResponse(await _effects(recorder, programme))


async def _programme(body: EnvelopeBody) -> Programme:
    return Programme(
        owner=body.owner,
        epoch=body.epoch,
        take_over=body.take_over,
        confirmations=body.used(),
        config=await asyncio.to_thread(_validated, body.config),
    )


def _validated(value: dict[str, Any]) -> RecorderConfig:
    try:
        return from_json(value)
    except ConfigError as error:
        raise Problem(
            "invalid-config",
            f"{error.path}: {error.message}",
            "put what `compile` makes; GET /v1/config names the sections and versions this recorder reads",
            {"path": error.path},
        ) from error


def _precondition(if_match: str | None, if_none_match: str | None) -> Precondition:
    if if_match is not None:
        return Precondition(any=if_match.strip() == "*", revisions=tags(if_match))
    if if_none_match is not None and if_none_match.strip() == "*":
        return Precondition(first=True)
    raise Problem(
        "precondition-required",
        "a put must say for which config in force it was written",
        'send If-Match: "<revision>" with the revision GET /v1/config names, or If-None-Match: * for the first config',
    )


def _whole(recorder: Recorder) -> bytes:
    """The envelope around the canonical bytes as they are: a large config is not rendered again for every reader."""
    stored = recorder.programming.stored
    pointer = None if stored is None else stored.pointer
    envelope = {
        "revision": pointer.revision if pointer else None,
        "owner": pointer.owner if pointer else None,
        "epoch": pointer.epoch if pointer else 0,
        "programmedAt": instant_text(pointer.programmed_at) if pointer else None,
        "sections": dict(SECTIONS),
        "spentConfirmations": list(pointer.spent) if pointer else [],
    }
    config = b"null" if stored is None else stored.body
    return json.dumps(envelope).encode()[:-1] + b', "config": ' + config + b"}"


def _effective(recorder: Recorder, principal: Principal) -> dict[str, Any]:
    """What holds for this user: nothing of others, and no list of numbers."""
    assert Role.USER in principal.roles
    config = recorder.programming.config
    user = own_user(principal, recorder.users.directory)
    mode = None if user is None else mode_in_force(user, config)
    whole = {} if config is None else to_json(config)
    shown = {name: {key: value for key, value in whole[name].items() if key != "version"} for name in whole}
    if config is not None:
        del shown["filter"]["internalNumbers"]
    return {
        "revision": recorder.programming.revision,
        "user": principal.id if user is None else user.id,
        "mode": None if mode is None else mode.mode,
        "source": None if mode is None else shown_source(mode.source, recorder.parts.locator),
        "licensed": user is not None and user.recordable,
        "alwaysOnLimitPercent": None if config is None else config.policy.always_on_limit_percent,
        "filter": shown.get("filter"),
        "retention": shown.get("retention"),
    }


async def _effects(recorder: Recorder, programme: Programme) -> dict[str, Any]:
    in_force, candidate = recorder.programming.config, programme.config
    store, now = recorder.parts.store, recorder.parts.clock.now()
    await recorder.calls.kept()
    calls = await on_past_calls(store, in_force, candidate, recorder.users.directory, now=now)
    recordings = await on_recordings(store, in_force, candidate, now=now)
    stored = recorder.programming.stored
    return {
        "revision": await asyncio.to_thread(revision, candidate),
        "changes": await asyncio.to_thread(changed_sections, in_force, candidate),
        "effects": {
            "recordings": recordings.recordings,
            "shortens": recordings.shortens,
            "deletes": recordings.deletes,
            "holds": recordings.holds,
            "consideredCalls": calls.considered,
            "changedDecisions": calls.changed,
            "removesBlacklistEntries": removed_blacklist_entries(in_force, candidate),
            "sample": list(calls.sample),
            "affectedRecordings": [_affected(one) for one in recordings.sample],
        },
        "spent": list(stored.pointer.spent) if stored else [],
    }


def _affected(one: Affected) -> dict[str, Any]:
    was, becomes = (None if at is None else instant_text(at) for at in (one.was.at, one.becomes.at))
    return {"recording": one.name, "was": was, "becomes": becomes, "deleted": one.deleted, "holds": list(one.holds)}
