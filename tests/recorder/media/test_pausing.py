"""Pause and resume: capture stops before the answer, the gap is shown, a forgotten pause ends by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import kept, offset, recording, send
from tests.recorder.stage import BLACKLIST, Stage, config

from callkeeper.policy.config import BlacklistEntry
from callkeeper.recorder import bounds

WAV = made.wav(1.5)


async def shown(recorder: Stage, segment: str, user: str = "ada") -> Any:
    answer = await recorder.ask("ingest", "GET", f"/v1/calls/{segment}")
    return next(found for found in answer.json()["users"] if found["user"] == user)


@pytest.mark.parametrize("token", ["user:ada", "ingest"])
async def test_nothing_is_taken_from_the_answer_on_until_it_is_resumed(recorder: Stage, token: str) -> None:
    name = await recording(recorder)
    segment = name.removesuffix("-1")
    await send(recorder, name, WAV[:1_000], complete=False)
    recorder.clock.forward(10)
    answer = await recorder.event(segment, "pause", token)
    assert answer.status_code == 200
    user = await shown(recorder, segment)
    assert (user["state"], user["pausedUntil"]) == ("paused", "2026-03-01T12:05:10.000000Z")
    refused = await send(recorder, name, WAV[1_000:], 1_000)
    assert (refused.status_code, refused.json()["reason"]) == (409, "Paused")
    assert await offset(recorder, name) == 1_000
    recorder.clock.forward(20)
    assert (await recorder.event(segment, "resume", token)).status_code == 200
    assert (await send(recorder, name, WAV[1_000:], 1_000)).status_code == 200
    user = await shown(recorder, segment)
    (gap,) = user["recordings"][0]["gaps"]
    assert gap == {"from": "2026-03-01T12:00:10.000000Z", "to": "2026-03-01T12:00:30.000000Z", "reason": "Paused"}
    assert [found.ended_by for found in (await kept(recorder, name)).stretches] == ["Paused", None]
    assert recorder.audit.actions == ["PauseRecording", "ResumeRecording"]
    (_, _, details), _ = recorder.audit.rows
    assert details["segment"] == segment
    assert details["until"] == "2026-03-01T12:05:10.000000Z"
    assert ("user" in details) is (token != "ingest")


async def test_a_body_under_way_is_cut_where_the_pause_was_answered(recorder: Stage) -> None:
    name = await recording(recorder)
    segment = name.removesuffix("-1")
    paused = asyncio.Event()

    async def speaking() -> AsyncIterator[bytes]:
        yield WAV[:1_000]
        await paused.wait()
        yield b"4111 1111 1111 1111"

    sending = asyncio.create_task(send(recorder, name, speaking()))
    while await offset(recorder, name) < 1_000:  # noqa: ASYNC110 - told over HTTP
        await asyncio.sleep(0.01)
    await recorder.event(segment, "pause")
    paused.set()
    assert (await sending).json()["type"] == "/problems/capture-suspended"
    await recorder.event(segment, "resume")
    assert (await send(recorder, name, WAV[1_000:], 1_000)).status_code == 200


async def test_a_pause_ends_by_itself_and_that_is_audited(recorder: Stage) -> None:
    name = await recording(recorder)
    segment = name.removesuffix("-1")
    await recorder.event(segment, "pause", "user:ada")
    recorder.clock.forward(bounds.PAUSE_SECONDS - 1)
    await recorder.recorder.media.tick()
    assert (await shown(recorder, segment))["state"] == "paused"
    recorder.clock.forward(1)
    recorder.audit.failing = True
    await recorder.recorder.media.tick()
    assert (await shown(recorder, segment))["state"] == "recording"
    recorder.audit.failing = False
    await recorder.event(segment, "pause", "user:ada")
    recorder.clock.forward(bounds.PAUSE_SECONDS)
    await recorder.recorder.media.tick()
    assert recorder.audit.actions == ["PauseRecording", "PauseRecording", "ResumeRecording"]
    _, actor, details = recorder.audit.rows[-1]
    assert actor.principal.audit_email == "system:recorder"
    assert details["automatic"] is True


async def test_a_user_pauses_only_their_own_and_the_platform_all(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment(calling={"user": "bob"}, called={"user": "ada"})
    await recorder.event(segment, "pause", "user:ada")
    assert (await shown(recorder, segment, "ada"))["state"] == "paused"
    assert (await shown(recorder, segment, "bob"))["state"] == "recording"
    await recorder.event(segment, "pause")
    assert (await shown(recorder, segment, "bob"))["state"] == "paused"
    await recorder.event(segment, "resume", "user:bob")
    assert (await shown(recorder, segment, "ada"))["state"] == "paused"
    assert (await recorder.event(segment, "pause", "user:eve")).status_code == 404


async def test_what_cannot_be_audited_is_not_paused(recorder: Stage) -> None:
    name = await recording(recorder)
    recorder.audit.failing = True
    assert (await recorder.event(name.removesuffix("-1"), "pause")).status_code == 503
    assert (await shown(recorder, name.removesuffix("-1")))["state"] == "recording"


async def test_there_must_be_something_to_pause(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment()
    answer = await recorder.event(segment, "pause", "user:ada")
    assert answer.json()["type"] == "/problems/not-recording"
    assert (await recorder.event(segment, "resume", "user:ada")).status_code == 200
    await recorder.event(segment, "end")
    assert (await recorder.event(segment, "pause")).json()["type"] == "/problems/segment-ended"
    assert recorder.audit.actions == []


async def test_starting_what_is_paused_changes_nothing_and_stopping_ends_it(recorder: Stage) -> None:
    await recorder.program(config("OnDemand"))
    segment = await recorder.segment()
    await recorder.event(segment, "start", "user:ada")
    await recorder.event(segment, "pause", "user:ada")
    await recorder.event(segment, "start", "user:ada")
    assert (await shown(recorder, segment))["state"] == "paused"
    await recorder.event(segment, "stop", "user:ada")
    user = await shown(recorder, segment)
    assert (user["state"], user["pausedUntil"]) == ("waiting", None)
    await recorder.event(segment, "start", "user:ada")
    assert (await shown(recorder, segment))["state"] == "recording"


async def test_a_pause_outlasts_a_suspension(recorder: Stage) -> None:
    barred = BlacklistEntry(pattern="9999", object=BLACKLIST, entry="9999")
    await recorder.program(config(blacklist=(barred,)))
    segment = await recorder.segment()
    await recorder.event(segment, "pause")
    await recorder.event(segment, "update", redirecting={"number": "9999"})
    assert (await shown(recorder, segment))["state"] == "suspended"
    await recorder.event(segment, "update", redirecting=None)
    assert (await shown(recorder, segment))["state"] == "paused"
    await recorder.event(segment, "update", redirecting={"number": "9999"})
    await recorder.event(segment, "resume")
    assert (await shown(recorder, segment))["state"] == "suspended"
    await recorder.event(segment, "update", redirecting=None)
    assert (await shown(recorder, segment))["state"] == "recording"


async def test_a_segment_that_ends_while_it_is_told_that_its_pauses_are_over_is_told_of_whole(recorder: Stage) -> None:
    await recorder.program(config())
    segment = await recorder.segment(calling={"user": "bob"}, called={"user": "ada"})
    await recorder.event(segment, "pause")
    recorder.clock.forward(bounds.PAUSE_SECONDS)
    recorder.audit.meanwhile = lambda: recorder.recorder.calls.end(segment)
    await recorder.recorder.media.tick()
    assert recorder.audit.actions == ["PauseRecording", "ResumeRecording", "ResumeRecording"]
    assert [details["user"] for _, _, details in recorder.audit.rows[1:]] == ["ada", "bob"]


async def test_a_pause_ends_with_its_segment(recorder: Stage) -> None:
    name = await recording(recorder)
    await recorder.event(name.removesuffix("-1"), "pause")
    await recorder.event(name.removesuffix("-1"), "end")
    recorder.clock.forward(bounds.PAUSE_SECONDS)
    await recorder.recorder.media.tick()
    assert recorder.audit.actions == ["PauseRecording"]
    assert (await send(recorder, name, WAV)).status_code == 200
