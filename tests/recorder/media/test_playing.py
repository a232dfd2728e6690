"""Playing and downloading: ranges, names, who hears what, and what is written about it."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.media import made
from tests.recorder.media.sending import kept, media_folder, recording, send
from tests.recorder.stage import Stage

from callkeeper.audit.byte_ranges import Span, Unsatisfiable, asked_span
from callkeeper.recorder.media import playing
from callkeeper.recorder.media.names import content_disposition, download_name
from callkeeper.recorder.store.recording import KeptParty, KeptRecording
from callkeeper.recorder.store.retention import ErasureRequest

WAV = made.wav(1.5)
LAST = len(WAV) - 1
TAG = f'"{sha256(WAV).hexdigest()}"'


async def stored(recorder: Stage, content: bytes = WAV) -> str:
    name = await recording(recorder)
    assert (await send(recorder, name, content)).status_code == 200
    return name


async def play(recorder: Stage, name: str, token: str = "user:ada", query: str = "", **headers: str):  # type: ignore[no-untyped-def]
    return await recorder.ask(token, "GET", f"/v1/recordings/{name}/media{query}", headers=headers)


async def test_a_recording_is_played_whole_with_all_a_player_needs_to_jump_about(recorder: Stage) -> None:
    answer = await play(recorder, await stored(recorder))
    assert (answer.status_code, answer.content) == (200, WAV)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(WAV))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == TAG
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, LAST),
        ("bytes=0-1", 0, 1),
        ("bytes=100-199", 100, 199),
        ("bytes=-10", LAST - 9, LAST),
        ("bytes=1000-99999999", 1_000, LAST),
        (f"bytes={LAST}-", LAST, LAST),
        ("bytes=-999999", 0, LAST),
    ],
)
async def test_a_range_is_answered_with_that_range(recorder: Stage, asked: str, first: int, last: int) -> None:
    answer = await play(recorder, await stored(recorder), Range=asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(WAV)}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.content == WAV[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={len(WAV)}-", "bytes=-0", "bytes=999999-1000000"])
async def test_a_range_behind_the_end_is_refused_with_the_length(recorder: Stage, asked: str) -> None:
    answer = await play(recorder, await stored(recorder), Range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(WAV)}"
    assert recorder.audit.actions == []


@pytest.mark.parametrize(
    "asked", ["bytes=1-2,5-6", "bytes=5-2", "chars=1-2", "bytes=a-b", "bytes=", "bytes=--1", "x" * 150]
)
async def test_what_is_no_single_range_is_answered_with_the_whole(recorder: Stage, asked: str) -> None:
    answer = await play(recorder, await stored(recorder), Range=asked)
    assert (answer.status_code, answer.content) == (200, WAV)


@pytest.mark.parametrize(
    ("if_range", "status"), [(TAG, 206), ('"other"', 200), (f"W/{TAG}", 200), ("Mon, 23 Nov 2026", 200)]
)
async def test_a_range_counts_only_for_the_media_it_was_asked_for(recorder: Stage, if_range: str, status: int) -> None:
    answer = await play(recorder, await stored(recorder), Range="bytes=0-9", **{"If-Range": if_range})
    assert answer.status_code == status


@given(st.integers(1, 10**6), st.text(alphabet="bytes=0123456789-, ", max_size=30))
def test_a_span_lies_inside_whatever_is_asked(size: int, header: str) -> None:
    for text in (header, f"bytes={header}"):
        try:
            found = asked_span(text, None, size, "x")
        except Unsatisfiable:
            continue
        assert found is None or (found.first >= 0 and found.count > 0 and found.first + found.count <= size)


def test_huge_numbers_are_no_range() -> None:
    assert asked_span(f"bytes={'9' * 19}-", None, 10, "x") is None
    assert asked_span(f"bytes=0-{'9' * 18}", None, 10, "x") == Span(first=0, count=10)


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:ada", 200), ("supervisor:sue", 200), ("administrator", 200), ("user:bob", 404), ("user:eve", 404),
     ("supervisor:bob", 404), ("auditor", 403), ("ingest", 403), ("settings", 403)],
)  # fmt: skip
async def test_media_is_heard_by_its_user_and_those_above_and_by_no_auditor(
    recorder: Stage, token: str, status: int
) -> None:
    answer = await play(recorder, await stored(recorder), token)
    assert answer.status_code == status
    assert recorder.audit.actions == (["PlayRecording"] if status == 200 else [])


async def test_a_play_is_audited_once_however_it_jumps_about(recorder: Stage) -> None:
    name = await stored(recorder)
    for asked in ("bytes=100-", "bytes=0-1", "bytes=0-", "bytes=500-600"):
        await play(recorder, name, Range=asked)
        recorder.clock.forward(playing.PLAY_SECONDS - 1)
    assert recorder.audit.actions == ["PlayRecording"]
    assert recorder.audit.rows[0][2] == {"recording": name}
    await play(recorder, name, "administrator")
    assert recorder.audit.actions == ["PlayRecording"] * 2
    recorder.clock.forward(playing.PLAY_SECONDS)
    await play(recorder, name, Range="bytes=1-")
    assert recorder.audit.actions == ["PlayRecording"] * 3


async def test_nothing_is_given_out_that_cannot_be_audited(recorder: Stage) -> None:
    name = await stored(recorder)
    recorder.audit.failing = True
    for query in ("", "?download=true"):
        answer = await play(recorder, name, query=query)
        assert answer.status_code == 503
        assert b"RIFF" not in answer.content
    recorder.audit.failing = False
    assert (await play(recorder, name)).status_code == 200
    assert recorder.audit.actions == ["PlayRecording"]


async def test_every_download_is_audited_and_has_a_name(recorder: Stage) -> None:
    name = await stored(recorder)
    for _ in range(2):
        answer = await play(recorder, name, query="?download=true")
    assert answer.content == WAV
    assert answer.headers["content-disposition"] == (
        'attachment; filename="2026-03-01_12-00-00Z_+390212345_ada.wav"; '
        "filename*=UTF-8''2026-03-01_12-00-00Z_%2B390212345_ada.wav"
    )
    part = await play(recorder, name, query="?download=true", Range="bytes=0-99")
    assert part.status_code == 206
    assert recorder.audit.actions == ["DownloadRecording"] * 3
    assert [details["bytes"] for _, _, details in recorder.audit.rows] == [len(WAV), len(WAV), 100]


def named(*parties: tuple[str, str]) -> KeptRecording:
    shown = tuple(KeptParty(role=role, number=None, display=display, user=None) for role, display in parties)
    values = dict.fromkeys(KeptRecording.__dataclass_fields__)
    return KeptRecording(**values | {"parties": shown, "opened": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ('a"\r\nSet-Cookie: x=1', "a-Set-Cookie-x-1"),
        ("../../etc/passwd", "etc-passwd"),
        ("anonymous", "anonymous"),
        ("*72#", "*72#"),
        ("Ünïcode 名", "Ünïcode-名"),
        ("\u202egpj.exe", "gpj.exe"),
        ("", ""),
        ("x" * 500, "x" * 48),
    ],
)
def test_no_display_gets_out_of_its_name(display: str, expected: str) -> None:
    name = download_name(named(("called", display), ("connected", "nobody")), "audio/mpeg")
    assert name == "_".join(filter(None, ["2026-01-02_03-04-05Z", expected])) + ".mp3"


@given(st.text())
def test_the_header_of_any_name_is_one_line_of_ascii(text: str) -> None:
    header = content_disposition(download_name(named(("calling", text), ("called", text)), text))
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.parametrize("alter", ["missing", "longer", "shorter", "link"])
async def test_media_that_is_not_as_it_was_stored_is_not_given_out_and_counted(recorder: Stage, alter: str) -> None:
    name = await stored(recorder)
    path = media_folder(recorder) / f"2026/03/01/{name}.wav"
    match alter:
        case "missing":
            path.unlink()
        case "longer":
            path.write_bytes(WAV + b"x")
        case "shorter":
            path.write_bytes(WAV[:-1])
        case "link":
            path.rename(path.with_suffix(".x"))
            path.symlink_to("/etc/passwd")
    answer = await play(recorder, name)
    assert answer.status_code == 410
    assert answer.json()["type"] == "/problems/media-lost"
    assert recorder.audit.actions == []
    assert "callkeeper_media_lost_total 1.0" in (await recorder.ask("administrator", "GET", "/metrics")).text


async def test_what_has_no_media_says_how_it_stands(recorder: Stage) -> None:
    name = await recording(recorder)
    answer = await play(recorder, name)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/no-media"
    assert (await play(recorder, "nobody-1")).json()["type"] == "/problems/unknown-recording"


async def test_what_is_to_be_erased_is_withheld(recorder: Stage) -> None:
    name = await stored(recorder)
    request = ErasureRequest(id="e-1", recording=name, requested_by="ada", requested=recorder.clock.now())
    await recorder.recorder.parts.store.write(lambda rows: rows.add_erasure(request))
    assert (await kept(recorder, name)).restricted
    answer = await play(recorder, name, "administrator")
    assert answer.json()["type"] == "/problems/recording-restricted"
