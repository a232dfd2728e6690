"""Uploads over HTTP: in one piece, in many, resumed, two at once, refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import files, kept, media_folder, offset, recording, send
from tests.recorder.stage import BLACKLIST, Stage, config

from callkeeper.policy.config import BlacklistEntry
from callkeeper.recorder import bounds
from callkeeper.recorder.http.media_routes import MediaAnswer
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.recording import Status

WAV = made.wav(1.5)


@pytest.mark.parametrize(
    ("content", "content_type", "extension", "seconds"),
    [
        (WAV, "audio/wav", "wav", 1.5),
        (made.ogg_opus(3), "audio/ogg", "ogg", 3.0),
        (made.mp3(40), "audio/mpeg", "mp3", pytest.approx(40 * 1152 / 44_100, abs=0.1)),
        (made.mp3(40, tag=made.id3()), "audio/mpeg", "mp3", pytest.approx(40 * 1152 / 44_100, abs=0.1)),
        (made.mp4(2), "video/mp4", "mp4", 2.0),
    ],
)
async def test_media_is_recognised_by_content_and_stored_whole(
    recorder: Stage, content: bytes, content_type: str, extension: str, seconds: float
) -> None:
    name = await recording(recorder)
    answer = await recorder.ask(
        "ingest", "PATCH", f"/v1/recordings/{name}/media", content=content,
        headers={"Upload-Offset": "0", "Upload-Complete": "?1", "Content-Type": "text/html"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    MediaAnswer.model_validate(answer.json())
    assert answer.json() == {
        "recording": name,
        "contentType": content_type,
        "bytes": len(content),
        "durationSeconds": seconds,
        "sha256": sha256(content).hexdigest(),
        "playable": True,
        "channels": [],
    }
    found = await kept(recorder, name)
    assert found.status is Status.COMPLETE
    assert found.media is not None
    assert found.media.path == f"2026/03/01/{name}.{extension}"
    assert (media_folder(recorder) / found.media.path).read_bytes() == content
    assert files(recorder) == [found.media.path]
    (line,) = (media_folder(recorder) / "2026/03/01/manifest.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "file": f"{name}.{extension}",
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "at": "2026-03-01T12:00:00.000000Z",
    }


async def test_an_mp4_whose_index_never_came_is_kept_and_said_to_be_so(recorder: Stage) -> None:
    name = await recording(recorder)
    content = made.mp4(index=False)
    answer = await send(recorder, name, content)
    assert answer.json()["playable"] is False
    assert answer.json()["durationSeconds"] is None
    assert (media_folder(recorder) / f"2026/03/01/{name}.mp4").read_bytes() == content


async def test_a_streamed_wav_gets_a_header_that_says_how_long_it_is(recorder: Stage) -> None:
    name = await recording(recorder)
    answer = await send(recorder, name, made.wav(1.5, streamed=True))
    assert answer.json()["sha256"] == sha256(WAV).hexdigest()
    assert (media_folder(recorder) / f"2026/03/01/{name}.wav").read_bytes() == WAV


@pytest.mark.parametrize("size", [1, 7, 1_000, 16_000])
async def test_pieces_come_in_requests_and_in_chunks(recorder: Stage, size: int) -> None:
    name = await recording(recorder)
    content = WAV[: 44 + 200] if size == 1 else WAV
    half = len(content) // 2

    async def chunks(part: bytes) -> AsyncIterator[bytes]:
        for place in range(0, len(part), size):
            yield part[place : place + size]

    answer = await send(recorder, name, chunks(content[:half]), complete=False)
    assert answer.status_code == 204
    assert answer.headers["upload-complete"] == "?0"
    assert await offset(recorder, name) == half == int(answer.headers["upload-offset"])
    answer = await send(recorder, name, chunks(content[half:]), half)
    assert answer.status_code == 200
    found = await kept(recorder, name)
    assert found.media is not None
    if size > 1:
        assert (media_folder(recorder) / found.media.path).read_bytes() == content


@pytest.mark.parametrize("wrong", [1, 99, 101, 10**14])
async def test_a_wrong_offset_is_refused_and_changes_nothing(recorder: Stage, wrong: int) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:100], complete=False)
    answer = await send(recorder, name, b"xxxx", wrong)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/mismatching-upload-offset"
    assert (answer.json()["expectedOffset"], answer.json()["providedOffset"]) == (100, wrong)
    assert answer.headers["connection"] == "close"
    assert (await send(recorder, name, WAV[100:], 100)).json()["sha256"] == sha256(WAV).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "0x1"},
        {"Upload-Offset": "1" * 16},
        {"Upload-Offset": "0", "Upload-Complete": "1"},
        {"Upload-Offset": "0", "Upload-Complete": "?2"},
    ],
)
async def test_headers_that_are_not_understood_are_refused(recorder: Stage, headers: dict[str, str]) -> None:
    name = await recording(recorder)
    answer = await recorder.ask("ingest", "PATCH", f"/v1/recordings/{name}/media", content=WAV, headers=headers)
    assert answer.status_code == 422
    assert await offset(recorder, name) == 0


async def test_a_later_request_takes_over_and_the_earlier_one_ends(recorder: Stage) -> None:
    name = await recording(recorder)
    go_on = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield WAV[:1_000]
        await go_on.wait()
        yield b"late"

    first = asyncio.create_task(send(recorder, name, hanging()))
    while await offset(recorder, name) < 1_000:  # noqa: ASYNC110 - told over HTTP
        await asyncio.sleep(0.01)
    assert (await send(recorder, name, b"other", 500)).status_code == 409
    second = await send(recorder, name, WAV[1_000:], 1_000, complete=False)
    assert second.status_code == 204
    go_on.set()
    ended = await first
    assert ended.status_code == 409
    assert ended.json()["type"] == "/problems/upload-superseded"
    done = await send(recorder, name, b"", len(WAV))
    assert done.json()["sha256"] == sha256(WAV).hexdigest()


async def test_two_that_begin_at_once_never_mix(recorder: Stage) -> None:
    name = await recording(recorder)
    answers = await asyncio.gather(*(send(recorder, name, WAV) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert (media_folder(recorder) / f"2026/03/01/{name}.wav").read_bytes() == WAV


async def test_completing_again_is_the_same_and_more_is_refused(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV)
    assert (await send(recorder, name, b"", len(WAV))).status_code == 204
    head = await recorder.ask("ingest", "HEAD", f"/v1/recordings/{name}/media")
    assert (head.headers["upload-offset"], head.headers["upload-complete"]) == (str(len(WAV)), "?1")
    more = await send(recorder, name, b"more", len(WAV))
    assert more.json()["type"] == "/problems/media-closed"
    assert (await send(recorder, name, WAV, 0)).json()["type"] == "/problems/mismatching-upload-offset"


@pytest.mark.parametrize("content", [b"", b"R", b"<html>" + bytes(100), b"\x00" * 40_000])
async def test_what_is_no_media_is_refused_and_nothing_of_it_kept(recorder: Stage, content: bytes) -> None:
    name = await recording(recorder)
    answer = await send(recorder, name, content)
    assert answer.status_code == 415
    assert answer.json()["type"] == "/problems/unsupported-media"
    assert files(recorder) == []
    assert await offset(recorder, name) == 0
    assert (await send(recorder, name, WAV)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "nobody-1",
        "x",
        "..",
        "..-1",
        "%2e%2e%2fetc-1",
        "a" * 300,
        "-1",
        "a-0",
        "a-1234567890",
        "a-\uff11",
        "a%00-1",
        "a-1.wav",
    ],
)
async def test_what_is_no_recording_takes_nothing(recorder: Stage, name: str) -> None:
    await recorder.program(config())
    for method in ("PATCH", "HEAD"):
        answer = await recorder.ask("ingest", method, f"/v1/recordings/{name}/media", headers={"Upload-Offset": "0"})
        assert answer.status_code in {404, 422}, (method, answer.status_code)
    assert files(recorder) == []


async def test_a_call_that_is_not_recorded_takes_nothing(recorder: Stage) -> None:
    await recorder.program(config(blacklist=(BlacklistEntry(pattern="+39!", object=BLACKLIST, entry="+39!"),)))
    segment = await recorder.segment()
    assert (await send(recorder, f"{segment}-1", WAV)).json()["type"] == "/problems/unknown-recording"
    answer = await recorder.ask(
        "ingest", "PATCH", f"/v1/calls/{segment}/media", content=WAV, headers={"Upload-Offset": "0"}
    )
    assert answer.json()["type"] == "/problems/not-buffered"
    assert answer.json()["reason"] == "Blacklisted"
    assert files(recorder) == []


async def test_nothing_is_taken_while_a_blacklisted_party_is_in(recorder: Stage) -> None:
    barred = BlacklistEntry(pattern="9999", object=BLACKLIST, entry="9999")
    await recorder.program(config(blacklist=(barred,)))
    name = await recording(recorder)
    segment = name.removesuffix("-1")
    await send(recorder, name, WAV[:1_000], complete=False)
    await recorder.event(segment, "update", redirecting={"number": "9999"})
    answer = await send(recorder, name, WAV[1_000:], 1_000)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/capture-suspended"
    assert answer.json()["reason"] == "Blacklisted"
    assert await offset(recorder, name) == 1_000
    await recorder.event(segment, "update", redirecting=None)
    assert (await send(recorder, name, WAV[1_000:], 1_000)).status_code == 200


async def test_media_may_come_after_the_call_and_the_ledger_follows(recorder: Stage) -> None:
    name = await recording(recorder)
    await recorder.event(name.removesuffix("-1"), "end")
    assert (await kept(recorder, name)).status is Status.CLOSED
    assert (await send(recorder, name, WAV)).status_code == 200
    now = recorder.clock.now()
    totals = await recorder.recorder.parts.store.read(
        lambda rows: rows.ledger_totals(now, now.max.replace(tzinfo=now.tzinfo))
    )
    assert totals[LedgerState.RECORDED] == 1


async def test_media_that_is_complete_before_the_call_ends_stays_complete(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV)
    await recorder.event(name.removesuffix("-1"), "end")
    found = await kept(recorder, name)
    assert found.status is Status.COMPLETE
    assert found.closed == recorder.clock.now()


async def test_too_much_is_refused_and_what_came_is_kept(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MEDIA_BYTES", 10_000)
    name = await recording(recorder)
    await send(recorder, name, WAV[:8_000], complete=False)
    answer = await send(recorder, name, WAV[8_000:16_000], 8_000)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/media-too-large"
    assert (await send(recorder, name, WAV[:10_001], 8_000)).json()["type"] == "/problems/body-too-large"
    assert (await send(recorder, name, b"", 8_000)).json()["bytes"] == 8_000


async def test_a_slow_sender_is_ended_and_may_go_on(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UPLOAD_SLOWEST_SECONDS", 0.1)
    name = await recording(recorder)

    async def dripping() -> AsyncIterator[bytes]:
        for place in range(1_000):
            yield WAV[place : place + 1]
            await asyncio.sleep(0.02)

    answer = await send(recorder, name, dripping())
    assert answer.status_code == 408
    assert answer.json()["type"] == "/problems/upload-stalled"
    here = await offset(recorder, name)
    assert 1 <= here < 20
    assert (await send(recorder, name, WAV[here:], here)).json()["sha256"] == sha256(WAV).hexdigest()


async def test_no_upload_is_read_faster_than_its_bound(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UPLOAD_BYTES_PER_SECOND", 100_000)
    name = await recording(recorder)
    begun = asyncio.get_running_loop().time()
    await send(recorder, name, WAV)
    assert asyncio.get_running_loop().time() - begun >= len(WAV) / 100_000


async def test_channels_are_told_at_the_start_or_at_the_end(recorder: Stage) -> None:
    name = await recording(recorder)
    path = f"/v1/recordings/{name}/channels"
    answer = await recorder.ask("ingest", "PUT", path, json={"channels": ["calling", "called"]})
    assert answer.status_code == 204
    assert (await send(recorder, name, made.wav(channels=2))).json()["channels"] == ["calling", "called"]
    await recorder.ask("ingest", "PUT", path, json={"channels": ["ada", "+390212345"]})
    media = (await kept(recorder, name)).media
    assert media is not None
    assert media.channels == ("ada", "+390212345")
    assert (await recorder.ask("ingest", "PUT", path, json={"channels": ["x"] * 65})).status_code == 422
    assert (await recorder.ask("ingest", "PUT", path, json={"channels": ["a\r\nb"]})).status_code == 422


async def test_too_many_uploads_are_refused(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "UPLOADS", 1)
    first = await recording(recorder)
    second = await recording(recorder, nativeId="n-2")
    await send(recorder, first, WAV[:100], complete=False)
    assert (await send(recorder, second, WAV)).json()["type"] == "/problems/too-many-uploads"
    await send(recorder, first, WAV[100:], 100)
    assert (await send(recorder, second, WAV)).status_code == 200


async def test_an_upload_nobody_sends_is_let_go_and_taken_up_again(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    media = recorder.recorder.media
    recorder.clock.forward(bounds.UPLOAD_IDLE_SECONDS + 1)
    await media.tick()
    assert media.open_uploads.all == ()
    assert await offset(recorder, name) == 5_000
    assert (await send(recorder, name, WAV[5_000:], 5_000)).json()["sha256"] == sha256(WAV).hexdigest()


async def test_what_no_media_came_for_has_failed_and_may_still_come(recorder: Stage) -> None:
    name = await recording(recorder)
    broken_off = await recording(recorder, nativeId="n-2")
    late = await recording(recorder, nativeId="n-3")
    await send(recorder, broken_off, WAV[:5_000], complete=False)
    for one in (name, broken_off):
        await recorder.event(one.removesuffix("-1"), "end")
    recorder.clock.forward(bounds.MEDIA_AWAITED_SECONDS + 1)
    await recorder.event(late.removesuffix("-1"), "end")
    await recorder.recorder.media.tick()
    await recorder.recorder.media.settle()
    assert (await kept(recorder, name)).status is Status.FAILED
    assert (await kept(recorder, late)).status is Status.CLOSED
    found = await kept(recorder, broken_off)
    assert found.status is Status.INTERRUPTED
    assert found.media is not None
    assert found.media.bytes == 5_000
    assert (await send(recorder, broken_off, WAV[5_000:], 5_000)).json()["type"] == "/problems/media-closed"
    assert (await send(recorder, name, WAV)).status_code == 200
    assert (await kept(recorder, name)).status is Status.COMPLETE
    metrics = (await recorder.ask("administrator", "GET", "/metrics")).text
    assert 'callkeeper_uploads_total{result="failed"} 1.0' in metrics
    assert 'callkeeper_uploads_total{result="interrupted"} 1.0' in metrics


async def test_media_of_a_recording_that_goes_meanwhile_goes_with_it(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    found = await kept(recorder, name)
    await recorder.recorder.parts.store.write(lambda rows: rows.set_status([found.key], Status.UNREACHABLE))
    answer = await send(recorder, name, WAV[5_000:], 5_000)
    assert answer.json()["type"] == "/problems/unknown-recording"
    assert files(recorder) == []


async def test_media_of_a_recording_that_the_store_never_got_is_not_thrown_away(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    found = await kept(recorder, name)
    await recorder.recorder.parts.store.write(lambda rows: rows.withdraw([found.key]))
    recorder.recorder.calls.captured = lambda *_: None  # type: ignore[method-assign]
    answer = await send(recorder, name, WAV[5_000:], 5_000)
    assert answer.json()["type"] == "/problems/storage-failed"
    assert f"incoming/{name}.part" in files(recorder)


async def test_the_metrics_tell_what_is_open(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    metrics = (await recorder.ask("administrator", "GET", "/metrics")).text
    assert "callkeeper_open_uploads 1.0" in metrics
    assert "callkeeper_buffered_calls 0.0" in metrics


async def test_removed_media_is_gone_and_removing_it_again_is_harmless(recorder: Stage, tmp_path: Path) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV)
    found = await kept(recorder, name)
    for _ in range(2):
        assert await recorder.recorder.media.remove([found]) == {}
    assert files(recorder) == []
    lines = (media_folder(recorder) / "2026/03/01/manifest.jsonl").read_text().splitlines()
    assert [json.loads(line).get("removed") for line in lines] == [None, True]
