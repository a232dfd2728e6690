"""Sending media to a recorder on the stage, and looking at what it keeps."""

from collections.abc import AsyncIterable
from pathlib import Path

import httpx
from tests.recorder.stage import Stage, config

from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.search import EVERYTHING


async def recording(recorder: Stage, mode: str = "AlwaysOn", **body: object) -> str:
    """The id of a recording that is being made."""
    if recorder.recorder.programming.config is None:
        await recorder.program(config(mode))
    return f"{await recorder.segment(**body)}-1"


async def send(
    recorder: Stage, name: str, content: bytes | AsyncIterable[bytes], offset: int = 0, *, complete: bool = True
) -> httpx.Response:
    headers = {"Upload-Offset": str(offset), "Upload-Complete": "?1" if complete else "?0"}
    return await recorder.ask("ingest", "PATCH", f"/v1/recordings/{name}/media", content=content, headers=headers)


async def offset(recorder: Stage, name: str) -> int:
    answer = await recorder.ask("ingest", "HEAD", f"/v1/recordings/{name}/media")
    assert answer.status_code == 204
    return int(answer.headers["upload-offset"])


async def kept(recorder: Stage, name: str) -> KeptRecording:
    found = await recorder.recorder.parts.store.read(lambda rows: rows.recording(name, EVERYTHING))
    assert found is not None
    return found


def media_folder(recorder: Stage) -> Path:
    return recorder.folder / "recorder" / "media"


def files(recorder: Stage) -> list[str]:
    """Everything in the media folder, manifests left out."""
    folder = media_folder(recorder)
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.jsonl")
    return sorted(str(path.relative_to(folder)) for path in found)
