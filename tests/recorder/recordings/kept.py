"""Recordings in a recorder's store as calls leave them, with or without media, for tests of what is done to them."""

from datetime import datetime, timedelta
from typing import Any

from tests.recorder.stage import Stage, config

from callkeeper.audit.actions import Action
from callkeeper.policy.config import RecorderConfig, RetentionSection
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.recording import KeptRecording, Media, Status
from callkeeper.recorder.store.search import EVERYTHING, Search

RULE = "RetentionRule/voice/rule"


class Died(BaseException):
    """The process ends here."""


def ruled(retention: str = "90d", extra: str = "365d", minimum: str = "none", **more: Any) -> RecorderConfig:
    """A config that records everybody and keeps it so long."""
    section = RetentionSection(
        retention=retention, extra_retention=extra, minimum_retention=minimum, object=RULE if retention else None
    )
    return config(retention=section, **more)


async def recorded(stage: Stage, name: str = "n-1", *, seconds: float = 60, **body: Any) -> str:
    """Let a call be recorded and end; the id of the first recording."""
    segment = await stage.segment(nativeId=name, **body)
    stage.clock.forward(seconds)
    await stage.event(segment, "end")
    while not (found := await kept(stage, f"{segment}-1")) or found.clock is None:
        continue  # the disk is slow: answers do not wait for it forever
    return f"{segment}-1"


async def with_media(stage: Stage, recording: str, *, size: int = 1000, seconds: float = 60) -> Media:
    """Give a recording stored media, as an upload does."""
    found = await kept(stage, recording)
    assert found is not None
    path = f"{found.opened:%Y/%m/%d}/{recording}.wav"
    file = stage.folder / "recorder" / "media" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    media = Media(content_type="audio/wav", bytes=size, duration=int(seconds * 1e6), sha256="ab" * 32, path=path)
    key, now = found.key, stage.clock.now()
    store = stage.recorder.parts.store
    await store.write(lambda rows: rows.set_media(key, media, status=Status.COMPLETE, last_media=now))
    return media


async def kept(stage: Stage, recording: str) -> KeptRecording | None:
    """The recording as the store has it."""
    await stage.recorder.calls.kept()
    return await stage.recorder.parts.store.read(lambda rows: rows.recording(recording, EVERYTHING))


async def all_kept(stage: Stage) -> list[KeptRecording]:
    """Every recording that is not being removed."""
    return await stage.recorder.parts.store.read(lambda rows: rows.search(Search(), EVERYTHING, None, 10_000))


async def sent(stage: Stage, *actions: Action) -> list[Event]:
    """The events that the store put into the outbox beside its own changes, of these actions."""

    def query(rows: Reading) -> list[Event]:
        return [event for _, event in rows.undelivered(100_000) if not actions or event.action in actions]

    return await stage.recorder.parts.store.read(query)


def after(stage: Stage, **span: float) -> datetime:
    """That much later than now."""
    return stage.clock.now() + timedelta(**span)
