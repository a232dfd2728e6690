"""A call kept from its start: taken only while somebody may start, the beginning of what is started, gone otherwise."""

import asyncio
import gc
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import files, offset, send
from tests.recorder.stage import BLACKLIST, POLICY, Stage

from callkeeper.policy.config import BlacklistEntry, PolicySection, RecorderConfig
from callkeeper.recorder import bounds
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.principals import Principal

WAV = made.wav(1.5)
ADA = Actor(principal=Principal(id="ada"))


def whole_call(mode: str = "OnDemand", capture: str = "WholeCall") -> RecorderConfig:
    default = PolicySection()
    return RecorderConfig(
        policy=PolicySection(
            default_mode=type(default.default_mode)(mode), capture=type(default.capture)(capture), object=POLICY
        )
    )


async def keep(recorder: Stage, segment: str, content: bytes, at: int = 0) -> httpx.Response:
    return await recorder.ask(
        "ingest", "PATCH", f"/v1/calls/{segment}/media", content=content, headers={"Upload-Offset": str(at)}
    )


async def buffered(recorder: Stage, segment: str) -> int:
    answer = await recorder.ask("ingest", "HEAD", f"/v1/calls/{segment}/media")
    return int(answer.headers["upload-offset"]) if answer.status_code == 204 else -answer.status_code


def nameless(folder: Path) -> list[str]:
    """Open files of this process that have no name any more and lay in this folder."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except OSError:
            continue
    return [link for link in links if link.startswith(str(folder)) and link.endswith("(deleted)")]


@pytest.mark.parametrize("kept", [0, 10, 5_000, 24_000])
async def test_a_start_begins_with_what_was_kept(recorder: Stage, kept: int) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    if kept:
        assert (await keep(recorder, segment, WAV[: kept // 2])).status_code == 204
        assert (await keep(recorder, segment, WAV[kept // 2 : kept], kept // 2)).status_code == 204
    assert await buffered(recorder, segment) == kept
    assert files(recorder) == []
    await recorder.event(segment, "start", "user:ada")
    name = f"{segment}-1"
    assert await offset(recorder, name) == kept
    refused = await keep(recorder, segment, WAV[kept:], kept)
    assert refused.json()["type"] == "/problems/recording-started"
    assert refused.json()["recordings"] == [name]
    assert (await send(recorder, name, WAV[kept:], kept)).json()["sha256"] == sha256(WAV).hexdigest()


async def test_without_a_start_it_is_gone_when_the_segment_ends(recorder: Stage) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    await keep(recorder, segment, WAV)
    assert len(nameless(recorder.folder)) == 1
    await recorder.event(segment, "end")
    assert await buffered(recorder, segment) == -409
    await recorder.recorder.media.stop()
    gc.collect()
    assert nameless(recorder.folder) == []
    assert files(recorder) == []


@pytest.mark.parametrize(
    ("mode", "capture"), [("OnDemand", "FromStart"), ("AlwaysOn", "FromStart"), ("AlwaysOn", "WholeCall")]
)
async def test_nothing_is_kept_where_nobody_could_use_it(recorder: Stage, mode: str, capture: str) -> None:
    await recorder.program(whole_call(mode, capture))
    segment = await recorder.segment()
    answer = await keep(recorder, segment, WAV)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/not-buffered"
    assert nameless(recorder.folder) == []


async def test_each_who_starts_gets_the_beginning(recorder: Stage) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment(calling={"user": "bob"}, called={"user": "ada"})
    await keep(recorder, segment, WAV[:5_000])
    await recorder.event(segment, "start", "user:ada")
    assert (await keep(recorder, segment, WAV[5_000:9_000], 5_000)).status_code == 204
    await recorder.event(segment, "start", "user:bob")
    assert await offset(recorder, f"{segment}-1") == 5_000
    assert await offset(recorder, f"{segment}-2") == 9_000


async def test_a_wrong_offset_other_content_and_too_much_are_refused(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    assert (await keep(recorder, segment, b"<html>" + bytes(100))).status_code == 415
    assert await buffered(recorder, segment) == 0
    await keep(recorder, segment, WAV[:5_000])
    assert (await keep(recorder, segment, WAV, 4_999)).json()["expectedOffset"] == 5_000
    monkeypatch.setattr(bounds, "BUFFERED_BYTES", 6_000)
    assert (await keep(recorder, segment, WAV[5_000:9_000], 5_000)).json()["type"] == "/problems/buffer-full"
    monkeypatch.setattr(bounds, "BUFFERED_BYTES", 60_000)
    recorder.clock.forward(bounds.BUFFERED_SECONDS + 1)
    assert (await keep(recorder, segment, WAV[5_000:9_000], 5_000)).json()["type"] == "/problems/buffer-full"
    await recorder.event(segment, "start", "user:ada")
    assert await offset(recorder, f"{segment}-1") == 5_000


async def test_nobody_reads_it(recorder: Stage) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    await keep(recorder, segment, WAV)
    for token in ("administrator", "user:ada", "ingest"):
        assert (await recorder.ask(token, "GET", f"/v1/calls/{segment}/media")).status_code == 405
        assert (await recorder.ask(token, "GET", f"/v1/recordings/{segment}-1/media")).status_code in {403, 404}


async def test_a_start_just_before_the_end_keeps_the_beginning(recorder: Stage) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    await keep(recorder, segment, WAV)
    media = recorder.recorder.media
    started = await recorder.recorder.on_demand.start(segment, "ada", ADA)
    recorder.recorder.calls.end(started.id)
    assert media.buffers.open_count == 0
    assert (await send(recorder, f"{segment}-1", b"", len(WAV))).json()["sha256"] == sha256(WAV).hexdigest()


async def test_a_second_start_reaches_back_to_the_stop_and_hides_no_hole(recorder: Stage) -> None:
    await recorder.program(whole_call())
    segment = await recorder.segment()
    await keep(recorder, segment, WAV[:5_000])
    await recorder.event(segment, "start", "user:ada")
    await send(recorder, f"{segment}-1", WAV[5_000:], 5_000)
    await recorder.event(segment, "stop", "user:ada")
    assert (await keep(recorder, segment, WAV, 5_000)).json()["expectedOffset"] == 0
    later = made.wav(0.5)
    assert (await keep(recorder, segment, later)).status_code == 204
    await recorder.event(segment, "start", "user:ada")
    assert (await send(recorder, f"{segment}-2", b"", len(later))).json()["sha256"] == sha256(later).hexdigest()


async def test_it_is_gone_when_a_blacklisted_party_joins_and_begins_anew_when_it_has_left(recorder: Stage) -> None:
    entry = BlacklistEntry(pattern="+39!", object=BLACKLIST, entry="+39!")
    await recorder.program(replace(whole_call(), blacklist=(entry,)))
    segment = await recorder.segment(calling={"number": "+41311234567"})
    await keep(recorder, segment, WAV)
    await recorder.event(segment, "update", participants=[{"number": "+390212345"}])
    assert recorder.recorder.media.buffers.open_count == 0
    deadline = time.monotonic() + 30
    while nameless(recorder.folder):
        # It is closed in its lane.
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    refused = (await keep(recorder, segment, WAV, len(WAV))).json()
    assert (refused["type"], refused["reason"]) == ("/problems/not-buffered", "Blacklisted")
    await recorder.event(segment, "update", participants=[])
    assert await buffered(recorder, segment) == 0
    assert (await keep(recorder, segment, WAV[:5_000])).status_code == 204
    await recorder.event(segment, "start", "user:ada")
    assert await offset(recorder, f"{segment}-1") == 5_000
