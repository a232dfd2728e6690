"""`schemas/recorder-api.json`: the OpenAPI document, written from the routes without a recorder behind them."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.download import Download
from callkeeper.audit.mask import MIN_KEY_BYTES, NumberMask
from callkeeper.audit.verification import Verification
from callkeeper.recorder.app import create_app, openapi
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.config_store import Pointer
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.parts import RecorderParts
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recovery import Recovery

T = TypeVar("T")
PATH = "schemas/recorder-api.json"


def api_documents() -> Mapping[str, bytes]:
    """The document by its path below the repository's root."""
    nothing = _Nothing()
    app = create_app(
        RecorderParts(
            config_store=nothing,
            principals=nothing,
            store=nothing,
            media_files=MediaFiles(Path("nowhere"), LocalDisk()),
            audit=nothing,
            audit_reader=nothing,
            mask=NumberMask(bytes(MIN_KEY_BYTES)),
            directory_source="nowhere",
        )
    )
    return {PATH: (json.dumps(openapi(app), indent=2, ensure_ascii=False) + "\n").encode()}


class _Nothing:
    """Every port at once, of a recorder nobody may ask anything: only its routes are looked at."""

    fault: str | None = None

    def load(self) -> None:
        return None

    def save(self, pointer: Pointer, body: bytes) -> None:
        raise NotImplementedError

    def body(self, revision: str) -> bytes | None:
        raise NotImplementedError

    def principal(self, token: str) -> Principal | None:
        raise NotImplementedError

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        raise NotImplementedError

    async def act_all(
        self,
        doing: Callable[[Writing], T],
        rows: Sequence[tuple[Action, Mapping[str, Any]]],
        *,
        at: datetime,
        actor: Actor,
    ) -> T:
        raise NotImplementedError

    async def act(
        self, doing: Callable[[Writing], T], action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]
    ) -> T:
        raise NotImplementedError

    async def write(self, unit: Callable[[Writing], T]) -> T:
        raise NotImplementedError

    async def save_segments(self, segments: Sequence[Segment]) -> None:
        raise NotImplementedError

    async def read(self, query: Callable[[Reading], T]) -> T:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    @property
    def recovery(self) -> Recovery:
        return Recovery(last_number=0, segments=0, recordings=0)

    def watch_outbox(self, told: Callable[[], None]) -> None:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError

    async def fix(self, asked: AskedExport) -> Download:
        raise NotImplementedError

    async def record(self, download: Download, offset: int, *, at: datetime, actor: Actor) -> None:
        raise NotImplementedError

    async def verify(
        self, against: Sequence[Checkpoint], public_keys: Sequence[bytes], *, at: datetime, actor: Actor
    ) -> Verification:
        raise NotImplementedError
