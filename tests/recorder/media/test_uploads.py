"""Uploads over HTTP: in one piece, in many, resumed, refused."""

from hashlib import sha256

import pytest
from tests.recorder.media import made
from tests.recorder.stage import Stage, config

from callkeeper.recorder.store.values import EVERYTHING, KeptRecording, Status


async def recording(recorder: Stage, mode: str = "AlwaysOn", **body: object) -> str:
    """The id of a recording that is being made."""
    await recorder.program(config(mode))
    return f"{await recorder.segment(**body)}-1"


async def kept(recorder: Stage, name: str) -> KeptRecording:
    found = await recorder.recorder.parts.store.read(lambda rows: rows.recording(name, EVERYTHING))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "content_type", "extension", "seconds"),
    [
        (made.wav(1.5), "audio/wav", "wav", 1.5),
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
    assert (recorder.folder / "recorder" / "media" / found.media.path).read_bytes() == content
    assert list((recorder.folder / "recorder" / "media" / "incoming").iterdir()) == []
